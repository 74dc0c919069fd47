import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Counter, Gauge } from 'prom-client';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
import { Metrics } from '../metrics/metrics.js';
import type { Posting } from './decision.js';
import { Outbox, type LossReason, type OutboxObserver } from './outbox.js';

const REASONS: Readonly<Record<LossReason, string>> = {
  full: 'the store is unreachable and too many wait, so the oldest are dropped',
  'in-doubt': 'the outcome of their commit stayed unknown for too long',
  refused: 'the store refused them',
  erased: 'their tenant was erased before the store was reachable again',
  shutdown: 'the store did not accept them before the shutdown timeout',
};

/** Stores decisions in the background. Routing never waits for it. */
@Injectable()
export class Publications implements OutboxObserver, OnModuleDestroy {
  readonly #logger = new Logger('Routing');
  readonly #outboxes = new Map<string, Outbox>();
  readonly #warned = new Set<LossReason>();
  readonly #waiting: Gauge;
  readonly #lost: Counter<'reason'>;

  constructor(
    private readonly engine: Engine,
    private readonly config: Config,
    metrics: Metrics,
  ) {
    const lost = 'Decisions that were never published';
    this.#waiting = metrics.gauge('waymark_routing_waiting', 'Decisions waiting to be published');
    this.#lost = metrics.counter('waymark_routing_unpublished_total', lost, ['reason']);
  }

  add(tenant: string, posting: Posting): void {
    let outbox = this.#outboxes.get(tenant);
    if (outbox === undefined) this.#outboxes.set(tenant, (outbox = new Outbox(this.engine, tenant, this)));
    outbox.add(posting);
  }

  /** Resolves when all earlier decisions of this replica are stored. @throws the error of the store */
  async flushed(tenant: string): Promise<void> {
    await this.#outboxes.get(tenant)?.flushed();
  }

  /** Runs after the last request and before the engines close, for at most half of the shutdown timeout. */
  async onModuleDestroy(): Promise<void> {
    const withinMs = this.config.shutdownTimeoutMs / 2;
    await Promise.all([...this.#outboxes.values()].map((outbox) => outbox.close(withinMs)));
  }

  waiting(change: number): void {
    this.#waiting.inc(change);
  }

  /** Logs each reason once; the metric counts every loss. */
  lost(count: number, why: LossReason): void {
    this.#lost.labels(why).inc(count);
    if (this.#warned.has(why)) return;
    this.#warned.add(why);
    const about = why === 'full' ? 'decisions are not published from now on' : `${count} decisions were not published`;
    this.#logger.warn(
      `${about}: ${REASONS[why]}. Counted by waymark_routing_unpublished_total; logged once per reason`,
    );
  }

  refused(error: unknown): void {
    this.#logger.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}
