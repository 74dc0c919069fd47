import { ServiceError } from '../service-error.js';

/** More requests wait for tasks than one replica can hold. */
export class TooManyWaitingError extends ServiceError {
  readonly code = 'TOO_MANY_WAITING';
  override readonly retryAfterSeconds = 1;

  constructor(limit: number) {
    super(`${limit} claims wait on this replica already; try again, or ask without waitMs`);
  }
}

/** The reader asked for what comes behind an event that is gone, so it would miss some. */
export class FeedTrimmedError extends ServiceError {
  readonly code = 'FEED_TRIMMED';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(oldest: number) {
    super(`Events before ${oldest} are no longer kept; read on from there`);
    this.extensions = { oldest };
  }
}
