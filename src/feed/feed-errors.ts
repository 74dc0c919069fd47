import { ServiceError } from '../service-error.js';

/** More clients follow the feed than one replica is to serve. */
export class TooManyListenersError extends ServiceError {
  readonly code = 'TOO_MANY_LISTENERS';
  override readonly retryAfterSeconds = 2;
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(limit: number) {
    super(`${limit} clients follow the feed on this replica already; try again, or another replica`);
    this.extensions = { limit };
  }
}
