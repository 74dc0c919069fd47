import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { Metrics } from '../metrics/metrics.js';
import type { LossReason } from './outbox.js';

@Injectable()
export class RoutingMetrics {
  readonly #decisions: Counter<'agent'>;
  readonly #waiting: Gauge;
  readonly #lost: Counter<'reason'>;

  constructor({ registry }: Metrics) {
    const registers = [registry];
    this.#decisions = new Counter({
      name: 'waymark_routing_decisions_total',
      help: 'Routing decisions by agent',
      labelNames: ['agent'],
      registers,
    });
    this.#waiting = new Gauge({
      name: 'waymark_routing_waiting',
      help: 'Decisions waiting to be published',
      registers,
    });
    this.#lost = new Counter({
      name: 'waymark_routing_unpublished_total',
      help: 'Decisions that were never published',
      labelNames: ['reason'],
      registers,
    });
  }

  decided(agentId: string): void {
    this.#decisions.labels(agentId).inc();
  }

  waiting(change: number): void {
    this.#waiting.inc(change);
  }

  lost(count: number, why: LossReason): void {
    this.#lost.labels(why).inc(count);
  }
}
