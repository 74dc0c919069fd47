import { ReplyError } from 'ioredis';
import { StoreAwayError, StoreFullError, StoreUnavailableError } from '../../errors.js';
import { ServiceError } from '../../../service-error.js';

/** The command may or may not have been carried out. */
export class LostAnswerError extends Error {}

/** @throws LostAnswerError */
export function lostAnswer(): never {
  throw new LostAnswerError('no answer in time');
}

/** Words of ioredis for a command that it never wrote to a socket. */
const NOT_SENT =
  /Stream isn't writeable|enableOfflineQueue|ECONNREFUSED|ENOTFOUND|ETIMEDOUT.*connect|connect ETIMEDOUT/i;

/** Words of a server that is there and does not serve, which is as good as away. */
const NOT_SERVING = /^(LOADING|MASTERDOWN|CLUSTERDOWN|READONLY)\b/;

/**
 * What a failed command means. A reply that is an error means that nothing was applied, because scripts check before they
 * write; no connection, that nothing was sent; everything else, that nobody knows.
 * The driver's error is not kept as a cause: it carries the command, and with it a state.
 */
export function classified(error: unknown): ServiceError | LostAnswerError {
  if (error instanceof ServiceError || error instanceof LostAnswerError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const cause = new Error(message.slice(0, 200));
  if (error instanceof ReplyError) {
    if (/\bOOM\b/.test(message)) return new StoreFullError({ cause });
    return NOT_SERVING.test(message) ? new StoreAwayError({ cause }) : new StoreUnavailableError({ cause });
  }
  return NOT_SENT.test(message) ? new StoreAwayError({ cause }) : new LostAnswerError(cause.message);
}

/** For what is good to have and may wait for room. @throws the error, if it is another one */
export function unlessFull(error: unknown): void {
  if (!(error instanceof Error && /\bOOM\b/.test(error.message))) throw error;
}
