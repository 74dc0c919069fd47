import { Logger } from '@nestjs/common';
import type { EngineObserver } from '../engine.js';
import { queueIdleMs } from '../task-queues.js';
import { Damages } from './damages.js';
import type { ScriptReader } from './scripts/script-reader.js';
import type { RedisConnections } from './connection/redis-connections.js';
import { RedisScript, TIMED_TASKS, TIMED_WRITING } from './scripts/redis-script.js';
import { listOf, textOf } from './scripts/reply.js';
import type { ScriptContext } from './scripts/script-context.js';
import type { SweepSchedule } from './sweep-schedule.js';

const sweepScript = new RedisScript(TIMED_WRITING, 'sweep');
const queuesScript = new RedisScript(TIMED_TASKS, 'sweep-queues');
const SWEPT_AT_ONCE = 100;
const TENANTS_AT_ONCE = 100;
const MAX_PARALLEL_TENANTS = 8;
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/** Ids whose states another program deleted, and the index entries "field=value" under which they were found. */
export interface Gone {
  readonly ids: readonly string[];
  readonly entries: readonly string[];
}
const NOTHING_GONE: Gone = { ids: [], entries: [] };

interface Swept {
  readonly expired: number;
  /** Time at which the next record is due; Infinity if never. */
  readonly dueMs: number;
  /** The tenant has no data. */
  readonly isEmpty: boolean;
}

export interface SweeperParts {
  readonly reader: ScriptReader;
  readonly connections: RedisConnections;
  readonly context: ScriptContext;
  readonly schedule: SweepSchedule;
  readonly observer: EngineObserver;
  /** Called after sweeps of tenants. */
  readonly swept: () => void;
}

/**
 * Removes expired workflows, tasks and events of the due tenants. Every replica sweeps; a second sweep changes nothing.
 */
export class Sweeper {
  readonly #logger = new Logger('Sweeper');
  readonly #damages = new Damages((message) => this.#logger.warn(`sweep failed: ${message}`));
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(private readonly parts: SweeperParts) {}

  start(): void {
    this.#again(MIN_PAUSE_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Sweeps all tenants that may have something due. Returns the number of expired workflows. */
  async sweepAll(): Promise<number> {
    return (await this.#sweepDue(true)).expired;
  }

  /** Also removes what is left of `gone`: another program deleted the states of these ids. */
  async sweep(
    tenant: string,
    gone: Gone = NOTHING_GONE,
  ): Promise<Swept & { readonly areQueuesDue: boolean; readonly queuesDueMs: number }> {
    const { reader, context, observer } = this.parts;
    const { maxAgeMs } = context.profiles.of(tenant).feed;
    let total = 0;
    for (;;) {
      const args = [String(SWEPT_AT_ONCE), String(maxAgeMs), JSON.stringify(gone.ids), JSON.stringify(gone.entries)];
      const [expired, due, areQueuesDue, queuesDue, isEmpty, isMore] = listOf(
        await reader.run(sweepScript, 'sweep', tenant, args),
      );
      total += Number(expired);
      if (isMore !== '1') {
        if (total > 0) observer.expired(total);
        return {
          expired: total,
          dueMs: timeOf(due),
          isEmpty: isEmpty === '1',
          areQueuesDue: areQueuesDue === '1',
          queuesDueMs: timeOf(queuesDue),
        };
      }
    }
  }

  /** Sweeps until no tenant is due. */
  async #sweepDue(andActive = false): Promise<{ expired: number; nextInMs: number }> {
    const { schedule, swept } = this.parts;
    let expired = 0;
    let { tenants, sinceMs, nextInMs } = await schedule.takeDue(TENANTS_AT_ONCE, andActive);
    while (tenants.length > 0) {
      const ends = await this.#sweepTenants(tenants);
      for (const end of ends.values()) expired += end.expired;
      nextInMs = await schedule.settle(
        sinceMs,
        new Map([...ends].map(([tenant, { dueMs, isEmpty }]) => [tenant, isEmpty ? 'empty' : dueMs])),
      );
      swept();
      if (nextInMs > 0 || this.#isStopped) break;
      ({ tenants, sinceMs, nextInMs } = await schedule.takeDue(TENANTS_AT_ONCE));
    }
    return { expired, nextInMs };
  }

  /** A tenant that cannot be swept does not delay the others: it is taken again later. */
  async #sweepTenants(tenants: readonly string[]): Promise<ReadonlyMap<string, Swept>> {
    const ends = new Map<string, Swept>();
    const left = [...tenants];
    let failure: unknown;
    const workers = Array.from({ length: Math.min(MAX_PARALLEL_TENANTS, left.length) }, async () => {
      for (let tenant = left.shift(); tenant !== undefined; tenant = left.shift()) {
        try {
          ends.set(tenant, await this.#sweepTenant(tenant));
        } catch (error) {
          failure ??= error;
        }
      }
    });
    await Promise.all(workers);
    if (failure !== undefined && ends.size === 0) throw failure;
    if (failure !== undefined) this.#damages.noted(failure);
    return ends;
  }

  async #sweepTenant(tenant: string): Promise<Swept> {
    const swept = await this.#damages.past(() => this.sweep(tenant));
    const { expired, dueMs, isEmpty, areQueuesDue, queuesDueMs } = swept;
    const nextMs = areQueuesDue ? await this.#sweepQueues(tenant) : queuesDueMs;
    return { expired, dueMs: Math.min(dueMs, nextMs), isEmpty };
  }

  /** Sweeps the queues that are due. Returns when the next one is. */
  async #sweepQueues(tenant: string): Promise<number> {
    const { reader, context } = this.parts;
    const { tasks } = context.options;
    const plan = JSON.stringify({ limit: SWEPT_AT_ONCE, idleMs: queueIdleMs(tasks.resultMs), limits: tasks });
    for (;;) {
      const [isMore, due] = await this.#damages.past(async () =>
        listOf(await reader.run(queuesScript, 'sweep-queue', tenant, [plan])),
      );
      if (isMore !== '1') return timeOf(due);
    }
  }

  #again(ms: number): void {
    if (this.#isStopped) return;
    // Jitter: replicas that started together must not sweep together.
    this.#timer = setTimeout(() => (this.#running = this.#tick()), ms * (1 + Math.random() / 4)).unref();
  }

  async #tick(): Promise<void> {
    let ms = MAX_PAUSE_MS;
    if (this.parts.connections.isReady) {
      try {
        const { nextInMs } = await this.#sweepDue();
        ms = Math.max(MIN_PAUSE_MS, Math.min(nextInMs, MAX_PAUSE_MS));
      } catch (error) {
        this.#damages.noted(error);
      }
    }
    this.#again(ms);
  }
}

function timeOf(due: unknown): number {
  return due === '' ? Number.POSITIVE_INFINITY : Number(textOf(due));
}
