import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { FeedMetrics } from './feed-metrics.js';
import { Feeds } from './feeds.js';

/** Reports the clients of the feed and their lag; never makes the service unhealthy. */
@Injectable()
export class FeedHealth {
  constructor(
    private readonly feeds: Feeds,
    private readonly metrics: FeedMetrics,
    private readonly indicators: HealthIndicatorService,
  ) {}

  async feed(): Promise<HealthIndicatorResult> {
    const { now, lagMs } = this.metrics;
    return this.indicators
      .check('feed')
      .up({ streams: now.sse, polls: now.poll, webSockets: now.websocket, readers: this.feeds.readers, lagMs });
  }
}
