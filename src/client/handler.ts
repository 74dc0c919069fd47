import type { ClaimedTask } from './task-types.js';
import type { Commit, Committed } from './workflow-types.js';

/** What a handler may do beside working. */
export interface TaskContext {
  /**
   * Aborted when there is no use in going on: the lease is lost, somebody cancelled the task, or the worker has no more time.
   * The reason says which.
   */
  readonly signal: AbortSignal;
  /** Tells those who watch the task; renews the lease. */
  progress(event: unknown): Promise<void>;
  /** Ends the task together with other writes, in one step; what the handler returns is then of no interest. */
  commit(parts: Omit<Commit, 'ack'>, result?: unknown): Promise<Committed>;
}

/** What it returns is the result of the task. What it throws fails the task: see TaskFailure. */
export type Handler = (task: ClaimedTask, context: TaskContext) => Promise<unknown>;

/** For handlers that want to say more than "failed". Any other error is retried under the code FAILED. */
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

/** The worker is about to end and has no time left for the task: it goes back to its queue. */
export class WorkerStoppedError extends Error {
  override readonly name = 'WorkerStoppedError';
}
