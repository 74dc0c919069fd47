import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { writeJson } from '../http/shapes/write.js';
import { Task } from '../tasks/task.dto.js';
import { Tasks } from '../tasks/tasks.js';
import { readRoutingRequest } from './routing-request.js';
import { TaskRouter } from './task-router.js';
import * as describe from './routing.openapi.js';

@describe.routing()
@Controller('v1/routing')
export class RoutingController {
  constructor(
    private readonly router: TaskRouter,
    private readonly tasks: Tasks,
    private readonly idempotency: Idempotency,
  ) {}

  /** A decision waits for the store only when a task is enqueued or an Idempotency-Key is given. */
  @describe.routeTask()
  @Post()
  async route(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const { reading, task } = readRoutingRequest(request, this.tasks.limits);
    const { tenant } = callerOf(request);
    const { decision, enqueued, replayed } = await this.idempotency.run(request, tenant, async ({ once, keyed }) =>
      keyed || task !== undefined
        ? this.router.commit(tenant, reading, task, once)
        : this.router.route(tenant, reading),
    );
    if (replayed) reply.header('idempotency-replayed', 'true');
    const text = JSON.stringify(decision);
    if (enqueued === undefined) return sendJson(reply, 200, text);
    reply.header('location', `/v1/tasks/${enqueued.task.id}`);
    sendJson(reply, 201, text.slice(0, -1), ',"task":', ...writeJson(Task, enqueued.task), '}');
  }
}
