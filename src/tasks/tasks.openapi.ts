import { ApiTags } from '@nestjs/swagger';
import { object, operation, ref, type Schema } from '../http/openapi.js';

const TASK_ID: Schema & { description: string } = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  description: 'Id of a task',
};
const QUEUE: Schema & { description: string } = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  description: 'Name of a queue: A-Z a-z 0-9 . _ : - @ ~ +, not starting with a dot',
};
const TOKEN: Schema = { type: 'string', description: 'leaseToken of the claim' };
const LEASE: Schema = { type: 'integer', minimum: 1000, maximum: 3_600_000 };
const WAIT = (maximum: number) => ({
  waitMs: { type: 'integer', minimum: 0, maximum, description: 'How long to wait for an answer worth having' },
});
const REPLAYED = ['Idempotency-Replayed'];
const LEASED = [400, 404, 409, 413, 415, 422];

const json = (schema: Schema) => ({ types: { 'application/json': schema } });
const optionalJson = (schema: Schema) => ({ required: false, ...json(schema) });
const task = (says: string) => ({ says, schema: ref('Task'), headers: REPLAYED });
const of = (says: string, properties: Readonly<Record<string, Schema>>, headers: readonly string[] = REPLAYED) => ({
  says,
  schema: object(properties, Object.keys(properties)),
  headers,
});
const list = (says: string, name: string) => of(says, { items: { type: 'array', items: ref(name) } }, []);

export const tasks = () => ApiTags('tasks');
export const queues = () => ApiTags('queues');

export const enqueue = () =>
  operation({
    id: 'enqueueTask',
    summary: 'Put a task into a queue',
    path: { queue: QUEUE },
    headers: ['Idempotency-Key'],
    body: json(ref('NewTask')),
    answers: {
      200: task('It was there before, by its id or dedupeKey'),
      201: { ...task('Enqueued'), headers: [...REPLAYED, 'Location'] },
    },
    problems: [400, 409, 413, 415, 422, 429],
  });

export const enqueueBatch = () =>
  operation({
    id: 'enqueueTasks',
    summary: 'Put up to 100 tasks into a queue, all or none',
    path: { queue: QUEUE },
    headers: ['Idempotency-Key'],
    body: json(object({ tasks: { type: 'array', minItems: 1, maxItems: 100, items: ref('NewTask') } }, ['tasks'])),
    answers: { 201: of('Enqueued, or there before', { tasks: { type: 'array', items: ref('Task') } }) },
    problems: [400, 409, 413, 415, 422, 429],
  });

export const claim = () =>
  operation({
    id: 'claimTasks',
    summary: 'Lease the next tasks of a queue, waiting for them if need be',
    path: { queue: QUEUE },
    headers: ['Claim-Id'],
    body: optionalJson(
      object({
        max: { type: 'integer', minimum: 1, maximum: 50, default: 1 },
        leaseMs: LEASE,
        waitMs: { type: 'integer', minimum: 0, maximum: 30_000, default: 0 },
        worker: { type: 'string', maxLength: 128 },
      }),
    ),
    answers: {
      200: of('Tasks and their tokens', { tasks: { type: 'array', items: ref('ClaimedTask') } }, []),
      204: { says: 'There is none', headers: ['X-Next-Due-Ms'] },
    },
    problems: [400, 415, 422, 429],
  });

export const heartbeat = () =>
  operation({
    id: 'heartbeatTask',
    summary: 'Renew a lease',
    path: { id: TASK_ID },
    headers: ['Idempotency-Key'],
    body: json(object({ leaseToken: TOKEN, leaseMs: LEASE }, ['leaseToken'])),
    answers: {
      200: of('Renewed', {
        leaseExpiresAt: { type: 'string', format: 'date-time', nullable: true },
        cancelRequested: { type: 'boolean', description: 'Somebody wants the work to stop' },
      }),
    },
    problems: LEASED,
  });

export const complete = () =>
  operation({
    id: 'completeTask',
    summary: 'Make a task done; the same token again gets the same answer',
    path: { id: TASK_ID },
    headers: ['Idempotency-Key'],
    body: json(object({ leaseToken: TOKEN, result: {} }, ['leaseToken'])),
    answers: {
      200: of('Done', {
        id: { type: 'string' },
        status: { type: 'string', enum: ['done'] },
        replayed: { type: 'boolean' },
      }),
    },
    problems: LEASED,
  });

export const completeBatch = () =>
  operation({
    id: 'completeTasks',
    summary: 'Make up to 100 tasks done, each for itself',
    body: json(
      object(
        {
          tasks: {
            type: 'array',
            minItems: 1,
            maxItems: 100,
            items: object({ id: { type: 'string' }, leaseToken: TOKEN, result: {} }, ['id', 'leaseToken']),
          },
        },
        ['tasks'],
      ),
    ),
    answers: {
      200: of('What came of each, in order', { tasks: { type: 'array', items: ref('CompletedTask') } }, []),
    },
    problems: [400, 413, 415, 422],
  });

export const fail = () =>
  operation({
    id: 'failTask',
    summary: 'Give a task back as failed: it is tried again after a back-off, or is dead',
    path: { id: TASK_ID },
    headers: ['Idempotency-Key'],
    body: json(
      object(
        {
          leaseToken: TOKEN,
          error: object({
            code: { type: 'string', maxLength: 100 },
            message: { type: 'string' },
            retryable: { type: 'boolean', default: true },
          }),
          retryAfterMs: { type: 'integer', minimum: 0, maximum: 86_400_000 },
        },
        ['leaseToken'],
      ),
    ),
    answers: {
      200: of('What becomes of it', {
        status: { type: 'string', enum: ['delayed', 'dead', 'cancelled'] },
        nextAttemptAt: { type: 'string', format: 'date-time', nullable: true },
      }),
    },
    problems: LEASED,
  });

