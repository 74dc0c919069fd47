import { ServiceError } from '../service-error.js';
import type { ConflictName, Part } from './commit.js';
import { etagOf, type WorkflowMeta } from './records/workflow-meta.js';
import type { TaskStatus } from './task.js';

/** Which part of a commit was refused. */
export interface FailedPart {
  readonly part: Part;
  readonly index: number;
}

/** Runs what may refuse one part of a commit, and lets the refusal say which it was. */
export function asPart<T>(part: Part, index: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof ServiceError) error.failed ??= { part, index };
    throw error;
  }
}

/** An expectation did not hold. Nothing has changed. */
export class VersionConflictError extends ServiceError {
  readonly code = 'VERSION_CONFLICT';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    failed: FailedPart | undefined,
    readonly id: string,
    readonly current: WorkflowMeta | undefined,
  ) {
    super(
      current === undefined
        ? `Workflow ${id} does not exist, so it cannot be in the state you expected`
        : `Workflow ${id} is at version ${current.version}, not in the state you expected`,
    );
    this.failed = failed;
    this.extensions = {
      current:
        current === undefined
          ? null
          : {
              version: current.version,
              etag: etagOf(current),
              updatedAt: new Date(current.updatedAtMs).toISOString(),
            },
    };
  }
}

export class WorkflowNotFoundError extends ServiceError {
  readonly code = 'WORKFLOW_NOT_FOUND';

  constructor(
    readonly id: string,
    failed?: FailedPart,
  ) {
    super(`Workflow ${id} does not exist: never created, deleted, or expired`);
    this.failed = failed;
  }
}

export class StateTooLargeError extends ServiceError {
  readonly code = 'STATE_TOO_LARGE';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(limit: number, actual: number | null, failed?: FailedPart) {
    super(`At most ${limit} bytes are accepted${actual === null ? '' : `, this has ${actual}`}`);
    this.failed = failed;
    this.extensions = { limit, actual };
  }
}

/** The key was used for another request before. */
export class IdempotencyMismatchError extends ServiceError {
  readonly code = 'IDEMPOTENCY_MISMATCH';

  constructor() {
    super('This Idempotency-Key was used with a different body; use a new key for a new request');
  }
}

/** Another program wrote something that is not JSON where a state should be. */
export class StateNotJsonError extends ServiceError {
  readonly code = 'STATE_NOT_JSON';

  constructor(id: string) {
    super(
      `What is stored for workflow ${id} was written by another program and is not JSON that can be served; a PUT replaces it`,
    );
  }
}

/** Nothing was applied, and nothing could be read. */
export class StoreUnavailableError extends ServiceError {
  readonly code = 'STORE_UNAVAILABLE';
  override readonly retryAfterSeconds = 1;

  constructor(options?: ErrorOptions) {
    super('The store cannot be reached; nothing was changed', options);
  }
}

/** There is no connection to the store, or none that answers. Nothing was sent, or what was sent only read. */
export class StoreAwayError extends StoreUnavailableError {}

/** The store is away, and this replica does not hold what the request is about, or not as the request expects it. */
export class NotHeldError extends ServiceError {
  readonly code = 'STORE_UNAVAILABLE';
  override readonly retryAfterSeconds = 1;

  constructor(says = 'this replica does not hold what you ask for as you expect it', failed?: FailedPart) {
    super(`The store cannot be reached, and ${says}; nothing was changed`);
    this.failed = failed;
  }
}

/** As much as this replica may hold for a store that is away. */
export class DetachedFullError extends ServiceError {
  readonly code = 'STORE_FULL';
  override readonly retryAfterSeconds = 5;

  constructor(limit: number) {
    super(`The store cannot be reached, and ${limit} bytes of writes wait for it already; nothing was changed`);
  }
}

/** A commit with this key was acknowledged while the store was away, and the store had moved on: it is kept, but not current. */
export class KeptAsConflictError extends ServiceError {
  readonly code = 'KEPT_AS_CONFLICT';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(readonly conflicts: readonly ConflictName[]) {
    super('The first request with this key met a newer state when the store was back; it is kept as a conflict');
    this.extensions = { conflicts };
  }
}

export class ConflictNotFoundError extends ServiceError {
  readonly code = 'CONFLICT_NOT_FOUND';

