import { shortened } from '../json/shortened.js';
import { ServiceError } from '../service-error.js';

/** Fault in a body or a query; `pointer` is a JSON Pointer into it. */
export interface Issue {
  readonly pointer: string;
  readonly message: string;
}

/** Issues that an answer lists; a body of a megabyte may have a hundred thousand. */
const MAX_ISSUES = 100;
/** Longest text of an issue. Names of members come from the client and may be long. */
const MAX_ISSUE_LENGTH = 500;

/** Members of a problem for these issues: the first ones, and the number of all if there are more. */
function extensionsOf(issues: readonly Issue[]): Readonly<Record<string, unknown>> {
  const errors = issues.slice(0, MAX_ISSUES).map(({ pointer, message }) => ({
    pointer: shortened(pointer, MAX_ISSUE_LENGTH),
    message: shortened(message, MAX_ISSUE_LENGTH),
  }));
  return { errors, ...(issues.length > errors.length && { errorCount: issues.length }) };
}

/** The first issues as one text. */
function listed(issues: readonly Issue[], textOf: (issue: Issue) => string): string {
  const shown = issues.slice(0, 10).map((issue) => shortened(textOf(issue), MAX_ISSUE_LENGTH));
  return [...shown, ...(issues.length > shown.length ? [`and ${issues.length - shown.length} more`] : [])].join('; ');
}

/** Issues of a query or a path. Each is named without the slash of its pointer. */
function detailOf(issues: readonly Issue[]): string {
  return listed(issues, ({ pointer, message }) => `${pointer.slice(1)}: ${message}`);
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
    super(shortened(issue.message, MAX_ISSUE_LENGTH));
    this.extensions = extensionsOf([issue]);
  }
}

export class InvalidBodyError extends ServiceError {
  readonly code = 'INVALID_BODY';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(issues: readonly Issue[]) {
    super(listed(issues, ({ pointer, message }) => `${pointer === '' ? 'body' : pointer}: ${message}`));
    this.extensions = extensionsOf(issues);
  }
}

export class InvalidQueryError extends ServiceError {
  readonly code = 'INVALID_QUERY';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(issues: readonly Issue[]) {
    super(detailOf(issues));
    this.extensions = extensionsOf(issues);
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

  /** `hint`: where the method is allowed. */
  constructor(
    readonly allowed: readonly string[],
    hint = '',
  ) {
    super(`Allowed here: ${allowed.join(', ')}${hint}`);
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
