/**
 * All error codes. `src/http/problems.ts` declares status and title of each (the compiler checks that none is missing), and
 * `docs/problems.md` explains each (a test checks that none is missing).
 */
export const ERROR_CODES = [
  'ACCESS_UNKNOWN',
  'ADDRESS_NOT_ALLOWED',
  'ALREADY_EXISTS',
  'ATTACH_REFUSED',
  'BAD_REQUEST',
  'COMMIT_TOO_LARGE',
  'CONFLICT_NOT_FOUND',
  'CREDENTIAL_EXPIRED',
  'CREDENTIAL_IN_URL',
  'CROSS_SITE',
  'DURABILITY_UNAVAILABLE',
  'ENCRYPTION_UNAVAILABLE',
  'FEED_RESET',
  'FEED_TRIMMED',
  'HOST_NOT_ALLOWED',
  'IDEMPOTENCY_IN_PROGRESS',
  'IDEMPOTENCY_MISMATCH',
  'IDEMPOTENCY_NOT_SUPPORTED',
  'IMPORT_HEADER_MISSING',
  'INSUFFICIENT_SCOPE',
  'INTERNAL_ERROR',
  'INVALID_BODY',
  'INVALID_CREDENTIAL',
  'INVALID_CURSOR',
  'INVALID_DURABILITY',
  'INVALID_HEADER',
  'INVALID_ID',
  'INVALID_JSON',
  'INVALID_QUERY',
  'JSON_REFUSED',
  'KEPT_AS_CONFLICT',
  'KEY_NOT_FOUND',
  'LEASE_LOST',
  'LIMIT_NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'OUTCOME_UNKNOWN',
  'PATCH_INVALID',
  'PATCH_TEST_FAILED',
  'QUEUE_FULL',
  'RATE_LIMITED',
  'REQUEST_TIMEOUT',
  'ROUTE_NOT_FOUND',
  'SEAL_BROKEN',
  'SEAL_KEY_UNKNOWN',
  'SECTION_NOT_FOUND',
  'STATE_NOT_JSON',
  'STATE_SHAPE_CONFLICT',
  'STATE_TOO_LARGE',
  'STATUS_CONFLICT',
  'STORE_FULL',
  'STORE_KEY_TAKEN',
  'STORE_LOADING',
  'STORE_UNAVAILABLE',
  'TASK_CANCELLED',
  'TASK_ENDED',
  'TASK_NOT_FOUND',
  'TENANT_NOT_FOUND',
  'TENANT_SUSPENDED',
  'TOO_MANY_ANSWERS_WAITING',
  'TOO_MANY_BODIES',
  'TOO_MANY_LISTENERS',
  'TOO_MANY_TASKS',
  'TOO_MANY_WAITING',
  'UNAUTHENTICATED',
  'UNSUPPORTED_MEDIA_TYPE',
  'VERSION_CONFLICT',
  'VERSION_NOT_FOUND',
  'VERSION_PRUNED',
  'WORKFLOW_NOT_FOUND',
  'WRITE_UNCONFIRMED',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

interface ServiceErrorOptions extends ErrorOptions {
  readonly failed?: ServiceError['failed'];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** An error with a stable code and a message for the client. Independent of HTTP. */
export abstract class ServiceError extends Error {
  abstract readonly code: ErrorCode;
  /** Members of the problem document beyond the standard ones; docs/problems.md names them for each code. */
  readonly extensions: Readonly<Record<string, unknown>>;
  /** The refused part of a commit, if known. */
  failed: { readonly part: string; readonly index: number } | undefined;
  /** Suggested delay of a retry. */
  readonly retryAfterSeconds: number | undefined = undefined;

  constructor(message: string, { failed, extensions = {}, ...options }: ServiceErrorOptions = {}) {
    super(message, options);
    this.name = new.target.name;
    this.failed = failed;
    this.extensions = extensions;
  }
}
