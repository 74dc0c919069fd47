import { Controller, Get, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../http/caller.js';
import { Idempotency } from '../http/idempotency.js';
import { answer, FromBody, FromCaller, Route } from '../http/route.js';
import { readingOf } from './routing-request.js';
import { TestDecision, TestStatistics, TextToRoute } from './routing.dto.js';
import { TaskRouter } from './task-router.js';

/** Routes and shapes of older clients. */
@ApiTags('routing')
@Controller('api/routing/test')
export class RoutingTestController {
  constructor(
    private readonly router: TaskRouter,
    private readonly idempotency: Idempotency,
  ) {}

  @Post()
  @Route({
    id: 'testRouting',
    summary: 'Choose an agent for a text, in the shape of older clients',
    description:
      'The decision is published on channel task:routing after the answer, which does not wait for the store.',
    once: true,
    answers: { 200: { says: 'The decision', body: TestDecision, headers: ['Idempotency-Replayed'] } },
  })
  async route(
    @FromBody(TextToRoute) { text }: TextToRoute,
    @FromCaller() { tenant }: Caller,
    @Req() request: FastifyRequest,
  ) {
    const reading = readingOf(text);
    const { decision, replayed } = await this.idempotency.run(request, tenant, (once) =>
      this.router.route(tenant, reading, undefined, once),
    );
    return answer(200, { success: true as const, decision }, { replayed });
  }

  @Get()
  @Route({
    id: 'getRoutingStatistics',
    summary: 'Decisions of all replicas',
    answers: { 200: { says: 'Counts by agent, and the newest decisions first', body: TestStatistics } },
  })
  async show(@FromCaller() { tenant }: Caller) {
    return answer(200, { success: true as const, stats: await this.router.statistics(tenant) });
  }
}
