import { join } from 'node:path';
import { createHash, randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Config, type RedisConfig } from '../config/config.js';
import { optionsOf } from '../engine/engine-options.js';
import { MemoryEngine } from '../engine/memory/memory-engine.js';
import type { OnConflict } from '../engine/moving/arrival.js';
import { isDamaged } from '../engine/moving/damaged.js';
import { skewBetween } from '../engine/moving/other-clock.js';
import { openRedis, type OpenRedis } from '../engine/redis/connection/open-redis.js';
import { EditMaker } from '../engine/edit-maker.js';
import { storeEngine } from '../engine/store-engine.js';
import { StoreObserver } from '../engine/store-observer.js';
import { FallbackEngine } from '../engine/detached/fallback-engine.js';
import type { Engine, ListPosition } from '../engine/engine.js';
import type { WorkflowRecord } from '../engine/records/workflow-meta.js';
import { isHiddenTenant } from '../engine/profile.js';
import { EngineSwitch, type ServingEngine } from '../engine/switching/engine-switch.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { Ledger } from '../migration/ledger.js';
import { damageText, type DamagedLine } from '../migration/lines.js';
import { newRound, Sync, type Round } from '../migration/sync.js';
import { ServiceError } from '../service-error.js';
import type { AttachPhase, AttachReport } from './attach.dto.js';
import { ChangedRecords } from './changed-records.js';

export class AttachRefusedError extends ServiceError {
  readonly code = 'ATTACH_REFUSED';
}

/** Maximum changes left for the hand-over, during which all requests wait. */
const MAX_LAST_CHANGES = 100;
const MAX_ROUNDS = 1000;
/** Maximum time that requests wait; then the hand-over is undone. Far below client timeouts. */
const MAX_HAND_OVER_MS = 5000;
const MAX_HAND_OVERS = 5;
const BOARD_ONCE_MS = 60_000;

const IDLE: AttachReport = {
  phase: 'idle',
  redis: null,
  startedAtMs: null,
  endedAtMs: null,
  created: 0,
  updated: 0,
  same: 0,
  kept: 0,
  heldUpMs: null,
  error: null,
};

/**
 * Moves a service from memory to Redis while it serves: copies all records, copies records that changed meanwhile,
 * verifies all, and then makes requests wait briefly while the last changes are copied.
 * A failure before the end of the hand-over leaves the service in memory, unchanged.
 */
@Injectable()
export class Attach implements OnModuleDestroy {
  readonly #logger = new Logger('Attach');
  readonly #closing = new AbortController();
  /** For each Redis, the ledger of the records that earlier attempts have written there. */
  readonly #ledgers = new Map<string, Ledger>();
  /** How far the clock of Redis is ahead. Leases and deadlines move with the time that they have left. */
  #aheadMs = 0;
  #status = IDLE;
  #running: Promise<void> | undefined;
  /** The next engine, if it can serve detached. */
  #fallback: FallbackEngine | undefined;
  /** Copies run one after another: a slow one must not overwrite a later one. */
  #carrying: Promise<void> = Promise.resolve();

  constructor(
    private readonly engines: EngineSwitch,
    private readonly config: Config,
    private readonly index: WorkflowIndex,
    private readonly observer: StoreObserver,
    private readonly edits: EditMaker,
  ) {}

  get status(): AttachReport {
    return this.#status;
  }

  /** Resolves when Redis was reached and checked; the move continues in the background. @throws AttachRefusedError */
  async start(config: RedisConfig, onConflict: OnConflict): Promise<AttachReport> {
    const memory = this.engines.current;
    if (!(memory instanceof MemoryEngine)) throw new AttachRefusedError('This service uses Redis already');
    if (this.#running !== undefined || this.#status.phase === 'connecting') {
      throw new AttachRefusedError('A move to Redis is running already; GET /v1/admin/attach shows its progress');
    }
    const name = `${config.host}:${config.port}/${config.db}${config.namespace === '' ? '' : ` (${config.namespace})`}`;
    this.#status = { ...IDLE, phase: 'connecting', redis: name, startedAtMs: Date.now() };
    const parts = { options: optionsOf(this.config), index: this.index, observer: this.observer };
    let redis: OpenRedis;
    try {
      redis = await openRedis(config, parts);
    } catch (error) {
      this.#fail(error);
      throw new AttachRefusedError(`Nothing has changed: ${(error as Error).message}`);
    }
    this.#running = this.#run(memory, redis, name, onConflict).finally(() => (this.#running = undefined));
    return this.#status;
  }

  /** Aborts a running move and closes its connections. */
  async onModuleDestroy(): Promise<void> {
    this.#closing.abort(new Error('the service is shutting down'));
    await this.#running;
  }

