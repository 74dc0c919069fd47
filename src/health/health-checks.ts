import { getHeapStatistics } from 'node:v8';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { accessWarnings } from '../access/web/start-rules.js';
import { Config } from '../config/config.js';
import { heapWarnings, memoryBudget } from './memory-budget.js';
import { Engine, type StorageReport } from '../engine/engine.js';
import { withTimeout } from '../engine/with-timeout.js';
import { Feeds } from '../feed/feeds.js';
import { Listeners } from '../waiting/listeners.js';
import { Draining } from '../lifecycle/draining.js';

/** A probe must answer while the store hangs. */
const STORAGE_TIMEOUT_MS = 1000;

/** Only `serving` and `storage` can make the service unhealthy; the others report figures. */
@Injectable()
export class HealthChecks implements OnModuleDestroy {
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });

  constructor(
    private readonly engine: Engine,
    private readonly feeds: Feeds,
    private readonly listeners: Listeners,
    private readonly draining: Draining,
    private readonly config: Config,
    private readonly indicators: HealthIndicatorService,
  ) {
    this.#delay.enable();
  }

  onModuleDestroy(): void {
    this.#delay.disable();
  }

  serving() {
    const check = this.indicators.check('serving');
    return this.draining.hasBegun ? check.down({ message: 'shutting down' }) : check.up();
  }

  /**
   * Down while no write can be served, and before the first contact with Redis: a roll-out with a wrong address must not
   * replace good replicas. Anybody may ask, so there are no details of the store.
   */
  async readyStorage() {
    const check = this.indicators.check('storage');
    const engine = this.engine.storage;
    const report = await this.#inspected();
    if (report === undefined || !report.reachable) return check.down({ engine, reachable: false });
    if (report.refusesWrites === true) return check.down({ engine, refusesWrites: true });
    const isUnknown = report.wasNeverReached === true && !this.config.detached.isReadyWithoutRedis;
    const facts = { engine, condition: conditionOf(report) };
    return isUnknown ? check.down({ ...facts, wasNeverReached: true }) : check.up(facts);
  }

  async storage() {
    const check = this.indicators.check('storage');
    const engine = this.engine.storage;
    const report = await this.#inspected();
    if (report === undefined || !report.reachable) return check.down({ engine, reachable: false, ...report?.details });
    const { latencyMs, durability, warnings, details } = report;
    return check.up({ engine, condition: conditionOf(report), latencyMs, durability, warnings, ...details });
  }

  /** Undefined if the store cannot be inspected; the engine logs why. */
  async #inspected(): Promise<StorageReport | undefined> {
    return withTimeout(this.engine.inspect(), STORAGE_TIMEOUT_MS, () => undefined).catch(() => undefined);
  }

  /** Reports whether requests need a credential, with warnings for the operator. */
  access() {
    const mode = this.config.access.isOpen ? 'open' : 'keys';
    return this.indicators.check('access').up({ mode, warnings: accessWarnings(this.config) });
  }

  memory() {
    const { rss, heapUsed } = process.memoryUsage();
    const { heap_size_limit: heapLimit } = getHeapStatistics();
    return this.indicators.check('memory').up({
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      budgetBytes: memoryBudget(this.config, heapLimit),
      warnings: heapWarnings(this.config, heapLimit),
    });
  }

  eventLoop() {
    const toMs = (nanoseconds: number) => Math.round(nanoseconds / 1e4) / 100;
    const p99DelayMs = toMs(this.#delay.percentile(99));
    return this.indicators.check('eventLoop').up({ meanDelayMs: toMs(this.#delay.mean || 0), p99DelayMs });
  }

  feed() {
    const { readers, metrics } = this.feeds;
    const { sse, poll, websocket, task, wait } = this.listeners.now;
    const clients = { streams: sse, polls: poll, webSockets: websocket, taskStreams: task, waits: wait };
    return this.indicators.check('feed').up({ ...clients, readers, lagMs: metrics.lagMs });
  }
}

function conditionOf({ warnings }: StorageReport): 'ok' | 'degraded' {
  return warnings.length === 0 ? 'ok' : 'degraded';
}
