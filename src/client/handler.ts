import type { ClaimedTask } from './task-types.js';
import type { Commit, Committed } from './workflow-types.js';

/** Given to the handler beside its task. */
export interface TaskContext {
  /**
   * Aborted when the lease is lost or has expired, the task is cancelled or the worker stops: a LeaseLostError,
   * LeaseExpiredError, TaskCancelledError or WorkerStoppedError is the reason.
   */
  readonly signal: AbortSignal;
  /**
   * End of the lease as far as it is confirmed, by the clock of `performance.now()`. Later ones follow with each answer
   * to a heartbeat. After it another worker may have the task.
   */
  readonly leaseUntil: number;
  /** Publishes a progress event to watchers of the task and renews the lease. */
  progress(event: unknown): Promise<void>;
  /** Completes the task together with other writes, in one step; the return value of the handler is then ignored. */
  commit(parts: Omit<Commit, 'ack'>, result?: unknown): Promise<Committed>;
}

/** The return value is the result of the task. An error fails the task: see TaskFailure. */
export type Handler = (task: ClaimedTask, context: TaskContext) => Promise<unknown>;

/** Fails a task with a code and retry options. Any other error is retried with code FAILED. */
export class TaskFailure extends Error {
  override readonly name = 'TaskFailure';

  constructor(
    readonly code: string,
    message: string,
    readonly options: { readonly retryable?: boolean; readonly retryAfterMs?: number } = {},
  ) {
    super(message);
  }
}

/** The worker stops before the task is done: the task returns to its queue. */
export class WorkerStoppedError extends Error {
  override readonly name = 'WorkerStoppedError';
}
