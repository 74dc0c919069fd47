import type { ErrorCode } from '../service-error.js';

/** Codes of the service, and any that a newer service or a proxy in between may answer with. */
export type ProblemCode = ErrorCode | 'UNEXPECTED_ANSWER' | (string & {});

export interface ProblemDocument {
  readonly code: ProblemCode;
  readonly status: number;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
  readonly [member: string]: unknown;
}

/** The service has answered, and the answer is no. Programs decide by `code`; `problem` has what else it said. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly status: number;

  constructor(
    readonly problem: ProblemDocument,
    /** When the service asked to be asked again. */
    readonly retryAfterMs: number | undefined = undefined,
  ) {
    super(messageOf(problem));
    this.name = new.target.name;
    this.code = problem.code;
    this.status = problem.status;
  }
}

/** Another worker has the task, or it has ended. Final: drop the work. */
export class LeaseLostError extends ProblemError {}
/** The task was cancelled under its holder, or somebody asked it to stop. */
export class TaskCancelledError extends ProblemError {}
export class TaskNotFoundError extends ProblemError {}
export class TaskEndedError extends ProblemError {}
export class QueueFullError extends ProblemError {}
export class VersionConflictError extends ProblemError {}
export class WorkflowNotFoundError extends ProblemError {}

/** Nobody answered: no connection, a lost one, or no answer in time. What was asked for may have happened. */
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

export function problemErrorOf(problem: ProblemDocument, retryAfterMs?: number): ProblemError {
  return new (BY_CODE[problem.code] ?? ProblemError)(problem, retryAfterMs);
}

/** Of a holder's call: the task is not in its hands any more, whatever it does. */
export function isFinal(error: unknown): boolean {
  return (
    error instanceof LeaseLostError ||
    error instanceof TaskCancelledError ||
    error instanceof TaskNotFoundError ||
    error instanceof TaskEndedError
  );
}

/** Asking again, with the same key, is safe and may help. */
export function isTransient(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  if (!(error instanceof ProblemError)) return false;
  return error.status >= 500 || [408, 429].includes(error.status) || error.code === 'IDEMPOTENCY_IN_PROGRESS';
}

function messageOf({ status, code, detail, errors = [] }: ProblemDocument): string {
  const issues = errors.map(({ pointer, message }) => `${pointer} ${message}`).join('; ');
  return `${status} ${code}${detail === undefined ? '' : `: ${detail}`}${issues === '' ? '' : ` (${issues})`}`;
}