  async #run(memory: MemoryEngine, redis: OpenRedis, name: string, onConflict: OnConflict): Promise<void> {
    this.#logger.log(`moving to Redis at ${name} while serving`);
    try {
      await this.#move(memory, redis, name, onConflict);
      this.#status = { ...this.#status, phase: 'done', endedAtMs: Date.now() };
      const { heldUpMs, created, updated, same } = this.#status;
      this.#logger.log(
        `serving from Redis at ${name}: ${created + updated + same} records moved, requests waited ${heldUpMs} ms. Set REDIS_URL before the next start`,
      );
    } catch (error) {
      this.#fail(error);
      await redis.close();
    } finally {
      memory.onTouched(undefined);
    }
  }

  async #move(memory: MemoryEngine, redis: OpenRedis, name: string, onConflict: OnConflict): Promise<void> {
    const changed = new ChangedRecords();
    memory.onTouched((tenant, kind, id) => changed.note(tenant, kind, id));
    this.#aheadMs = await skewBetween(memory.moving, redis.engine.moving);
    if (this.#aheadMs !== 0) this.#logger.warn(clocksDiffer(this.#aheadMs));
    const parts = {
      from: memory.moving.byClockAhead(this.#aheadMs),
      to: redis.engine.moving,
      ledger: this.#ledgerFor(name),
      onConflict,
      withoutBoards: true,
      observer: { moved: () => undefined, compared: () => undefined },
      signal: this.#closing.signal,
    };
    const sync = new Sync(parts);
    this.#phase('copying');
    // Check before the first write: another service may use that Redis.
    if (onConflict === 'fail') refuseConflicts(await new Sync({ ...parts, isDryRun: true }).round());
    this.#count(await sync.round());
    for (const tenant of await memory.moving.listTenants()) await this.#copyOutcomes(memory, redis, tenant);
    this.#phase('catching-up');
    await this.#catchUp(memory, redis, sync, changed);
    this.#phase('verifying');
    const verified = await sync.round({ verify: true });
    const { different, damaged } = verified;
    if (damaged.length > 0)
      throw new Error(
        `${damaged.length} records cannot be read, the first is ${damageText(damaged[0] as DamagedLine)}`,
      );
    if (different.length > 0)
      throw new Error(`${different.length} records differ in Redis, the first is ${different[0]}`);
    refuseConflicts(verified);
    await this.#handOver(memory, redis, sync, changed, name);
  }

  /**
   * Copies changed records until few are left. Each round is shorter than the last, so fewer records change during it.
   */
  async #catchUp(memory: MemoryEngine, redis: OpenRedis, sync: Sync, changed: ChangedRecords): Promise<void> {
    for (let round = 0; changed.size > MAX_LAST_CHANGES && round < MAX_ROUNDS; round++) {
      await this.#carry(memory, redis, sync, changed);
    }
  }

  #carry(memory: MemoryEngine, redis: OpenRedis, sync: Sync, changed: ChangedRecords): Promise<void> {
    const carried = this.#carrying.catch(() => undefined).then(() => this.#carryOne(memory, redis, sync, changed));
    this.#carrying = carried;
    return carried;
  }

  async #carryOne(memory: MemoryEngine, redis: OpenRedis, sync: Sync, changed: ChangedRecords): Promise<void> {
    const { records, outcomes } = changed.take();
    const round = newRound();
    try {
      for (const { tenant, kind, ids } of records) {
        await sync.carry(tenant, kind, ids, round);
        if (kind === 'workflow') for (const id of ids) this.#fallback?.drop(tenant, id);
      }
      for (const [tenant, keys] of outcomes) await this.#copyOutcomes(memory, redis, tenant, keys);
    } catch (error) {
      // Some of these records may not have been copied, so all are noted again.
      for (const { tenant, kind, ids } of records) for (const id of ids) changed.note(tenant, kind, id);
      for (const [tenant, keys] of outcomes) for (const key of keys) changed.note(tenant, 'outcome', key);
      throw error;
    }
    this.#count(round);
  }

  async #handOver(
    memory: MemoryEngine,
    redis: OpenRedis,
    sync: Sync,
    changed: ChangedRecords,
    name: string,
  ): Promise<void> {
    const next = await this.#nextEngine(redis);
    for (let attempt = 1; ; attempt++) {
      this.#phase('handing-over');
      let started = performance.now();
      try {
        await this.#seedHeldCopies(memory);
        await this.#catchUp(memory, redis, sync, changed);
        started = performance.now();
        const before = await this.engines.to(next, {
          last: () => this.#carry(memory, redis, sync, changed),
          commit: () => memory.markMoved(`Redis at ${name}`),
          withinMs: MAX_HAND_OVER_MS,
        });
        this.#status = { ...this.#status, heldUpMs: Math.round(performance.now() - started) };
        await this.#copyBoards(before.engine, redis).catch((error: Error) =>
          this.#logger.warn(`boards could not be copied, so routing statistics start empty: ${error.message}`),
        );
        // The switch has waited for all calls, so the memory engine is idle.
        await before
          .close()
          .catch((error: Error) => this.#logger.warn(`memory engine could not be closed: ${error.message}`));
        return;
      } catch (error) {
        if (attempt === MAX_HAND_OVERS || error instanceof ServiceError) {
          this.#fallback = undefined;
          await next.close();
          throw error;
        }
        this.#logger.warn(`hand-over failed, trying again: ${(error as Error).message}`);
      }
    }
  }

  /** The engine after the move; detached or not, as configured. */
  async #nextEngine({ connections }: OpenRedis): Promise<ServingEngine> {
    const { config, index, observer, edits } = this;
    const engine = await storeEngine(connections, { config, index, observer, edits, check: () => Promise.resolve() });
    this.#fallback = engine instanceof FallbackEngine ? engine : undefined;
    return {
      engine,
      start: () => engine.start(),
      close: async () => {
        await engine.close();
        await connections.close();
      },
    };
  }

  /** Fills the held copies with the newest workflows, in case Redis becomes unreachable right after the move. */
  async #seedHeldCopies(memory: MemoryEngine): Promise<void> {
    let bytesLeft = this.config.detached.cacheBytes;
    const tenants = this.#fallback === undefined ? [] : await memory.moving.listTenants();
    for (const tenant of tenants.filter((name) => !isHiddenTenant(name))) {
      const newest: WorkflowRecord[] = [];
      let after: ListPosition | undefined;
      do {
        const options = { filter: {}, sort: '-updatedAt', limit: 100, includeState: true } as const;
        const page = await memory.list(tenant, { ...options, ...(after && { after }) });
        for (const { state = '', ...meta } of page.items) {
          bytesLeft -= state.length;
          if (bytesLeft > 0) newest.push({ ...meta, state });
        }
        after = page.next;
      } while (after !== undefined && bytesLeft > 0);
      this.#fallback?.hold(tenant, newest.toReversed());
    }
  }

  /** Adds the counts of the boards to those in Redis, since another replica may have moved its counts there before. */
  async #copyBoards(memory: Engine, redis: OpenRedis): Promise<void> {
    for (const tenant of await memory.moving.listTenants()) {
      for (const found of await memory.moving.listBoards(tenant)) {
        if (isDamaged(found)) throw new Error(damageText({ ...found, tenant }));
        const { id, counts, notices, entries } = found;
        const now = Date.now();
        const kept = notices.map(({ name, text, untilMs }) => ({ name, text, keepMs: Math.max(1, untilMs - now) }));
        const once = { key: randomUUID(), fingerprint: '', keepMs: BOARD_ONCE_MS };
        const board = { board: id, add: counts, notices: kept, entries: entries.toReversed() };
        await redis.engine.commit(tenant, { once, board });
      }
    }
  }

  async #copyOutcomes(memory: MemoryEngine, redis: OpenRedis, tenant: string, keys?: Iterable<string>): Promise<void> {
    const outcomes = await memory.outcomes(tenant, keys);
    for (let at = 0; at < outcomes.length; at += MAX_LAST_CHANGES) {
      await Promise.all(
        outcomes
          .slice(at, at + MAX_LAST_CHANGES)
          .map((one) => redis.engine.moving.putOutcome(tenant, { ...one, untilMs: one.untilMs + this.#aheadMs })),
      );
    }
  }

  #ledgerFor(name: string): Ledger {
    let ledger = this.#ledgers.get(name);
    if (ledger === undefined) {
      const { dataDir } = this.config;
      const digest = createHash('sha1').update(name).digest('hex').slice(0, 10);
      ledger = new Ledger(dataDir === undefined ? undefined : join(dataDir, `attach-${digest}`));
      this.#ledgers.set(name, ledger);
    }
    return ledger;
  }

  /** @throws Error on a conflict */
  #count(round: Round): void {
    const { counts } = round;
    const { created, updated, same, kept } = this.#status;
    this.#status = {
      ...this.#status,
      created: created + counts.created,
      updated: updated + counts.updated,
      same: same + counts.same,
      kept: kept + counts.kept,
    };
    refuseConflicts(round);
  }

  #phase(phase: AttachPhase): void {
    this.#status = { ...this.#status, phase };
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#status = { ...this.#status, phase: 'failed', endedAtMs: Date.now(), error: reason };
    this.#logger.error(`move to Redis failed, still serving from memory: ${reason}`);
  }
}

/** @throws Error when Redis has different records under ids of this service */
function refuseConflicts({ counts: { conflict } }: Round): void {
  if (conflict === 0) return;
  throw new Error(
    `Redis has different records under ${conflict} ids of this service. Choose another Redis or REDIS_NAMESPACE, or set onConflict to skip or newer`,
  );
}

function clocksDiffer(aheadMs: number): string {
  const skew = `the clock of Redis is ${Math.abs(aheadMs)} ms ${aheadMs > 0 ? 'ahead of' : 'behind'} the one here`;
  return `${skew}: leases and deadlines keep the time that they have left. Synchronise both clocks (chrony, ntpd)`;
}
