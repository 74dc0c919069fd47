import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isTaskId } from '../engine/names.js';
import { callerOf, taskIdOf, workflowIdOf } from '../http/caller.js';
import { refuseDurability } from '../http/durability.js';
import { Idempotency, refuseKey, type OnceRequest } from '../http/idempotency.js';
import { ObjectReader } from '../http/object-reader.js';
import { Query, refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { isoTime } from '../http/times.js';
import type { TaskStep } from '../engine/task.js';
import type { Stepped } from '../engine/task-queues.js';
import { Patience } from '../waiting/patience.js';
import { onceForLease } from './lease-once.js';
import { sized } from '../http/sized.js';
import { LEASE_MS } from './new-task.js';
import { detailText, endText, taskText } from './task-answer.js';
import { Tasks } from './tasks.js';
import * as describe from './tasks.openapi.js';

const MOST_COMPLETED = 100;
const LONGEST_WAIT_MS = 60_000;
const LARGEST_EVENT_BYTES = 16 * 1024;
const LONGEST_MESSAGE = 2048;
const LONGEST_RETRY_MS = 86_400_000;
const TOKEN_RULE = 'must be the leaseToken of the claim';
const CODE_RULE = 'must be 1 to 100 characters';

/** A back-off is made longer by up to so much, so that tasks that failed together do not come back together. */
const JITTER = 0.2;

/** One task: what its holder says of it, and what others want to know. */
@describe.tasks()
@Controller('v1')
export class TasksController {
  constructor(
    private readonly tasks: Tasks,
    private readonly idempotency: Idempotency,
    private readonly patience: Patience,
  ) {}

  @describe.getTask()
  @Get('tasks/:id')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = taskIdOf(request);
    const { tenant } = callerOf(request);
    const waitMs = new Query(request, ['waitMs']).integer('waitMs', { min: 0, max: LONGEST_WAIT_MS }) ?? 0;
    const task =
      waitMs === 0
        ? await this.tasks.get(tenant, id)
        : await this.patience.during(request, (over) => this.tasks.getEnded(tenant, id, waitMs, over));
    sendJson(reply, 200, detailText(task));
  }

  @describe.listTasksOfWorkflow()
  @Get('workflows/:id/tasks')
  async ofWorkflow(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = workflowIdOf(request);
    const limit = new Query(request, ['limit']).integer('limit', { min: 1, max: 1000 }) ?? 100;
    const tasks = await this.tasks.listOfWorkflow(callerOf(request).tenant, id, limit);
    sendJson(reply, 200, `{"items":[${tasks.map((task) => taskText(task)).join(',')}]}`);
  }

  @describe.heartbeat()
  @Post('tasks/:id/heartbeat')
  async heartbeat(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = taskIdOf(request);
    const { token, leaseMs } = ObjectReader.read(request, (body) => ({
      token: body.stringRequired('leaseToken', TOKEN_RULE),
      leaseMs: body.integer('leaseMs', LEASE_MS),
    }));
    const { task, replayed } = await this.#step(request, { kind: 'extend', id, token, leaseMs });
    const leaseExpiresAt = task.leaseEndsAtMs === null ? null : isoTime(task.leaseEndsAtMs);
    this.#answer(reply, 200, { leaseExpiresAt, cancelRequested: task.cancelRequested }, replayed);
  }

  @describe.complete()
  @Post('tasks/:id/complete')
  async complete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const id = taskIdOf(request);
    const { maxBytes } = this.tasks.limits;
    const { token, result } = ObjectReader.read(request, (body) => ({
      token: body.stringRequired('leaseToken', TOKEN_RULE),
      result: sized(body.raw('result') ?? 'null', maxBytes),
    }));
    const { replayed } = await this.#once(request, (tenant, given) =>
      this.tasks.complete(
        tenant,
        { taskId: id, token, result },
        onceForLease(given, 'ack', id, token, this.tasks.keepMs),
      ),
    );
    this.#answer(reply, 200, { id, status: 'done', replayed }, replayed);
  }

  @describe.completeBatch()
  @Post('tasks/batch-complete')
  async completeBatch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    // Each lease token is the key of its own completion.
    refuseKey(request);
    refuseDurability(request);
    const { maxBytes } = this.tasks.limits;
    const acks = ObjectReader.read(request, (body) => {
      const items = body.list('tasks', MOST_COMPLETED, (item) => ({
        taskId: item.stringRequired('id', 'must be the id of a task', isTaskId),
        token: item.stringRequired('leaseToken', TOKEN_RULE),
        result: sized(item.raw('result') ?? 'null', maxBytes),
      }));
      if (items.length === 0) body.refuse(`must be a list of 1 to ${MOST_COMPLETED} tasks`, 'tasks');
      return items;
    });
    const { tenant } = callerOf(request);
    const ends = await this.tasks.completeEach(tenant, acks);
    sendJson(reply, 200, `{"tasks":[${ends.map((end) => endText(end, request.id)).join(',')}]}`);
  }

  @describe.fail()
  @Post('tasks/:id/fail')
  async fail(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = taskIdOf(request);
    const { token, failure, retryAfterMs } = ObjectReader.read(request, (body) => ({
      token: body.stringRequired('leaseToken', TOKEN_RULE),
      failure: body.object('error', (error) => ({
        code: error.string('code', CODE_RULE, ({ length }) => length >= 1 && length <= 100) ?? 'FAILED',
        message: cut(error.string('message', 'must be a text') ?? ''),
        isRetryable: error.boolean('retryable') ?? true,
      })),
      retryAfterMs: body.integer('retryAfterMs', { min: 0, max: LONGEST_RETRY_MS }),
    }));
    const { code, message, isRetryable } = failure ?? { code: 'FAILED', message: '', isRetryable: true };
    const { task, replayed } = await this.#step(request, {
      kind: 'fail',
      id,
      token,
      error: { code, message },
      isRetryable,
      jitter: 1 + Math.random() * JITTER,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
    const nextAttemptAt = task.dueAtMs === null ? null : isoTime(task.dueAtMs);
    this.#answer(reply, 200, { status: task.status, nextAttemptAt }, replayed);
  }

  @describe.release()
  @Post('tasks/:id/release')
  async release(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = taskIdOf(request);
    const token = ObjectReader.read(request, (body) => body.stringRequired('leaseToken', TOKEN_RULE));
    const { task, replayed } = await this.#step(request, { kind: 'release', id, token });
    this.#answer(reply, 200, { status: task.status }, replayed);
  }

  @describe.progress()
  @Post('tasks/:id/progress')
  async progress(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = taskIdOf(request);
    const { token, event } = ObjectReader.read(request, (body) => ({
      token: body.stringRequired('leaseToken', TOKEN_RULE),
      event: sized(body.rawRequired('event'), LARGEST_EVENT_BYTES),
    }));
    const { task, eventId, replayed } = await this.#step(request, { kind: 'progress', id, token, event });
    this.#answer(reply, 202, { eventId, cancelRequested: task.cancelRequested }, replayed);
  }

  @describe.cancel()
  @Post('tasks/:id/cancel')
  async cancel(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = taskIdOf(request);
    const { reason, isForced } = ObjectReader.read(
      request,
      (body) => ({
        reason: body.string('reason', 'must have at most 200 characters', ({ length }) => length <= 200),
        isForced: body.boolean('force') ?? false,
      }),
      true,
    );
    const { task, replayed } = await this.#step(request, { kind: 'cancel', id, reason, isForced });
    if (replayed) reply.header('idempotency-replayed', 'true');
    sendJson(reply, task.status === 'cancelled' ? 200 : 202, taskText(task));
  }

  #step(request: FastifyRequest, step: TaskStep): Promise<Stepped> {
    refuseQuery(request);
    return this.#once(request, (tenant, given) => {
      const endsDelivery = step.kind === 'fail' || step.kind === 'release';
      const once = endsDelivery ? onceForLease(given, step.kind, step.id, step.token, this.tasks.keepMs) : given.once;
      return this.tasks.step(tenant, step, once);
    });
  }

  #once<T>(request: FastifyRequest, work: (tenant: string, given: OnceRequest) => Promise<T>): Promise<T> {
    const { tenant } = callerOf(request);
    return this.idempotency.run(request, tenant, (given) => work(tenant, given));
  }

  #answer(reply: FastifyReply, status: number, body: object, replayed: boolean): void {
    if (replayed) reply.header('idempotency-replayed', 'true');
    sendJson(reply, status, JSON.stringify(body));
  }
}

/** What a worker says of a failure is kept with the task, so it must not be a whole log. */
function cut(message: string): string {
  return message.length <= LONGEST_MESSAGE
    ? message
    : message.slice(0, LONGEST_MESSAGE).replace(/[\ud800-\udbff]$/, '');
}
