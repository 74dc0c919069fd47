import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';

/** Reports memory and event-loop delay; neither makes the service unhealthy. */
@Injectable()
export class ProcessHealth implements OnModuleDestroy {
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });

  constructor(private readonly indicators: HealthIndicatorService) {
    this.#delay.enable();
  }

  onModuleDestroy(): void {
    this.#delay.disable();
  }

  async memory(): Promise<HealthIndicatorResult> {
    const { rss, heapUsed } = process.memoryUsage();
    return this.indicators.check('memory').up({ rssBytes: rss, heapUsedBytes: heapUsed });
  }

  async eventLoop(): Promise<HealthIndicatorResult> {
    const toMs = (nanoseconds: number) => Math.round(nanoseconds / 1e4) / 100;
    return this.indicators
      .check('eventLoop')
      .up({ meanDelayMs: toMs(this.#delay.mean || 0), p99DelayMs: toMs(this.#delay.percentile(99)) });
  }
}
