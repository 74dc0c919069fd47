import { Controller, Get } from '@nestjs/common';
import { HealthCheckService, type HealthCheckResult, type HealthIndicatorFunction } from '@nestjs/terminus';
import { ApiTags } from '@nestjs/swagger';
import { Engine } from '../engine/engine.js';
import { answer, Route } from '../http/route.js';
import { VERSION } from '../version.js';
import { HealthChecks } from './health-checks.js';
import { Health, ServiceStatus } from './health.dto.js';

const REPORT = {
  200: { says: 'All checks pass', body: Health },
  503: { says: 'A check fails', body: Health, headers: ['Retry-After'] },
} as const;

/** Probes. The body is the report of Terminus, also with 503. */
@ApiTags('service')
@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly checks: HealthChecks,
    private readonly engine: Engine,
  ) {}

  @Get('health/live')
  @Route({ id: 'live', summary: 'Liveness of the process alone', answers: REPORT, ignores: ['query'] })
  live() {
    return this.#report([]);
  }

  @Get('health/ready')
  @Route({
    id: 'ready',
    summary: 'Readiness: whether requests should be sent here',
    answers: REPORT,
    ignores: ['query'],
  })
  ready() {
    return this.#report([() => this.checks.serving(), () => this.checks.readyStorage()]);
  }

  @Get('health')
  @Route({ id: 'health', summary: 'Full health report', answers: REPORT, ignores: ['query'] })
  everything() {
    return this.#report([
      () => this.checks.serving(),
      () => this.checks.storage(),
      () => this.checks.access(),
      () => this.checks.memory(),
      () => this.checks.eventLoop(),
      () => this.checks.feed(),
    ]);
  }

  @Get('status')
  @Route({
    id: 'status',
    summary: '200 while the process serves; for container health checks',
    answers: { 200: { says: 'The process serves', body: ServiceStatus } },
    ignores: ['query'],
  })
  async status() {
    const uptimeSeconds = Math.round(process.uptime());
    return answer(200, { status: 'ok' as const, version: VERSION, storage: this.engine.storage, uptimeSeconds });
  }

  async #report(indicators: HealthIndicatorFunction[]) {
    const report = await this.health.check(indicators).catch((error: { response?: HealthCheckResult }) => {
      if (error.response === undefined) throw error;
      return error.response;
    });
    // Detached: the service still serves, so load balancers get 200 and monitoring sees "degraded".
    const isAboutStorage = report.details['storage'] !== undefined && report.status === 'ok';
    const isDegraded = isAboutStorage && this.engine.storage === 'detached';
    const body = isDegraded ? { ...report, status: 'degraded' } : report;
    return report.status === 'ok' ? answer(200, body) : answer(503, body, { headers: { 'retry-after': '1' } });
  }
}