  constructor({ id, n }: { readonly id: string; readonly n: number | string }) {
    super(`Workflow ${id} has no conflict ${n}: there never was one, it was resolved, or its time is over`);
  }
}

/** The store refused to grow. Nothing was applied; deletes still pass. */
export class StoreFullError extends ServiceError {
  readonly code = 'STORE_FULL';
  override readonly retryAfterSeconds = 5;

  constructor(options?: ErrorOptions) {
    super('The store is full; nothing was changed. Deletes still pass', options);
  }
}

/** The commit was sent and its answer was lost: it may have been applied. A retry with the same key is safe. */
export class OutcomeUnknownError extends ServiceError {
  readonly code = 'OUTCOME_UNKNOWN';
  override readonly retryAfterSeconds = 1;

  constructor(options?: ErrorOptions) {
    super(
      'The store did not answer in time, so the write may or may not have been applied; a retry with the same Idempotency-Key is safe',
      options,
    );
  }
}

/** Nothing was changed: the write asked for more copies than this store can ever have. */
export class DurabilityUnavailableError extends ServiceError {
  readonly code = 'DURABILITY_UNAVAILABLE';

  constructor(because: string) {
    super(`${because}; nothing was changed`);
  }
}

/** The write was applied, and nobody else has said that he has it. */
export class WriteUnconfirmedError extends ServiceError {
  readonly code = 'WRITE_UNCONFIRMED';
  override readonly retryAfterSeconds = 1;
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(etag: string | undefined) {
    const what = etag === undefined ? 'The write is applied' : `The write is applied (ETag ${etag})`;
    super(
      `${what}, but no replica has confirmed it in time: a failover now could lose it. A retry with the same Idempotency-Key asks again`,
    );
    this.extensions = etag === undefined ? {} : { etag };
  }
}

/** The reader asked for what comes behind an event that is gone, so it would miss some. */
export class FeedTrimmedError extends ServiceError {
  readonly code = 'FEED_TRIMMED';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(readonly oldest: string | number) {
    super(`Events before ${oldest} are no longer kept, so some may have been missed`);
    this.extensions = { oldest };
  }
}

/** The store is not the one that gave the place out, or has lost what was last written to it. */
export class FeedResetError extends ServiceError {
  readonly code = 'FEED_RESET';

  constructor() {
    super('There is no such event in this feed: the store was emptied, restored or replaced; read the state again');
  }
}

export class TaskNotFoundError extends ServiceError {
  readonly code = 'TASK_NOT_FOUND';

  constructor(id: string, failed?: FailedPart) {
    super(`Task ${id} does not exist: never created, or ended and no longer kept`);
    this.failed = failed;
  }
}

/** Another delivery of the task has begun, or it has ended: what the holder of this token did must be dropped. */
export class LeaseLostError extends ServiceError {
  readonly code = 'LEASE_LOST';
  constructor(id: string, failed?: FailedPart) {
    super(`The lease on task ${id} is not yours any more; drop the work, and do not try again`);
    this.failed = failed;
  }
}

export class TaskCancelledError extends ServiceError {
  readonly code = 'TASK_CANCELLED';
  constructor(id: string, failed?: FailedPart) {
    super(`Task ${id} was cancelled; drop the work`);
    this.failed = failed;
  }
}

export class TaskEndedError extends ServiceError {
  readonly code = 'TASK_ENDED';
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(id: string, status: TaskStatus) {
    super(`Task ${id} has ended already: it is ${status}`);
    this.extensions = { taskStatus: status };
  }
}

/** Nothing was changed; there is room again when tasks have been done. */
export class QueueFullError extends ServiceError {
  readonly code = 'QUEUE_FULL';
  override readonly retryAfterSeconds = 5;
  override readonly extensions: Readonly<Record<string, unknown>>;

  constructor(queue: string, limit: number, failed?: FailedPart) {
    super(`Queue ${queue} holds ${limit} open tasks and takes no more`);
    this.failed = failed;
    this.extensions = { queue, limit };
  }
}

/** More open tasks than one step can cancel. */
export class TooManyTasksError extends ServiceError {
  readonly code = 'TOO_MANY_TASKS';

  constructor(workflowId: string, limit: number) {
    super(`Workflow ${workflowId} has more than ${limit} open tasks; cancel some of them first`);
  }
}
