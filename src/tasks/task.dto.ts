import { MAX_PRIORITY } from '../engine/limits.js';
import { TASK_STATUSES, type TaskStatus } from '../engine/records/task-fields.js';
import { ExactlyOne } from '../http/shapes/field.js';
import { ref } from '../http/shapes/describe.js';
import { Count, Flag, Integer, ListOf, OneOf, RawJson, Text, Time } from '../http/shapes/fields.js';
import { QueueName, TaskId, WorkflowId } from '../http/shapes/names.js';

export class TaskPath {
  @TaskId({ about: 'Id of a task', example: 'task-1' }) id!: string;
}

const MAX_LISTED = 1000;
const MAX_WAIT_MS = 60_000;

export class TaskListQuery {
  @Integer({ min: 1, max: MAX_LISTED, default: 100 }) limit!: number;
}

export class TaskQuery {
  @Integer({ min: 0, max: MAX_WAIT_MS, default: 0, about: 'How long to wait for the end of the task' }) waitMs!: number;
}

export class TaskEventsQuery {
  @Integer({ min: 0, optional: true, about: 'Only events after this one; Last-Event-ID takes precedence' })
  after?: number;
  @Integer({ min: 0, max: MAX_WAIT_MS, default: 0, about: 'How long to wait for an event' }) waitMs!: number;
}

export class TaskEventsHeaders {
  @Text({
    as: 'Last-Event-ID',
    pattern: /^\d{0,15}$/,
    optional: true,
    says: 'must be the id of an event',
    about: 'The last event that was read; the stream continues after it',
  })
  lastEventId?: string;
}

/** Task without payload and result. */
export class Task {
  @TaskId() id!: string;
  @QueueName() queue!: string;
  @OneOf(TASK_STATUSES) status!: TaskStatus;
  @Integer({ min: 0, max: MAX_PRIORITY }) priority!: number;
  @Count({ about: 'Deliveries so far, without released ones' }) attempt!: number;
  @Count() maxAttempts!: number;
  @Count() releases!: number;
  @Count({ about: 'Number of replays from the dead list' }) replays!: number;
  @WorkflowId({ nullable: true, about: 'Workflow of the task; it does not expire while the task is open' })
  workflowId!: string | null;
  @Time() createdAtMs!: number;
  @Time({ nullable: true }) readyAtMs!: number | null;
  @Time({ nullable: true }) dueAtMs!: number | null;
  @Time() expiresAtMs!: number;
  @Time({ as: 'leaseExpiresAt', nullable: true }) leaseEndsAtMs!: number | null;
  @Text({ nullable: true }) worker!: string | null;
  @Flag() cancelRequested!: boolean;
  @Text({ nullable: true, about: 'Reason of the cancellation, or error code that made the task dead' }) reason!:
    string | null;
  @Time({ nullable: true }) endedAtMs!: number | null;
  @Flag({ optional: true, about: 'True when a task with this id or dedupeKey existed already' }) duplicate?: boolean;
}

export class TaskFailure {
  @Text() code!: string;
  @Text() message!: string;
  @Count() attempt!: number;
  @Time() atMs!: number;
}

const TEXTS = { type: 'object', additionalProperties: { type: 'string' } };

export class TaskDetail extends Task {
  @RawJson({ schema: TEXTS }) headers!: string;
  @ListOf(() => TaskFailure) failures!: readonly TaskFailure[];
  @RawJson({ optional: true, about: 'Payload as it was sent; absent once the task is done or cancelled' }) payload?:
    string | undefined;
  @RawJson({ optional: true }) result?: string | undefined;
}

export class ClaimedTask {
  @TaskId() id!: string;
  @QueueName() queue!: string;
  @Text({ as: 'leaseToken' }) token!: string;
  @Time({ as: 'leaseExpiresAt' }) leaseEndsAtMs!: number;
  @Count() priority!: number;
  @Count() attempt!: number;
  @Count() maxAttempts!: number;
  @WorkflowId({ nullable: true }) workflowId!: string | null;
  @Time() createdAtMs!: number;
  @RawJson() payload!: string;
  @RawJson({ schema: TEXTS }) headers!: string;
}

export class ClaimedTasks {
  @ListOf(() => ClaimedTask) tasks!: readonly ClaimedTask[];
}

export class EnqueuedTasks {
  @ListOf(() => Task) tasks!: readonly Task[];
}

export class TaskList {
  @ListOf(() => Task) items!: readonly Task[];
}

export class TaskDetailList {
  @ListOf(() => TaskDetail) items!: readonly TaskDetail[];
}

export class DoneTask {
  @TaskId() id!: string;
  @OneOf(['done']) status!: 'done';
  @Flag() replayed!: boolean;
}

/** One completion of a batch; a refused one has the same problem as a single request. */
@ExactlyOne('status', 'problem')
export class CompletedTask {
  @TaskId() id!: string;
  @OneOf(['done'], { optional: true }) status?: 'done';
  @Flag({ optional: true }) replayed?: boolean;
  @RawJson({ optional: true, schema: ref('Problem') }) problem?: string;
}

export class CompletedTasks {
  @ListOf(() => CompletedTask) tasks!: readonly CompletedTask[];
}

export class RenewedLease {
  @Time({ as: 'leaseExpiresAt', nullable: true }) leaseEndsAtMs!: number | null;
  @Flag({ about: 'True when the work should stop' }) cancelRequested!: boolean;
}

export class FailedTask {
  @OneOf(['delayed', 'dead', 'cancelled']) status!: TaskStatus;
  @Time({ as: 'nextAttemptAt', nullable: true }) dueAtMs!: number | null;
}

export class ReleasedTask {
  @OneOf(['ready', 'dead', 'cancelled']) status!: TaskStatus;
}

export class ReportedProgress {
  @Text({ optional: true }) eventId?: string | undefined;
  @Flag() cancelRequested!: boolean;
}

export class TaskEvent {
  @Integer({ min: 1 }) id!: number;
  @Time({ as: 'at' }) atMs!: number;
  @RawJson() event!: string;
}

export class TaskEvents {
  @ListOf(() => TaskEvent) events!: readonly TaskEvent[];
  @Count({ about: '`after` of the next request' }) next!: number;
  @Flag() ended!: boolean;
}
