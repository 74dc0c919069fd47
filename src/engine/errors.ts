import { ServiceError } from '../service-error.js';
import type { ConflictName, Part } from './commit.js';
import { etagOf, type WorkflowMeta } from './records/workflow-meta.js';
import type { TaskStatus } from './task.js';

/** Refused part of a commit. */
export interface FailedPart {
  readonly part: Part;
  readonly index: number;
}

/** Runs `run`; adds the part of the commit to an error. */
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

  constructor(
    failed: FailedPart | undefined,
    readonly id: string,
    readonly current: WorkflowMeta | undefined,
  ) {
    const [message, shown] =
      current === undefined
        ? [`Workflow ${id} does not exist, but a version of it was expected`, null]
        : [`Workflow ${id} is at version ${current.version}, which is not the expected one`, shownMeta(current)];
    super(message, { failed, extensions: { current: shown } });
  }
}

/** The current version as clients see it. */
export function shownMeta(meta: WorkflowMeta): object {
  return { version: meta.version, etag: etagOf(meta), updatedAt: new Date(meta.updatedAtMs).toISOString() };
}

export class WorkflowNotFoundError extends ServiceError {
  readonly code = 'WORKFLOW_NOT_FOUND';

  constructor(
    readonly id: string,
    failed?: FailedPart,
  ) {
    super(`Workflow ${id} does not exist: never created, deleted, or expired`, { failed });
  }
}

export class StateTooLargeError extends ServiceError {
  readonly code = 'STATE_TOO_LARGE';

  constructor(limit: number, actual: number | null, failed?: FailedPart) {
    super(`Larger than the limit of ${limit} bytes${actual === null ? '' : `: ${actual} bytes`}`, {
      failed,
      extensions: { limit, actual },
    });
  }
}

export class CommitTooLargeError extends ServiceError {
  readonly code = 'COMMIT_TOO_LARGE';

  constructor(limit: number) {
    super(`The states of this part and of those before it have more than ${limit} bytes; write fewer in one commit`, {
      extensions: { limit },
    });
  }
}

/** An edit would make a state that a write may not have either. */
export class StateRefusedError extends ServiceError {
  readonly code = 'JSON_REFUSED';

  constructor(what: string) {
    super(`The state would have ${what}`);
  }
}

/** The key was used for another request before. */
export class IdempotencyMismatchError extends ServiceError {
  readonly code = 'IDEMPOTENCY_MISMATCH';

  constructor() {
    super('The key was used for another request; use a new key for a new request');
  }
}

/** Another program wrote a value that is not JSON under the key of a state. */
export class StateNotJsonError extends ServiceError {
  readonly code = 'STATE_NOT_JSON';

  constructor(id: string) {
    super(`Another program wrote a value for workflow ${id} that is not JSON; write a whole state to replace it`);
  }
}

/**
 * Whether an error is about the store and says nothing about the request: the store is unreachable or full, another
 * program has a key, or the outcome is unknown. The request may be sent again later.
 */
export function isOfStore(error: unknown): boolean {
  return error instanceof ServiceError && (error.code === 'OUTCOME_UNKNOWN' || error.code.startsWith('STORE_'));
}

/** Nothing was applied or read. */
export class StoreUnavailableError extends ServiceError {
  readonly code = 'STORE_UNAVAILABLE';
  override readonly retryAfterSeconds = 1;

  constructor(options?: ErrorOptions, message = 'The store is unreachable; nothing was changed') {
    super(message, options);
  }
}

/** The data is being read from the disk. */
export class StoreLoadingError extends ServiceError {
  readonly code = 'STORE_LOADING';

  constructor(
    percent: number,
    override readonly retryAfterSeconds: number,
  ) {
    super(`The service is loading its data: ${percent} % are done; nothing was changed`, { extensions: { percent } });
  }
}

/** The store serves others, but refuses this request. `cause` has its answer. */
export class StoreRefusedError extends StoreUnavailableError {
  constructor(options?: ErrorOptions) {
    super(options, 'The store refuses this request; nothing was changed');
  }
}

/** The store answered, but something else than our data is under a key. */
export class UnreadableReplyError extends StoreUnavailableError {
  constructor() {
    super({ cause: new Error('a reply of Redis has an unexpected shape') });
  }
}

/** Another program has a key under a name of ours. Nothing was applied; the key is unchanged. */
export class KeyTakenError extends ServiceError {
  readonly code = 'STORE_KEY_TAKEN';
  override readonly retryAfterSeconds = 30;

  constructor(
    readonly key: string,
    readonly type: string,
  ) {
    super(`The key ${key} in Redis is not ours: another program keeps a ${type} there; nothing was changed`, {
      extensions: { key },
    });
  }
}

/** No connection to the store answers. No write was sent. */
export class StoreAwayError extends StoreUnavailableError {}

/** The store is unreachable, and this replica has no held copy to answer from. `because` says why. */
export class NotHeldError extends ServiceError {
  readonly code = 'STORE_UNAVAILABLE';
  override readonly retryAfterSeconds = 1;

  constructor(because: string, failed?: FailedPart) {
    super(`The store is unreachable, and ${because}; nothing was changed`, { failed });
  }
}

/** An earlier write to the workflow waits, since the store refuses it. */
export class EarlierWriteWaitsError extends ServiceError {
  readonly code = 'STORE_UNAVAILABLE';
  override readonly retryAfterSeconds = 30;

