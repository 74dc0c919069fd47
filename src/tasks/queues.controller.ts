import { Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Enqueued } from '../engine/commit.js';
import { Engine } from '../engine/engine.js';
import type { DeadSelection } from '../engine/task-queues.js';
import { isTaskId } from '../engine/names.js';
import { callerOf, queueNameOf, queueOfDeadListOf } from '../http/caller.js';
import { Idempotency, refuseKey } from '../http/idempotency.js';
import { ObjectReader } from '../http/object-reader.js';
import { Query, refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { Patience } from '../waiting/patience.js';
import { claimRequestOf } from './claim-request.js';
import { readNewTask } from './new-task.js';
import { claimedText, detailText, queueText, taskText } from './task-answer.js';
import { Tasks } from './tasks.js';
import * as describe from './tasks.openapi.js';
import { onUndelivered } from './undelivered.js';
import { WaitingClaims } from './waiting-claims.js';

const LARGEST_BATCH = 100;
const MOST_REPLAYED = 100;
const LONGEST_SPREAD_MS = 86_400_000;

/** Queues: putting tasks in, taking them out, and looking at what is in there. */
@describe.queues()
@Controller('v1/queues')
export class QueuesController {
  constructor(
    private readonly engine: Engine,
    private readonly tasks: Tasks,
    private readonly waiting: WaitingClaims,
    private readonly idempotency: Idempotency,
    private readonly patience: Patience,
  ) {}

  @describe.listQueues()
  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const { tenant } = callerOf(request);
    const names = await this.engine.tasks.listQueues(tenant);
    const lastEventId = await this.engine.lastEventId(tenant);
    const queues = await Promise.all(names.map((name) => this.engine.tasks.findQueue(tenant, name)));
    const now = Date.now();
    sendJson(reply, 200, `{"items":[${queues.map((queue) => queueText(queue, lastEventId, now)).join(',')}]}`);
  }

  @describe.getQueue()
  @Get(':queue')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    await this.#sendQueue(request, reply, queueOfDeadListOf(request));
  }

  @describe.enqueue()
  @Post(':queue/tasks')
  async enqueue(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const queue = queueNameOf(request);
    const task = ObjectReader.read(request, (body) => readNewTask(body, this.tasks.limits, queue));
    const { tenant } = callerOf(request);
    const { tasks, replayed } = await this.idempotency.run(request, tenant, ({ once }) =>
      this.tasks.enqueue(tenant, [task], once),
    );
    if (replayed) reply.header('idempotency-replayed', 'true');
    const enqueued = tasks[0] as Enqueued;
    if (!enqueued.isDuplicate) reply.header('location', `/v1/tasks/${enqueued.task.id}`);
    sendJson(reply, enqueued.isDuplicate ? 200 : 201, enqueuedText(enqueued));
  }

  @describe.enqueueBatch()
  @Post(':queue/tasks/batch')
  async enqueueBatch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const queue = queueNameOf(request);
    const batch = ObjectReader.read(request, (body) => {
      const tasks = body.list('tasks', LARGEST_BATCH, (item) => readNewTask(item, this.tasks.limits, queue));
      if (tasks.length === 0) body.refuse(`must be a list of 1 to ${LARGEST_BATCH} tasks`, 'tasks');
      return tasks;
    });
    const { tenant } = callerOf(request);
    const { tasks, replayed } = await this.idempotency.run(request, tenant, ({ once }) =>
      this.tasks.enqueue(tenant, batch, once),
    );
    if (replayed) reply.header('idempotency-replayed', 'true');
    sendJson(reply, 201, `{"tasks":[${tasks.map(enqueuedText).join(',')}]}`);
  }

  @describe.claim()
  @Post(':queue/claims')
  async claim(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    refuseKey(request);
    const { waitMs, ...waiting } = claimRequestOf(request);
    const { tenant } = callerOf(request);
    const claimed = await this.patience.during(request, (over) => this.waiting.claim(tenant, waiting, waitMs, over));
    if (claimed.tasks.length === 0) {
      if (claimed.nextDueInMs !== null) reply.header('x-next-due-ms', String(claimed.nextDueInMs));
      void reply.status(204).send();
      return;
    }
    onUndelivered(request, reply, () => this.tasks.giveBack(tenant, claimed.tasks));
    sendJson(reply, 200, `{"tasks":[${claimed.tasks.map(claimedText).join(',')}]}`);
  }

  @describe.pause()
  @Post(':queue/pause')
  async pause(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#pause(request, reply, true);
  }

  @describe.resume()
  @Post(':queue/resume')
  async resume(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#pause(request, reply, false);
  }

  @describe.listDead()
  @Get(':queue/dead')
  async listDead(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const queue = queueOfDeadListOf(request);
    const limit = new Query(request, ['limit']).integer('limit', { min: 1, max: 1000 }) ?? 100;
    const dead = await this.engine.tasks.listDead(callerOf(request).tenant, queue, limit);
    sendJson(reply, 200, `{"items":[${dead.map(detailText).join(',')}]}`);
  }

  @describe.replayDead()
  @Post(':queue/dead/replay')
  async replayDead(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const queue = queueOfDeadListOf(request);
    const { which, options } = ObjectReader.read(request, (body) => ({
      which: readSelection(body),
      options: {
        resetAttempts: body.boolean('resetAttempts') ?? true,
        spreadMs: body.integer('spreadMs', { min: 0, max: LONGEST_SPREAD_MS }) ?? 0,
      },
    }));
    const { tenant } = callerOf(request);
    const { ids, replayed } = await this.idempotency.run(request, tenant, ({ once }) =>
      this.engine.tasks.replayDead(tenant, queue, which, options, once),
    );
    if (replayed) reply.header('idempotency-replayed', 'true');
    sendJson(reply, 200, JSON.stringify({ replayed: ids.length, ids }));
  }

  @describe.purgeDead()
  @Delete(':queue/dead')
  async purgeDead(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const queue = queueOfDeadListOf(request);
    const which = ObjectReader.read(request, readSelection, true);
    const { tenant } = callerOf(request);
    const { ids, replayed } = await this.idempotency.run(request, tenant, ({ once }) =>
      this.engine.tasks.purgeDead(tenant, queue, which, once),
    );
    if (replayed) reply.header('idempotency-replayed', 'true');
    sendJson(reply, 200, JSON.stringify({ removed: ids.length }));
  }

  async #pause(request: FastifyRequest, reply: FastifyReply, isPaused: boolean): Promise<void> {
    refuseQuery(request);
    refuseKey(request);
    const queue = queueNameOf(request);
    await this.engine.tasks.pause(callerOf(request).tenant, queue, isPaused);
    await this.#sendQueue(request, reply, queue);
  }

  async #sendQueue(request: FastifyRequest, reply: FastifyReply, name: string): Promise<void> {
    const { tenant } = callerOf(request);
    const [queue, lastEventId] = await Promise.all([
      this.engine.tasks.findQueue(tenant, name),
      this.engine.lastEventId(tenant),
    ]);
    sendJson(reply, 200, queueText(queue, lastEventId, Date.now()));
  }
}

function enqueuedText({ task, isDuplicate }: Enqueued): string {
  return taskText(task, isDuplicate ? ',"duplicate":true' : '');
}

/** `{ids}` or `{max}`; neither means the oldest hundred. */
function readSelection(body: ObjectReader): DeadSelection {
  const says = `must be a list of 1 to ${MOST_REPLAYED} ids of tasks`;
  const ids = body.value('ids', says, isIds);
  const max = body.integer('max', { min: 1, max: MOST_REPLAYED });
  if (ids !== undefined && max !== undefined) body.refuse('either ids or max, not both', 'max');
  return ids === undefined ? { max: max ?? MOST_REPLAYED } : { ids };
}

function isIds(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_REPLAYED) return false;
  return value.every((id) => typeof id === 'string' && isTaskId(id));
}
