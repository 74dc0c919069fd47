import { object, ref, type Schema } from '../http/openapi.js';

const TIME: Schema = { type: 'string', format: 'date-time' };
const TIME_OR_NULL: Schema = { ...TIME, nullable: true };
const TEXT: Schema = { type: 'string' };
const TEXT_OR_NULL: Schema = { type: 'string', nullable: true };
const COUNT: Schema = { type: 'integer', minimum: 0 };

const TASK: Readonly<Record<string, Schema>> = {
  id: TEXT,
  queue: TEXT,
  status: { type: 'string', enum: ['ready', 'delayed', 'leased', 'done', 'dead', 'cancelled'] },
  priority: { type: 'integer', minimum: 0, maximum: 9 },
  attempt: { ...COUNT, description: 'Deliveries so far, without those that were released' },
  maxAttempts: COUNT,
  releases: COUNT,
  replays: { ...COUNT, description: 'How often it came back from the dead list' },
  workflowId: TEXT_OR_NULL,
  createdAt: TIME,
  readyAt: TIME_OR_NULL,
  dueAt: TIME_OR_NULL,
  expiresAt: TIME,
  leaseExpiresAt: TIME_OR_NULL,
  worker: TEXT_OR_NULL,
  cancelRequested: { type: 'boolean' },
  reason: { ...TEXT_OR_NULL, description: 'Why it was cancelled, or what killed it' },
  endedAt: TIME_OR_NULL,
};

const whole = (properties: Readonly<Record<string, Schema>>, optional: Readonly<Record<string, Schema>> = {}) =>
  object({ ...properties, ...optional }, Object.keys(properties));

export const TASK_SCHEMAS: Readonly<Record<string, Schema>> = {
  NewTask: object(
    {
      payload: { description: 'Any JSON; workers get it exactly as it was sent' },
      id: { type: 'string', description: 'Made by the service when it is absent' },
      priority: { type: 'integer', minimum: 0, maximum: 9, default: 5, description: 'Lower ones go first' },
      delayMs: { type: 'integer', minimum: 0 },
      runAt: TIME,
      maxAttempts: { type: 'integer', minimum: 1, maximum: 1000, default: 4 },
      backoffMs: { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 20 },
      leaseMs: { type: 'integer', minimum: 1000, maximum: 3_600_000, default: 30_000 },
      deadlineMs: { type: 'integer', minimum: 1000, description: 'From a delivery to its end' },
      expiresAt: { ...TIME, description: 'When it is not worth starting any more' },
      dedupeKey: {
        type: 'string',
        minLength: 1,
        maxLength: 255,
        description: 'For 24 h no other task is made with it',
      },
      workflowId: { type: 'string', description: 'Keeps this workflow from expiring while the task is open' },
      headers: { type: 'object', additionalProperties: { type: 'string' } },
    },
    ['payload'],
  ),
  Task: whole(TASK, { duplicate: { type: 'boolean', enum: [true] } }),
  CompletedTask: {
    oneOf: [
      whole({ id: TEXT, status: { type: 'string', enum: ['done'] }, replayed: { type: 'boolean' } }),
      whole({ id: TEXT, problem: ref('Problem') }),
    ],
  },
  TaskDetail: whole(
    {
      ...TASK,
      headers: { type: 'object', additionalProperties: { type: 'string' } },
      failures: {
        type: 'array',
        items: whole({ code: TEXT, message: TEXT, attempt: COUNT, at: TIME }),
      },
    },
    { payload: {}, result: {} },
  ),
  ClaimedTask: whole({
    id: TEXT,
    queue: TEXT,
    leaseToken: TEXT,
    leaseExpiresAt: TIME,
    priority: COUNT,
    attempt: COUNT,
    maxAttempts: COUNT,
    workflowId: TEXT_OR_NULL,
    createdAt: TIME,
    payload: {},
    headers: { type: 'object', additionalProperties: { type: 'string' } },
  }),
  Queue: whole({
    name: TEXT,
    paused: { type: 'boolean' },
    depth: whole({ ready: COUNT, delayed: COUNT, leased: COUNT, dead: COUNT }),
    oldestReadyAgeMs: { type: 'integer', nullable: true },
    nextDueInMs: { type: 'integer', nullable: true },
    pollers: { ...COUNT, description: 'Workers that have asked for tasks within the last minute' },
    rates: whole({ enqueuedPerMinute: { type: 'number' }, completedPerMinute: { type: 'number' } }),
    totals: whole({
      enqueued: COUNT,
      claimed: COUNT,
      completed: COUNT,
      retried: COUNT,
      died: COUNT,
      cancelled: COUNT,
    }),
    lastEventId: TEXT_OR_NULL,
    workers: { type: 'array', items: whole({ name: TEXT, lastSeenAt: TIME, leased: COUNT }) },
  }),
  Committed: whole(
    {
      workflows: {
        type: 'array',
        description: 'One for each put, then one for each patch',
        items: whole({ id: TEXT, version: { type: 'integer', minimum: 1 }, etag: TEXT }),
      },
      taskIds: { type: 'array', items: TEXT },
      eventIds: { type: 'array', items: TEXT },
    },
    { next: { nullable: true, allOf: [ref('ClaimedTask')] } },
  ),
};
