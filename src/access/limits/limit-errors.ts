import { ServiceError } from '../../service-error.js';

/** A limit is used up. Nothing of the request was read. */
export class RateLimitedError extends ServiceError {
  readonly code = 'RATE_LIMITED';
  override readonly retryAfterSeconds: number;

  constructor(violated: readonly string[], retryAfterMs: number) {
    const names = violated.map((name) => `"${name}"`).join(', ');
    super(`The limit ${names} is used up for now; GET /v1/limits shows all limits and what is left of each`, {
      extensions: { 'violated-policies': violated, retryAfterMs },
    });
    this.retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  }
}

export class LimitNotFoundError extends ServiceError {
  readonly code = 'LIMIT_NOT_FOUND';

  constructor(name: string) {
    super(`There is no limit "${name}" for this caller; GET /v1/limits lists them, docs/limits.md says how to set one`);
  }
}

export class TooManyTakesError extends ServiceError {
  readonly code = 'TOO_MANY_WAITING';
  override readonly retryAfterSeconds = 5;

  constructor(limit: number) {
    super(`This service already has ${limit} requests that wait for a limit`, { extensions: { limit } });
  }
}
