import { Controller, Get, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { TaskStep } from '../engine/task.js';
import type { Stepped } from '../engine/task-queues.js';
import { callerOf, type Caller } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { problemOf } from '../http/problem.js';
import { answer, FromBody, FromCaller, FromPath, FromQuery, Route } from '../http/route.js';
import { sized } from '../http/sized.js';
import { WorkflowId } from '../http/shapes/names.js';
import { RequestLifetime } from '../waiting/request-lifetime.js';
import { Cancellation, Completion, Completions, Failure, Heartbeat, Lease, Progress } from './lease.dto.js';
import { onceForLease } from './lease-once.js';
import {
  CompletedTasks,
  DoneTask,
  FailedTask,
  ReleasedTask,
  RenewedLease,
  ReportedProgress,
  Task,
  TaskDetail,
  TaskList,
  TaskListQuery,
  TaskPath,
  TaskQuery,
  type CompletedTask,
} from './task.dto.js';
import { Tasks, type TaskEnd } from './tasks.js';

const MAX_EVENT_BYTES = 16 * 1024;
const MAX_MESSAGE_LENGTH = 2048;

/** Maximum share that is added to a back-off, so that tasks that failed together are not retried together. */
const JITTER = 0.2;

const LEASE_PROBLEMS = ['TASK_NOT_FOUND', 'LEASE_LOST', 'TASK_CANCELLED', 'TASK_ENDED'] as const;
const REPLAYED = ['Idempotency-Replayed'] as const;

class TasksOfWorkflowPath {
  @WorkflowId({ about: 'Workflow (thread) id' }) id!: string;
}

/** Routes of a single task, for its worker and for others. */
@ApiTags('tasks')
@Controller('v1')
export class TasksController {
  constructor(
    private readonly tasks: Tasks,
    private readonly idempotency: Idempotency,
    private readonly lifetime: RequestLifetime,
  ) {}

  @Get('tasks/:id')
  @Route({
    id: 'getTask',
    summary: 'Read a task, or wait for its end',
    answers: { 200: { says: 'The task', body: TaskDetail } },
    problems: ['TASK_NOT_FOUND', 'TOO_MANY_LISTENERS'],
  })
  async get(
    @FromPath(TaskPath) { id }: TaskPath,
    @FromQuery(TaskQuery) { waitMs }: TaskQuery,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const task =
      waitMs === 0
        ? await this.tasks.get(tenant, id)
        : await this.lifetime.during(request, waitMs, (over) => this.tasks.getEnded(tenant, id, waitMs, over));
    return answer(200, task);
  }

  @Get('workflows/:id/tasks')
  @Route({
    id: 'listTasksOfWorkflow',
    summary: 'List tasks of a workflow: open ones, then ended ones, last ended first',
    answers: { 200: { says: 'Its tasks', body: TaskList } },
  })
  async ofWorkflow(
    @FromPath(TasksOfWorkflowPath) { id }: TasksOfWorkflowPath,
    @FromQuery(TaskListQuery) { limit }: TaskListQuery,
    @FromCaller() { tenant }: Caller,
  ) {
    return answer(200, { items: await this.tasks.listOfWorkflow(tenant, id, limit) });
  }

  @Post('tasks/:id/heartbeat')
  @Route({
    id: 'heartbeatTask',
    summary: 'Renew a lease',
    once: true,
    answers: { 200: { says: 'Renewed', body: RenewedLease, headers: REPLAYED } },
    problems: LEASE_PROBLEMS,
  })
  async heartbeat(
    @FromPath(TaskPath) { id }: TaskPath,
    @FromBody(Heartbeat) { token, leaseMs }: Heartbeat,
    @Req() request: FastifyRequest,
  ) {
    const { task, replayed } = await this.#step(request, { kind: 'extend', id, token, leaseMs });
    return answer(200, task, { replayed });
  }

  @Post('tasks/:id/complete')
  @Route({
    id: 'completeTask',
    summary: 'Complete a task; a repeat with the same token gets the same answer',
    once: true,
    answers: { 200: { says: 'Done', body: DoneTask, headers: REPLAYED } },
    problems: LEASE_PROBLEMS,
  })
  async complete(
    @FromPath(TaskPath) { id }: TaskPath,
    @FromBody(Completion) { token, result = 'null' }: Completion,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const ack = { taskId: id, token, result: sized(result, this.tasks.limits.maxBytes) };
    const { replayed } = await this.idempotency.run(request, tenant, (given) =>
      this.tasks.complete(tenant, ack, onceForLease(given, 'ack', id, token, this.tasks.keepMs)),
    );
    return answer(200, { id, status: 'done' as const, replayed }, { replayed });
  }

  /** Takes no Idempotency-Key: the lease token of each completion is its key. */
  @Post('tasks/batch-complete')
  @Route({
    id: 'completeTasks',
    summary: 'Complete up to 100 tasks; each succeeds or fails by itself',
    answers: { 200: { says: 'The outcome of each completion, in order', body: CompletedTasks } },
  })
  async completeBatch(
    @FromBody(Completions) { tasks }: Completions,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const { maxBytes } = this.tasks.limits;
    const acks = tasks.map(({ result = 'null', ...ack }) => ({ ...ack, result: sized(result, maxBytes) }));
    const ends = await this.tasks.completeEach(tenant, acks);
    return answer(200, { tasks: ends.map((end) => completedView(end, request.id)) });
  }

  @Post('tasks/:id/fail')
  @Route({
    id: 'failTask',
    summary: 'Fail a task: it is retried after its back-off, or is dead after its last attempt',
    once: true,
    answers: { 200: { says: 'Retried or dead', body: FailedTask, headers: REPLAYED } },
    problems: LEASE_PROBLEMS,
  })
  async fail(
    @FromPath(TaskPath) { id }: TaskPath,
    @FromBody(Failure) { token, error, retryAfterMs }: Failure,
    @Req() request: FastifyRequest,
  ) {
    const { code, message, isRetryable } = error ?? { code: 'FAILED', message: '', isRetryable: true };
    const { task, replayed } = await this.#step(request, {
      kind: 'fail',
      id,
      token,
      error: { code, message: cut(message) },
      isRetryable,
      jitter: 1 + Math.random() * JITTER,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
    return answer(200, task, { replayed });
  }

  @Post('tasks/:id/release')
  @Route({
    id: 'releaseTask',
    summary: 'Release a task: it returns to its place in the queue, and no attempt is counted',
    once: true,
    answers: { 200: { says: 'Released', body: ReleasedTask, headers: REPLAYED } },
    problems: LEASE_PROBLEMS,
  })
  async release(
    @FromPath(TaskPath) { id }: TaskPath,
    @FromBody(Lease) { token }: Lease,
    @Req() request: FastifyRequest,
  ) {
    const { task, replayed } = await this.#step(request, { kind: 'release', id, token });
    return answer(200, task, { replayed });
  }

  @Post('tasks/:id/progress')
  @Route({
    id: 'reportProgress',
    summary: 'Report progress and renew the lease',
    once: true,
    answers: { 202: { says: 'Reported', body: ReportedProgress, headers: REPLAYED } },
    problems: LEASE_PROBLEMS,
  })
  async progress(
    @FromPath(TaskPath) { id }: TaskPath,
    @FromBody(Progress) { token, event }: Progress,
    @Req() request: FastifyRequest,
  ) {
    const step = { kind: 'progress', id, token, event: sized(event, MAX_EVENT_BYTES) } as const;
    const { task, eventId, replayed } = await this.#step(request, step);
    return answer(202, { eventId, cancelRequested: task.cancelRequested }, { replayed });
  }

  @Post('tasks/:id/cancel')
  @Route({
    id: 'cancelTask',
    summary: 'Cancel a task; the worker of a leased task is asked to stop, unless the cancellation is forced',
    once: true,
    answers: {
      200: { says: 'Cancelled', body: Task, headers: REPLAYED },
      202: { says: 'The worker will be asked to stop', body: Task, headers: REPLAYED },
    },
    problems: ['TASK_NOT_FOUND', 'TASK_ENDED'],
  })
  async cancel(
    @FromPath(TaskPath) { id }: TaskPath,
    @FromBody(Cancellation, { optional: true }) { reason, isForced }: Cancellation,
    @Req() request: FastifyRequest,
  ) {
    const { task, replayed } = await this.#step(request, { kind: 'cancel', id, reason, isForced });
    return answer(task.status === 'cancelled' ? 200 : 202, task, { replayed });
  }

  #step(request: FastifyRequest, step: TaskStep): Promise<Stepped> {
    const { tenant } = callerOf(request);
    return this.idempotency.run(request, tenant, (given) => {
      const endsDelivery = step.kind === 'fail' || step.kind === 'release';
      const once = endsDelivery ? onceForLease(given, step.kind, step.id, step.token, this.tasks.keepMs) : given.once;
      return this.tasks.step(tenant, step, once);
    });
  }
}

function completedView(end: TaskEnd, instance: string): CompletedTask {
  const { id, error } = end;
  if (error !== undefined) return { id, problem: problemOf(error, instance).body };
  return { id, status: 'done', replayed: end.replayed };
}

/** The message of a failure, cut to its limit, since it is kept with the task. */
function cut(message: string): string {
  return message.length <= MAX_MESSAGE_LENGTH
    ? message
    : message.slice(0, MAX_MESSAGE_LENGTH).replace(/[\ud800-\udbff]$/, '');
}
