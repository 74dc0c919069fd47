import type { ErrorCode } from '../service-error.js';

/** Codes of the service. A newer service or a proxy may send others. */
export type ProblemCode = ErrorCode | 'UNEXPECTED_ANSWER' | (string & {});

export interface ProblemDocument {
  readonly code: ProblemCode;
  readonly status: number;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
  readonly [member: string]: unknown;
}

/** The service refused the request. `code` is stable; `problem` is the whole answer. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly status: number;

  constructor(
    readonly problem: ProblemDocument,
    /** From the Retry-After header. */
    readonly retryAfterMs: number | undefined = undefined,
  ) {
    super(messageOf(problem));
    this.name = new.target.name;
    this.code = problem.code;
    this.status = problem.status;
  }
}

/** Another worker has the task, or the task has ended. Final: discard the result. */
export class LeaseLostError extends ProblemError {}
/**
 * No renewal was answered for as long as the lease lasts, so another worker may have the task by now. Measured by the
 * clock of this process.
 */
export class LeaseExpiredError extends Error {
  override readonly name = 'LeaseExpiredError';
}
/** The task was cancelled, or its cancellation was requested. */
export class TaskCancelledError extends ProblemError {}
export class TaskNotFoundError extends ProblemError {}
export class TaskEndedError extends ProblemError {}
export class QueueFullError extends ProblemError {}
export class VersionConflictError extends ProblemError {}
export class WorkflowNotFoundError extends ProblemError {}
/** 401: no credential, or one that is not valid, expired or revoked. */
export class UnauthenticatedError extends ProblemError {}
/** 403: the credential is valid and does not allow this. */
export class ForbiddenError extends ProblemError {}

/** No answer: no connection, a lost one, or a timeout. The request may have been applied. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

const BY_CODE: Partial<Record<string, typeof ProblemError>> = {
  LEASE_LOST: LeaseLostError,
  TASK_CANCELLED: TaskCancelledError,
  TASK_NOT_FOUND: TaskNotFoundError,
  TASK_ENDED: TaskEndedError,
  QUEUE_FULL: QueueFullError,
  VERSION_CONFLICT: VersionConflictError,
  WORKFLOW_NOT_FOUND: WorkflowNotFoundError,
};

const BY_STATUS: Partial<Record<number, typeof ProblemError>> = { 401: UnauthenticatedError, 403: ForbiddenError };

export function problemErrorOf(problem: ProblemDocument, retryAfterMs?: number): ProblemError {
  return new (BY_CODE[problem.code] ?? BY_STATUS[problem.status] ?? ProblemError)(problem, retryAfterMs);
}

/** True for errors after which the caller no longer has the task. */
export function isFinal(error: unknown): boolean {
  return [LeaseLostError, TaskCancelledError, TaskNotFoundError, TaskEndedError].some((kind) => error instanceof kind);
}

/** True when a retry with the same key is safe and may succeed. */
export function isTransient(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  if (!(error instanceof ProblemError)) return false;
  return error.status >= 500 || [408, 429].includes(error.status) || error.code === 'IDEMPOTENCY_IN_PROGRESS';
}

function messageOf({ status, code, detail, errors = [] }: ProblemDocument): string {
  const issues = errors.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
  return `${status} ${code}${detail === undefined ? '' : `: ${detail}`}${issues === '' ? '' : ` (${issues})`}`;
}