  constructor(id: string, options?: { readonly failed?: ServiceError['failed'] }) {
    super(
      `The store refuses an earlier write to workflow ${id}, so this request has to wait for it; nothing was changed`,
      options,
    );
  }
}

/** The backlog of writes for the unreachable store is full. */
export class DetachedFullError extends ServiceError {
  readonly code = 'STORE_FULL';
  override readonly retryAfterSeconds = 5;

  constructor(limit: number) {
    super(`The store is unreachable, and ${limit} bytes of writes already wait for it; nothing was changed`);
  }
}

/** The commit with this key was acknowledged while detached. The drain kept it as a conflict. */
export class KeptAsConflictError extends ServiceError {
  readonly code = 'KEPT_AS_CONFLICT';

  constructor(readonly conflicts: readonly ConflictName[]) {
    super('The first request with this key met a newer state when the store was back, and is kept as a conflict', {
      extensions: { conflicts },
    });
  }
}

export class ConflictNotFoundError extends ServiceError {
  readonly code = 'CONFLICT_NOT_FOUND';

  constructor({ id, n }: { readonly id: string; readonly n: number | string }) {
    super(`Workflow ${id} has no conflict ${n}: never recorded, resolved, or expired`);
  }
}

/** The store refused to grow. Nothing was applied; deletes still pass. */
export class StoreFullError extends ServiceError {
  readonly code = 'STORE_FULL';
  override readonly retryAfterSeconds = 5;

  constructor(options?: ErrorOptions) {
    super('The store is full; nothing was changed. Deletes are still accepted', options);
  }
}

/** The commit was sent and its answer was lost. A retry with the same key is safe. */
export class OutcomeUnknownError extends ServiceError {
  readonly code = 'OUTCOME_UNKNOWN';
  override readonly retryAfterSeconds = 1;

  constructor(options?: ErrorOptions) {
    super(
      'The store did not answer in time: the write may have been applied. A retry with the same key is safe',
      options,
    );
  }
}

/** The store can never confirm a write as durably as the request asks. Nothing was changed. */
export class DurabilityUnavailableError extends ServiceError {
  readonly code = 'DURABILITY_UNAVAILABLE';

  constructor(because: string) {
    super(`${because}; nothing was changed`);
  }
}

/** The write is applied, but no replica has acknowledged it yet. */
export class WriteUnconfirmedError extends ServiceError {
  readonly code = 'WRITE_UNCONFIRMED';
  override readonly retryAfterSeconds = 1;

  constructor(etag: string | undefined) {
    const what = etag === undefined ? 'The write is applied' : `The write is applied as version ${etag}`;
    super(
      `${what}, but no replica has confirmed it in time: a failover could lose it. A retry with the same key asks again`,
      { extensions: etag === undefined ? {} : { etag } },
    );
  }
}

/** Events after the requested one are no longer kept, so the reader would miss some. */
export class FeedTrimmedError extends ServiceError {
  readonly code = 'FEED_TRIMMED';

  constructor(readonly oldest: string | number) {
    super(`Events before ${oldest} are no longer kept, so events may have been missed; read the state again`, {
      extensions: { oldest },
    });
  }
}

/** The event id belongs to another store, or to events that the store has lost. */
export class FeedResetError extends ServiceError {
  readonly code = 'FEED_RESET';

  constructor() {
    super('No such event in this feed: the store was emptied, restored or replaced; read the state again');
  }
}

export class TaskNotFoundError extends ServiceError {
  readonly code = 'TASK_NOT_FOUND';

  constructor(id: string, failed?: FailedPart) {
    super(`Task ${id} does not exist: never created, or ended and no longer kept`, { failed });
  }
}

/** The token is not that of the current delivery: another delivery began, or the task ended. */
export class LeaseLostError extends ServiceError {
  readonly code = 'LEASE_LOST';

  constructor(id: string, failed?: FailedPart) {
    super(`The lease on task ${id} expired or was taken over; discard the result and do not retry`, { failed });
  }
}

export class TaskCancelledError extends ServiceError {
  readonly code = 'TASK_CANCELLED';

  constructor(id: string, failed?: FailedPart) {
    super(`Task ${id} was cancelled; discard the result`, { failed });
  }
}

export class TaskEndedError extends ServiceError {
  readonly code = 'TASK_ENDED';

  constructor(id: string, status: TaskStatus) {
    super(`Task ${id} has already ended: ${status}`, { extensions: { taskStatus: status } });
  }
}

/** The queue accepts tasks again when some have ended. Nothing was changed. */
export class QueueFullError extends ServiceError {
  readonly code = 'QUEUE_FULL';
  override readonly retryAfterSeconds = 5;

  constructor(queue: string, limit: number, unit: 'tasks' | 'bytes', failed?: FailedPart) {
    const message =
      unit === 'tasks'
        ? `Queue ${queue} has reached its limit of ${limit} open tasks`
        : `Queue ${queue} would exceed its limit of ${limit} bytes of headers and payloads of open tasks`;
    super(message, { failed, extensions: { queue, limit, unit } });
  }
}

/** The workflow has more open tasks than one commit can cancel. */
export class TooManyTasksError extends ServiceError {
  readonly code = 'TOO_MANY_TASKS';

  constructor(workflowId: string, limit: number) {
    super(
      `Workflow ${workflowId} has more than ${limit} open tasks, the limit of one commit; cancel some of them first`,
    );
  }
}