export const release = () =>
  operation({
    id: 'releaseTask',
    summary: 'Give a task back untouched: no attempt is spent, and it keeps its place',
    path: { id: TASK_ID },
    headers: ['Idempotency-Key'],
    body: json(object({ leaseToken: TOKEN }, ['leaseToken'])),
    answers: { 200: of('Given back', { status: { type: 'string', enum: ['ready', 'dead', 'cancelled'] } }) },
    problems: LEASED,
  });

export const progress = () =>
  operation({
    id: 'reportProgress',
    summary: 'Tell how the work goes; renews the lease',
    path: { id: TASK_ID },
    headers: ['Idempotency-Key'],
    body: json(object({ leaseToken: TOKEN, event: {} }, ['leaseToken', 'event'])),
    answers: { 202: of('Told', { eventId: { type: 'string' }, cancelRequested: { type: 'boolean' } }) },
    problems: LEASED,
  });

export const cancel = () =>
  operation({
    id: 'cancelTask',
    summary: 'Cancel a task; one in the hands of a worker is asked to stop, unless forced',
    path: { id: TASK_ID },
    headers: ['Idempotency-Key'],
    body: optionalJson(object({ reason: { type: 'string', maxLength: 200 }, force: { type: 'boolean' } })),
    answers: { 200: task('Cancelled'), 202: task('Its worker will be told') },
    problems: [400, 404, 409, 415, 422],
  });

export const getTask = () =>
  operation({
    id: 'getTask',
    summary: 'Read a task, or wait for its end',
    path: { id: TASK_ID },
    query: WAIT(60_000),
    answers: { 200: { says: 'The task', schema: ref('TaskDetail') } },
    problems: [404, 422],
  });

export const listTasksOfWorkflow = () =>
  operation({
    id: 'listTasksOfWorkflow',
    summary: 'Tasks that name the workflow: open ones, then those that ended lately',
    path: { id: { type: 'string', description: 'Workflow (thread) id' } },
    query: { limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } },
    answers: { 200: list('Its tasks', 'Task') },
    problems: [422],
  });

export const taskEvents = () =>
  operation({
    id: 'readTaskEvents',
    summary: 'What a task tells while it is worked on, as JSON or (Accept: text/event-stream) as a stream',
    path: { id: TASK_ID },
    query: {
      after: { type: 'integer', minimum: 0, description: 'Only events behind this one; or Last-Event-ID' },
      ...WAIT(60_000),
    },
    headers: ['Last-Event-ID'],
    answers: {
      200: {
        says: 'Events, oldest first; a stream ends with an event named end',
        types: {
          'application/json': object(
            {
              events: {
                type: 'array',
                items: object({ id: { type: 'integer' }, at: { type: 'string', format: 'date-time' }, event: {} }, [
                  'id',
                  'at',
                  'event',
                ]),
              },
              next: { type: 'integer', description: 'Where to read on' },
              ended: { type: 'boolean' },
            },
            ['events', 'next', 'ended'],
          ),
          'text/event-stream': { type: 'string' },
        },
      },
    },
    problems: [400, 404, 410, 422],
  });

export const listQueues = () =>
  operation({
    id: 'listQueues',
    summary: 'All queues and how they are doing',
    answers: { 200: list('Queues, by name', 'Queue') },
    problems: [422],
  });

const queueOperation = (id: string, summary: string, problems: readonly number[] = [422]) =>
  operation({
    id,
    summary,
    path: { queue: QUEUE },
    answers: { 200: { says: 'The queue', schema: ref('Queue') } },
    problems,
  });

export const getQueue = () => queueOperation('getQueue', 'How a queue is doing');
export const pause = () => queueOperation('pauseQueue', 'Give no tasks out until the queue is resumed');
export const resume = () => queueOperation('resumeQueue', 'Give tasks out again');

export const listDead = () =>
  operation({
    id: 'listDeadTasks',
    summary: 'Tasks that were given up, the last one first',
    path: { queue: QUEUE },
    query: { limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } },
    answers: { 200: list('Dead tasks', 'TaskDetail') },
    problems: [422],
  });

const SELECTION = {
  ids: { type: 'array', minItems: 1, maxItems: 100, items: { type: 'string' } },
  max: { type: 'integer', minimum: 1, maximum: 100, default: 100, description: 'The oldest so many' },
};

export const replayDead = () =>
  operation({
    id: 'replayDeadTasks',
    summary: 'Let dead tasks be tried again, at once or spread over a time',
    path: { queue: QUEUE },
    headers: ['Idempotency-Key'],
    body: json(
      object({
        ...SELECTION,
        resetAttempts: { type: 'boolean', default: true },
        spreadMs: { type: 'integer', minimum: 0, maximum: 86_400_000, default: 0 },
      }),
    ),
    answers: {
      200: of('Which', { replayed: { type: 'integer' }, ids: { type: 'array', items: { type: 'string' } } }),
    },
    problems: [400, 409, 415, 422],
  });

export const purgeDead = () =>
  operation({
    id: 'purgeDeadTasks',
    summary: 'Remove dead tasks for good',
    path: { queue: QUEUE },
    headers: ['Idempotency-Key'],
    body: optionalJson(object(SELECTION)),
    answers: { 200: of('How many', { removed: { type: 'integer' } }) },
    problems: [400, 409, 415, 422],
  });
