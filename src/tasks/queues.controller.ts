import { Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { QueueLimits } from '../access/limits/queue-limits.js';
import type { Enqueued } from '../engine/commit.js';
import { Engine } from '../engine/engine.js';
import { isQueueName } from '../engine/names.js';
import type { Caller } from '../http/caller.js';
import { cursorOf, positionOf } from '../http/cursor.js';
import { InvalidCursorError } from '../http/http-errors.js';
import { Idempotency } from '../http/idempotency.js';
import { WaitingAnswers } from '../http/waiting-answers.js';
import { answer, FromBody, FromCaller, FromHeaders, FromPath, FromQuery, Route } from '../http/route.js';
import { RequestLifetime } from '../waiting/request-lifetime.js';
import { claimOf } from './claim.js';
import { NewTask, NewTasks } from './new-task.dto.js';
import { newTaskOf } from './new-task.js';
import {
  ClaimHeaders,
  ClaimRequest,
  DeadListPath,
  DeadReplay,
  DeadSelection,
  Queue,
  QueueListQuery,
  QueuePage,
  QueuePath,
  queueView,
  RemovedTasks,
  ReplayedTasks,
  selectionOf,
} from './queue.dto.js';
import { ClaimedTasks, EnqueuedTasks, Task, TaskDetailList, TaskListQuery } from './task.dto.js';
import { Tasks } from './tasks.js';
import { onUndelivered } from './undelivered.js';
import { WaitingClaims } from './waiting-claims.js';

const QUEUE = { 200: { says: 'The queue', body: Queue } } as const;

/** Routes of queues: enqueue, claim, inspect. */
@ApiTags('queues')
@Controller('v1/queues')
export class QueuesController {
  constructor(
    private readonly engine: Engine,
    private readonly tasks: Tasks,
    private readonly waiting: WaitingClaims,
    private readonly idempotency: Idempotency,
    private readonly lifetime: RequestLifetime,
    private readonly limits: QueueLimits,
  ) {}

  @Get()
  @Route({
    id: 'listQueues',
    summary: 'List queues with depth, rates and workers',
    answers: { 200: { says: 'A page, by name', body: QueuePage } },
    problems: ['INVALID_CURSOR'],
  })
  async list(
    @FromQuery(QueueListQuery) { limit, cursor, prefix = '' }: QueueListQuery,
    @FromCaller() { tenant }: Caller,
  ) {
    const list = JSON.stringify(['queues', tenant, prefix]);
    const after = cursor === undefined ? undefined : placeOf(list, cursor);
    const [{ queues, unreadable, next }, lastEventId] = await Promise.all([
      this.engine.tasks.listQueues(tenant, { prefix, after, limit }),
      this.engine.lastEventId(tenant),
    ]);
    const now = Date.now();
    const items = queues.map((queue) => queueView(queue, lastEventId, now));
    const nextCursor = cursorOf(list, next === undefined ? undefined : { atMs: 0, id: next });
    return answer(200, { items, unreadable, nextCursor });
  }

  @Get(':queue')
  @Route({ id: 'getQueue', summary: 'Read depth, rates and workers of a queue', answers: QUEUE })
  async get(@FromPath(DeadListPath) { queue }: DeadListPath, @FromCaller() { tenant }: Caller) {
    return answer(200, await this.#queue(tenant, queue));
  }

  @Post(':queue/tasks')
  @Route({
    id: 'enqueueTask',
    summary: 'Put a task into a queue',
    once: true,
    answers: {
      200: { says: 'A task with this id or dedupeKey existed already', body: Task, headers: ['Idempotency-Replayed'] },
      201: { says: 'Enqueued', body: Task, headers: ['Location', 'Idempotency-Replayed'] },
    },
    problems: ['QUEUE_FULL', 'TOO_MANY_TASKS'],
  })
  async enqueue(
    @FromPath(QueuePath) { queue }: QueuePath,
    @FromBody(NewTask) task: NewTask,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const wanted = newTaskOf(task, queue, this.tasks.limits);
    const { tasks, replayed } = await this.idempotency.run(request, tenant, ({ once }) =>
      this.tasks.enqueue(tenant, [wanted], once),
    );
    const enqueued = tasks[0] as Enqueued;
    const { isDuplicate } = enqueued;
    const headers = isDuplicate ? undefined : { location: `/v1/tasks/${enqueued.task.id}` };
    return answer(isDuplicate ? 200 : 201, enqueuedView(enqueued), { headers, replayed });
  }

  @Post(':queue/tasks/batch')
  @Route({
    id: 'enqueueTasks',
    summary: 'Put up to 100 tasks into a queue, all or none',
    once: true,
    answers: {
      201: {
        says: 'Enqueued; `duplicate` marks tasks that existed already',
        body: EnqueuedTasks,
        headers: ['Idempotency-Replayed'],
      },
    },
    problems: ['QUEUE_FULL', 'TOO_MANY_TASKS'],
  })
  async enqueueBatch(
    @FromPath(QueuePath) { queue }: QueuePath,
    @FromBody(NewTasks) batch: NewTasks,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const { limits } = this.tasks;
    const wanted = batch.tasks.map((task) => newTaskOf(task, queue, limits));
    const { tasks, replayed } = await this.idempotency.run(request, tenant, ({ once }) =>
      this.tasks.enqueue(tenant, wanted, once),
    );
    return answer(201, { tasks: tasks.map(enqueuedView) }, { replayed });
  }

  @Post(':queue/claims')
  @Route({
    id: 'claimTasks',
    summary: 'Lease the next tasks of a queue; with waitMs, wait for them',
    answers: {
      200: { says: 'Tasks and their tokens', body: ClaimedTasks },
      204: { says: 'There is no task', headers: ['X-Next-Due-Ms'] },
    },
    problems: ['TOO_MANY_LISTENERS', 'TOO_MANY_WAITING'],
  })
  async claim(
    @FromPath(QueuePath) { queue }: QueuePath,
    @FromHeaders(ClaimHeaders) { claimId }: ClaimHeaders,
    @FromBody(ClaimRequest, { optional: true }) wanted: ClaimRequest,
    @FromCaller() { tenant, by }: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    WaitingAnswers.of(request).demandRoomForTasks();
    const limit = this.limits.of(tenant, queue);
    const claim = claimOf(queue, wanted, by, { claimId, pace: limit?.pace });
    const { tasks, nextDueInMs } = await this.lifetime.during(request, wanted.waitMs, (over) =>
      this.waiting.claim(tenant, claim, wanted.waitMs, over),
    );
    limit?.counted(tasks.length);
    if (tasks.length === 0) {
      return answer(204, undefined, { headers: { 'x-next-due-ms': nextDueInMs?.toString() } });
    }
    onUndelivered(request, reply, () => this.tasks.giveBack(tenant, tasks));
    return answer(200, { tasks });
  }

  @Post(':queue/pause')
  @Route({ id: 'pauseQueue', summary: 'Pause a queue: no task is leased until it is resumed', answers: QUEUE })
  async pause(@FromPath(QueuePath) { queue }: QueuePath, @FromCaller() { tenant }: Caller) {
    await this.engine.tasks.pause(tenant, queue, true);
    return answer(200, await this.#queue(tenant, queue));
  }

  @Post(':queue/resume')
  @Route({ id: 'resumeQueue', summary: 'Resume a paused queue', answers: QUEUE })
  async resume(@FromPath(QueuePath) { queue }: QueuePath, @FromCaller() { tenant }: Caller) {
    await this.engine.tasks.pause(tenant, queue, false);
    return answer(200, await this.#queue(tenant, queue));
  }

  @Get(':queue/dead')
  @Route({
    id: 'listDeadTasks',
    summary: 'List dead tasks, last ended first',
    isPage: 'always',
    answers: {
      200: { says: 'Dead tasks: up to the limit, and at most 8 MiB of payloads or one task', body: TaskDetailList },
    },
  })
  async listDead(
    @FromPath(DeadListPath) { queue }: DeadListPath,
    @FromQuery(TaskListQuery) { limit }: TaskListQuery,
    @FromCaller() { tenant }: Caller,
  ) {
    return answer(200, { items: await this.engine.tasks.listDead(tenant, queue, limit) });
  }

  @Post(':queue/dead/replay')
  @Route({
    id: 'replayDeadTasks',
    summary: 'Replay dead tasks: make them ready again, at once or spread over a time',
    once: true,
    answers: { 200: { says: 'Ids of the replayed tasks', body: ReplayedTasks, headers: ['Idempotency-Replayed'] } },
  })
  async replayDead(
    @FromPath(DeadListPath) { queue }: DeadListPath,
    @FromBody(DeadReplay) { resetAttempts, spreadMs, ...selection }: DeadReplay,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const { ids, replayed } = await this.idempotency.run(request, tenant, ({ once }) =>
      this.engine.tasks.replayDead(tenant, queue, selectionOf(selection), { resetAttempts, spreadMs }, once),
    );
    return answer(200, { replayed: ids.length, ids }, { replayed });
  }

  @Delete(':queue/dead')
  @Route({
    id: 'purgeDeadTasks',
    summary: 'Remove dead tasks for good',
    once: true,
    answers: { 200: { says: 'Number of removed tasks', body: RemovedTasks, headers: ['Idempotency-Replayed'] } },
  })
  async purgeDead(
    @FromPath(DeadListPath) { queue }: DeadListPath,
    @FromBody(DeadSelection, { optional: true }) selection: DeadSelection,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const { ids, replayed } = await this.idempotency.run(request, tenant, ({ once }) =>
      this.engine.tasks.purgeDead(tenant, queue, selectionOf(selection), once),
    );
    return answer(200, { removed: ids.length }, { replayed });
  }

  async #queue(tenant: string, name: string): Promise<Queue> {
    const [queue, lastEventId] = await Promise.all([
      this.engine.tasks.findQueue(tenant, name),
      this.engine.lastEventId(tenant),
    ]);
    return queueView(queue, lastEventId, Date.now());
  }
}

/** Name of the last queue of the previous page. @throws InvalidCursorError */
function placeOf(list: string, cursor: string): string {
  const { id } = positionOf(list, cursor);
  if (!isQueueName(id)) throw new InvalidCursorError();
  return id;
}

function enqueuedView({ task, isDuplicate }: Enqueued): Task {
  return isDuplicate ? { ...task, duplicate: true } : task;
}
