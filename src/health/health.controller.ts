import { Controller, Get, Res } from '@nestjs/common';
import { HealthCheckService, type HealthCheckResult, type HealthIndicatorFunction } from '@nestjs/terminus';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Engine } from '../engine/engine.js';
import { FeedHealth } from '../feed/feed.health.js';
import { operation, ref } from '../http/openapi.js';
import { VERSION } from '../version.js';
import { ProcessHealth } from './process.health.js';
import { StorageHealth } from './storage.health.js';

const REPORT = {
  200: { says: 'All checks pass', schema: ref('Health') },
  503: { says: 'A check fails', schema: ref('Health') },
};

/** Probes. The body is the report of Terminus, also with 503. */
@ApiTags('service')
@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly storage: StorageHealth,
    private readonly process: ProcessHealth,
    private readonly feed: FeedHealth,
    private readonly engine: Engine,
  ) {}

  @operation({ id: 'live', summary: 'Liveness of the process alone', answers: REPORT, problems: [] })
  @Get('health/live')
  live(@Res() reply: FastifyReply): Promise<void> {
    return this.#report(reply, []);
  }

  @operation({ id: 'ready', summary: 'Readiness: whether requests should be sent here', answers: REPORT, problems: [] })
  @Get('health/ready')
  ready(@Res() reply: FastifyReply): Promise<void> {
    return this.#report(reply, [() => this.storage.serving(), () => this.storage.storage()]);
  }

  @operation({ id: 'health', summary: 'Full health report', answers: REPORT, problems: [] })
  @Get('health')
  everything(@Res() reply: FastifyReply): Promise<void> {
    return this.#report(reply, [
      () => this.storage.serving(),
      () => this.storage.storage(),
      () => this.process.memory(),
      () => this.process.eventLoop(),
      () => this.feed.feed(),
    ]);
  }

  @operation({
    id: 'status',
    summary: '200 while the process serves; for container health checks',
    answers: { 200: { says: 'The process serves', schema: ref('Status') } },
    problems: [],
  })
  @Get('status')
  status(@Res() reply: FastifyReply): void {
    const uptimeSeconds = Math.round(process.uptime());
    void reply.send({ status: 'ok', version: VERSION, storage: this.engine.storage, uptimeSeconds });
  }

  async #report(reply: FastifyReply, indicators: HealthIndicatorFunction[]): Promise<void> {
    const report = await this.health.check(indicators).catch((error: { response?: HealthCheckResult }) => {
      if (error.response === undefined) throw error;
      return error.response;
    });
    if (report.status !== 'ok') reply.header('retry-after', '1');
    // Detached: the service still serves, so load balancers get 200 and monitoring sees "degraded".
    const isDegraded = report.details['storage'] !== undefined && this.engine.storage === 'detached';
    void reply.status(report.status === 'ok' ? 200 : 503).send(isDegraded ? { ...report, status: 'degraded' } : report);
  }
}
