import { ServiceError } from '../service-error.js';

/** Too many requests wait for tasks on this replica. */
export class TooManyWaitingError extends ServiceError {
  readonly code = 'TOO_MANY_WAITING';
  override readonly retryAfterSeconds = 1;
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(limit: number) {
    super(`${limit} claims wait on this replica already; try again, or ask without waitMs`);
    this.extensions = { limit };
  }
}
