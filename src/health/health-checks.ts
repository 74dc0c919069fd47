import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { accessWarnings } from '../access/web/start-rules.js';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
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

  /** Down before the first contact with Redis: a roll-out with a wrong address must not replace good replicas. */
  async readyStorage() {
    return this.storage(!this.config.detached.isReadyWithoutRedis);
  }

  async storage(mustHaveBeenReached = false) {
    const check = this.indicators.check('storage');
    const engine = this.engine.storage;
    // The engine logs why it cannot be inspected.
    const inspected = withTimeout(this.engine.inspect(), STORAGE_TIMEOUT_MS, () => undefined);
    const report = await inspected.catch(() => undefined);
    if (report === undefined || !report.reachable) return check.down({ engine, reachable: false, ...report?.details });
    const { latencyMs, durability, warnings, details } = report;
    const condition = warnings.length === 0 ? 'ok' : 'degraded';
    const facts = { engine, condition, latencyMs, durability, warnings, ...details };
    return mustHaveBeenReached && report.wasNeverReached === true ? check.down(facts) : check.up(facts);
  }

  /** Reports whether requests need a credential, with warnings for the operator. */
  access() {
    const mode = this.config.access.isOpen ? 'open' : 'keys';
    return this.indicators.check('access').up({ mode, warnings: accessWarnings(this.config) });
  }

  memory() {
    const { rss, heapUsed } = process.memoryUsage();
    return this.indicators.check('memory').up({ rssBytes: rss, heapUsedBytes: heapUsed });
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
