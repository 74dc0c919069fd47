import { Logger } from '@nestjs/common';
import type { EngineObserver, TaskOptions } from '../engine.js';
import { prefixOf, queuesKey, tenantsKey } from './keys.js';
import type { ScriptReader } from './scripts/script-reader.js';
import type { RedisFeed } from './feed/redis-feed.js';
import type { RedisConnections } from './connection/redis-connections.js';
import { RedisScript, TASKS, WRITING } from './scripts/redis-script.js';
import { listOf } from './scripts/reply.js';

const sweepScript = new RedisScript(WRITING, 'sweep');
const queueScript = new RedisScript(TASKS, 'sweep-queue');
const SWEPT_AT_ONCE = 100;
const QUEUES_AT_ONCE = 20;
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/** Removes expired workflows and tasks. Every replica sweeps; sweeping twice does nothing. */
export class Sweeper {
  readonly #logger = new Logger('Sweeper');
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(
    private readonly reader: ScriptReader,
    private readonly connections: RedisConnections,
    private readonly namespace: string,
    private readonly observer: EngineObserver,
    private readonly limits: TaskOptions,
    private readonly feed: RedisFeed,
    /** Called after every sweep. */
    private readonly swept: () => void = () => undefined,
  ) {}

  start(): void {
    this.#again(MIN_PAUSE_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Sweeps all tenants. Returns the number of expired workflows. */
  async sweepAll(): Promise<number> {
    return (await this.#sweepTenants()).expired;
  }

  /** Also removes index entries of `ids` whose workflows are gone. */
  async sweep(tenant: string, ids: readonly string[] = []): Promise<{ expired: number; nextDueMs: number }> {
    let total = 0;
    for (;;) {
      const args = [String(SWEPT_AT_ONCE), ...ids];
      const [expired, nextDue] = listOf(await this.reader.run(sweepScript, 'sweep', tenant, args));
      total += Number(expired);
      if (Number(expired) < SWEPT_AT_ONCE) {
        if (total > 0) this.observer.expired(total);
        return { expired: total, nextDueMs: nextDue === '' ? Number.POSITIVE_INFINITY : Number(nextDue) };
      }
    }
  }

  async #sweepTenants(): Promise<{ expired: number; nextDueMs: number }> {
    const known = await this.connections.command().zrange(tenantsKey(this.namespace), '0', '-1');
    const tenants = [...new Set(['default', ...known])];
    const all = await Promise.all(tenants.map((tenant) => this.sweep(tenant)));
    const queues = await Promise.all(tenants.map((tenant) => this.#sweepQueues(tenant)));
    await Promise.all(tenants.map((tenant) => this.feed.trim(tenant)));
    this.swept();
    return {
      expired: all.reduce((sum, { expired }) => sum + expired, 0),
      nextDueMs: Math.min(...all.map(({ nextDueMs }) => nextDueMs), ...queues),
    };
  }

  /** Returns when the next task of the tenant is due. */
  async #sweepQueues(tenant: string): Promise<number> {
    const key = queuesKey(prefixOf(this.namespace, tenant));
    const queues = await this.reader.commands('queues', (client) => client.zrange(key, '0', '-1'));
    let nextDueMs = Number.POSITIVE_INFINITY;
    for (let at = 0; at < queues.length; at += QUEUES_AT_ONCE) {
      const some = queues.slice(at, at + QUEUES_AT_ONCE);
      nextDueMs = Math.min(nextDueMs, ...(await Promise.all(some.map((queue) => this.#sweepQueue(tenant, queue)))));
    }
    return nextDueMs;
  }

  async #sweepQueue(tenant: string, queue: string): Promise<number> {
    const plan = JSON.stringify({ queue, limit: SWEPT_AT_ONCE, limits: this.limits });
    for (;;) {
      const [isMore, nextDue] = listOf(await this.reader.run(queueScript, 'sweep-queue', tenant, [plan]));
      if (isMore !== '1') return nextDue === '' ? Number.POSITIVE_INFINITY : Number(nextDue);
    }
  }

  #again(ms: number): void {
    if (this.#isStopped) return;
    // Jitter: replicas that started together must not sweep together.
    this.#timer = setTimeout(() => (this.#running = this.#tick()), ms * (1 + Math.random() / 4)).unref();
  }

  async #tick(): Promise<void> {
    let ms = MAX_PAUSE_MS;
    if (this.connections.isReady) {
      try {
        const { nextDueMs } = await this.#sweepTenants();
        ms = Math.max(MIN_PAUSE_MS, Math.min(nextDueMs - Date.now(), MAX_PAUSE_MS));
      } catch (error) {
        this.#logger.warn(`sweep failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.#again(ms);
  }
}
