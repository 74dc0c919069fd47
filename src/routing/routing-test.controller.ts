import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { refuseQuery } from '../http/query.js';
import { sendJson } from '../http/send-json.js';
import { readTextBody } from './routing-request.js';
import { RoutingStatistics } from './routing-statistics.js';
import { TaskRouter } from './task-router.js';
import * as describe from './routing.openapi.js';

/** Routes for older clients, with their shapes. */
@describe.routing()
@Controller('api/routing/test')
export class RoutingTestController {
  constructor(
    private readonly router: TaskRouter,
    private readonly statistics: RoutingStatistics,
    private readonly idempotency: Idempotency,
  ) {}

  @describe.testRouting()
  @Post()
  async route(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const reading = readTextBody(request);
    const { tenant } = callerOf(request);
    const { decision, replayed } = await this.idempotency.run(request, tenant, async ({ once, keyed }) =>
      keyed ? this.router.commit(tenant, reading, undefined, once) : this.router.route(tenant, reading),
    );
    if (replayed) reply.header('idempotency-replayed', 'true');
    sendJson(reply, 200, JSON.stringify({ success: true, decision }));
  }

  @describe.routingStatistics()
  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    refuseQuery(request);
    const { recentDecisions, ...counts } = await this.statistics.read(callerOf(request).tenant);
    const head = JSON.stringify({ success: true, stats: counts }).slice(0, -2);
    sendJson(reply, 200, head, `,"recentDecisions":[${recentDecisions.join(',')}]}}`);
  }
}
