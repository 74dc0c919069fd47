import { ServiceError } from '../service-error.js';

/** Fault in a body or a query; `pointer` is a JSON Pointer into it. */
export interface Issue {
  readonly pointer: string;
  readonly message: string;
}

/** Issues of a query or a path. Each is named without the slash of its pointer. */
function detailOf(issues: readonly Issue[]): string {
  return issues.map(({ pointer, message }) => `${pointer.slice(1)}: ${message}`).join('; ');
}

export class BadRequestError extends ServiceError {
  readonly code = 'BAD_REQUEST';
}

export class InvalidJsonBodyError extends ServiceError {
  readonly code = 'INVALID_JSON';
}

/** Valid JSON that the store could not return unchanged, or that is malicious. */
export class JsonRefusedError extends ServiceError {
  readonly code = 'JSON_REFUSED';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(issue: Issue) {
    super(issue.message);
    this.extensions = { errors: [issue] };
  }
}

export class InvalidBodyError extends ServiceError {
  readonly code = 'INVALID_BODY';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(issues: readonly Issue[]) {
    super(issues.map(({ pointer, message }) => `${pointer === '' ? 'body' : pointer}: ${message}`).join('; '));
    this.extensions = { errors: issues };
  }
}

export class InvalidQueryError extends ServiceError {
  readonly code = 'INVALID_QUERY';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(issues: readonly Issue[]) {
    super(detailOf(issues));
    this.extensions = { errors: issues };
  }

  static of(name: string, message: string): InvalidQueryError {
    return new InvalidQueryError([{ pointer: `/${name}`, message }]);
  }
}

export class InvalidHeaderError extends ServiceError {
  readonly code = 'INVALID_HEADER';

  constructor(name: string, message: string) {
    super(`${name}: ${message}`);
  }
}

export class InvalidDurabilityError extends ServiceError {
  readonly code = 'INVALID_DURABILITY';

  constructor() {
    super('Waymark-Durability: must be "replicated"; only requests that write take this header');
  }
}

export class InvalidCursorError extends ServiceError {
  readonly code = 'INVALID_CURSOR';

  constructor() {
    super('The cursor is damaged, or belongs to a listing with other filters; start again without it');
  }
}

export class InvalidIdError extends ServiceError {
  readonly code = 'INVALID_ID';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(given: string | readonly Issue[]) {
    super(typeof given === 'string' ? given : detailOf(given));
    this.extensions = typeof given === 'string' ? {} : { errors: given };
  }
}

export class UnsupportedMediaTypeError extends ServiceError {
  readonly code = 'UNSUPPORTED_MEDIA_TYPE';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    given: string | undefined,
    readonly accepted: readonly string[],
  ) {
    super(`${given ?? 'A body without Content-Type'} is not accepted here; send ${accepted.join(' or ')}`);
    this.extensions = { accepted };
  }
}

export class RouteNotFoundError extends ServiceError {
  readonly code = 'ROUTE_NOT_FOUND';
}

export class MethodNotAllowedError extends ServiceError {
  readonly code = 'METHOD_NOT_ALLOWED';

  constructor(readonly allowed: readonly string[]) {
    super(`Allowed here: ${allowed.join(', ')}`);
  }
}

export class RequestTimeoutError extends ServiceError {
  readonly code = 'REQUEST_TIMEOUT';
}

export class IdempotencyInProgressError extends ServiceError {
  readonly code = 'IDEMPOTENCY_IN_PROGRESS';
  override readonly retryAfterSeconds = 1;

  constructor() {
    super('The first request with this Idempotency-Key is still running');
  }
}

export class IdempotencyNotSupportedError extends ServiceError {
  readonly code = 'IDEMPOTENCY_NOT_SUPPORTED';

  constructor(why = 'This route only reads, so it needs no Idempotency-Key') {
    super(`${why}. Send the request without Idempotency-Key`);
  }
}
