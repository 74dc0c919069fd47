import { MAX_PRIORITY } from '../engine/limits.js';
import { AtMostOne, type Rules } from '../http/shapes/field.js';
import { integer, Integer, ListOf, RawJson, Text, Time, Value, Values } from '../http/shapes/fields.js';
import { QueueName, TaskId, WorkflowId } from '../http/shapes/names.js';

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

export const MAX_HEADERS = 32;
export const MAX_HEADER_BYTES = 8 * 1024;
export const MAX_TASKS_IN_BATCH = 100;
export const LEASE_MS = { min: 100, max: 3_600_000 } as const;
export const DEFAULT_LEASE_MS = 30_000;

const headers: Rules = {
  schema: { type: 'object', maxProperties: MAX_HEADERS, additionalProperties: { type: 'string' } },
  says: `must be an object of at most ${MAX_HEADERS} texts, ${MAX_HEADER_BYTES} bytes in all`,
  accepts: (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const texts = Object.values(value);
    return (
      texts.length <= MAX_HEADERS &&
      texts.every((one) => typeof one === 'string') &&
      Buffer.byteLength(JSON.stringify(value)) <= MAX_HEADER_BYTES
    );
  },
};

@AtMostOne('delayMs', 'runAt')
export class TaskOptions {
  @RawJson({ optional: true, about: 'Any JSON; workers get it exactly as it was sent' }) payload?: string;
  @Integer({ min: 0, max: MAX_PRIORITY, default: 5, about: 'Lower numbers go first' }) priority!: number;
  @Integer({ min: 0, max: YEAR_MS, optional: true }) delayMs?: number;
  @Time({ withinMs: YEAR_MS, optional: true }) runAtMs?: number;
  @Integer({ min: 1, max: 1000, default: 4 }) maxAttempts!: number;
  @Values(integer({ min: 0, max: DAY_MS }), {
    min: 1,
    max: 20,
    default: [5000, 15_000, 60_000],
    says: `must be a list of 1 to 20 integers from 0 to ${DAY_MS}`,
    about: 'Delays after the first, second, … failed delivery; the last one is used for all further ones',
  })
  backoffMs!: readonly number[];
  @Integer({ ...LEASE_MS, default: DEFAULT_LEASE_MS }) leaseMs!: number;
  @Integer({
    as: 'deadlineMs',
    min: 1000,
    max: 30 * DAY_MS,
    optional: true,
    about: 'Maximum time from a delivery to its end',
  })
  limitMs?: number;
  @Time({ withinMs: YEAR_MS, optional: true, about: 'A task that was not started by then goes to the dead list' })
  expiresAtMs?: number;
  @WorkflowId({
    optional: true,
    says: 'must be the id of a workflow',
    about: 'Workflow of the task; it does not expire while the task is open',
  })
  workflowId?: string;
  @Value(headers, { default: {} }) headers!: Readonly<Record<string, string>>;
}

export class NewTask extends TaskOptions {
  @RawJson({ about: 'Any JSON; workers get it exactly as it was sent', example: { text: 'Summarise case 7' } })
  override payload!: string;
  @TaskId({
    optional: true,
    says: 'must be an id like that of a workflow',
    about: 'Made by the service when it is absent',
  })
  id?: string;
  @Text({
    min: 1,
    max: 255,
    optional: true,
    says: 'must be 1 to 255 characters',
    about: 'For 24 h the queue accepts no other task with this key',
  })
  dedupeKey?: string;
}

/** Task that names its queue. */
export class QueuedTask extends NewTask {
  @QueueName() queue!: string;
}

export class NewTasks {
  @ListOf(() => NewTask, { min: 1, max: MAX_TASKS_IN_BATCH }) tasks!: readonly NewTask[];
}
