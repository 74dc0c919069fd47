import { Flag, Integer, ListOf, Nested, RawJson, Text } from '../http/shapes/fields.js';
import { TaskId } from '../http/shapes/names.js';
import { LEASE_MS } from './new-task.dto.js';

const DAY_MS = 86_400_000;
const MAX_COMPLETED = 100;

/** Base of requests by the holder of a lease. */
export class Lease {
  @Text({ as: 'leaseToken', says: 'must be the leaseToken of the claim', example: 'n3Qe1b0cTqX8YkZl2mVh4RwJ' })
  token!: string;
}

export class Heartbeat extends Lease {
  @Integer({ ...LEASE_MS, optional: true, example: 30_000 }) leaseMs?: number;
}

export class Completion extends Lease {
  @RawJson({ optional: true, example: { pages: 3 } }) result?: string;
}

export class BatchedCompletion extends Completion {
  @TaskId({ as: 'id', says: 'must be the id of a task', example: 'task-1' }) taskId!: string;
}

export class Completions {
  @ListOf(() => BatchedCompletion, { min: 1, max: MAX_COMPLETED }) tasks!: readonly BatchedCompletion[];
}

export class TaskError {
  @Text({ min: 1, max: 100, default: 'FAILED', says: 'must be 1 to 100 characters', example: 'MODEL_BUSY' })
  code!: string;
  @Text({ default: '', about: 'Cut after 2048 characters', example: 'The model did not answer' }) message!: string;
  @Flag({ as: 'retryable', default: true }) isRetryable!: boolean;
}

export class Failure extends Lease {
  @Nested(() => TaskError, { optional: true, example: { code: 'MODEL_BUSY', message: 'The model did not answer' } })
  error?: TaskError;
  @Integer({ min: 0, max: DAY_MS, optional: true, about: 'Replaces the back-off' }) retryAfterMs?: number;
}

export class Progress extends Lease {
  @RawJson({ about: 'At most 16 KiB', example: { percent: 40 } }) event!: string;
}

export class Cancellation {
  @Text({ max: 200, optional: true, says: 'must have at most 200 characters', example: 'superseded' }) reason?: string;
  @Flag({ as: 'force', default: false, about: 'Cancel at once, even while a worker has the task' }) isForced!: boolean;
}
