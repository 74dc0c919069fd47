import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
import type { Posting } from './decision.js';
import { Outbox, type Loss, type OutboxObserver } from './outbox.js';
import { RoutingMetrics } from './routing-metrics.js';

const SAYS: Readonly<Record<Loss, string>> = {
  full: 'the store is away and too many wait: the oldest are dropped',
  'in-doubt': 'whether the store took them could not be found out in time',
  refused: 'the store refused them',
  shutdown: 'the service ends and the store did not take them in time',
};

/** Brings decisions into the store in the background. Routing never waits for it. */
@Injectable()
export class Publications implements OnModuleDestroy {
  readonly #logger = new Logger('Routing');
  readonly #outboxes = new Map<string, Outbox>();
  readonly #told = new Set<Loss>();
  readonly #observer: OutboxObserver;

  constructor(
    private readonly engine: Engine,
    private readonly config: Config,
    metrics: RoutingMetrics,
  ) {
    this.#observer = {
      waiting: (change) => metrics.waiting(change),
      lost: (count, why) => {
        metrics.lost(count, why);
        this.#tell(count, why);
      },
      refused: (error) => this.#logger.error(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    };
  }

  add(tenant: string, posting: Posting): void {
    let outbox = this.#outboxes.get(tenant);
    if (outbox === undefined) {
      this.#outboxes.set(tenant, (outbox = new Outbox(this.engine, tenant, this.#observer)));
    }
    outbox.add(posting);
  }

  /** Settles when all that this replica has decided before is in the store. @throws what the store said */
  async landed(tenant: string): Promise<void> {
    await this.#outboxes.get(tenant)?.landed();
  }

  /** The server has ended its requests by now, and the engines come after this. Half of the time is left for them. */
  async onModuleDestroy(): Promise<void> {
    const withinMs = this.config.shutdownTimeoutMs / 2;
    await Promise.all([...this.#outboxes.values()].map((outbox) => outbox.close(withinMs)));
  }

  /** Once for each reason; the metric counts on. */
  #tell(count: number, why: Loss): void {
    if (this.#told.has(why)) return;
    this.#told.add(why);
    const about = why === 'full' ? 'from now on decisions go unpublished' : `${count} decisions go unpublished`;
    this.#logger.warn(`${about}, ${SAYS[why]}; waymark_routing_unpublished_total counts them`);
  }
}
