import { ReplyError } from 'ioredis';
import {
  KeyTakenError,
  StoreAwayError,
  StoreFullError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../../errors.js';
import { OtherSchemaError } from './other-schema-error.js';
import { ServiceError } from '../../../service-error.js';

/** The command may have been carried out. */
export class LostAnswerError extends Error {}

/** @throws LostAnswerError */
export function lostAnswer(): never {
  throw new LostAnswerError('no answer in time');
}

/** Messages of ioredis for a command that it never wrote to a socket. */
const NOT_SENT =
  /Stream isn't writeable|enableOfflineQueue|ECONNREFUSED|ENOTFOUND|ETIMEDOUT.*connect|connect ETIMEDOUT/i;

/** Replies of a server that is up but answers nothing, or no writes of anybody; treated like a lost connection. */
const NOT_SERVING = /^(BUSY|LOADING|MASTERDOWN|CLUSTERDOWN|READONLY)\b/;

/** Replies of a server that refuses every write; a script has them in its message. */
const REFUSES_ALL = /\b(MISCONF|NOREPLICAS|NOAUTH)\b/;

/**
 * Meaning of a failed command. An error reply: nothing was applied, because scripts check before they write. No
 * connection: nothing was sent. Anything else: unknown.
 * The error of the driver is not kept as a cause, since it contains the command, and the command can contain a state.
 */
export function classified(error: unknown): ServiceError | LostAnswerError {
  if (error instanceof ServiceError || error instanceof LostAnswerError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const cause = new Error(message.slice(0, 200));
  if (error instanceof ReplyError) {
    const known = refusalIn(message);
    if (known !== undefined) return known;
    return NOT_SERVING.test(message) ? new StoreAwayError({ cause }) : refused(message);
  }
  return NOT_SENT.test(message) ? new StoreAwayError({ cause }) : new LostAnswerError(cause.message);
}

/** Error for a reply that refuses a request. The server changed nothing. */
export function refused(message: string): StoreUnavailableError {
  const cause = new Error(message.slice(0, 200));
  return REFUSES_ALL.test(message) ? new StoreUnavailableError({ cause }) : new StoreRefusedError({ cause });
}

/** The error that a script raised, or a full server; see own-keys.lua. Undefined for any other text. */
export function refusalIn(message: string): ServiceError | undefined {
  const [, type, key] = /KEY_TAKEN (\S+) (.*) END_OF_KEY/.exec(message) ?? [];
  if (type !== undefined && key !== undefined) return new KeyTakenError(key, type);
  const [, mark] = /OTHER_SCHEMA (.*) END_OF_MARK/.exec(message) ?? [];
  if (mark !== undefined) return new OtherSchemaError(mark);
  return /\bOOM\b/.test(message) ? new StoreFullError({ cause: new Error(message.slice(0, 200)) }) : undefined;
}

/** Whether a key had another type than a command expected. Nothing says which; see RedisScript.trace. */
export function isOfWrongType(error: unknown): boolean {
  return error instanceof Error && /\bWRONGTYPE\b/.test(error.message);
}

/** Like `classified`, for calls that change nothing: without an answer the store counts as unreachable. */
export function awayIfLost(error: unknown): ServiceError {
  const failure = classified(error);
  return failure instanceof LostAnswerError ? new StoreAwayError({ cause: failure }) : failure;
}

/** Ignores the error of a full server, for writes that may be left out. @throws any other error */
export function unlessFull(error: unknown): void {
  if (!(error instanceof Error && /\bOOM\b/.test(error.message))) throw error;
}
