import { join } from 'node:path';
import { createHash, randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Config, type RedisConfig } from '../config/config.js';
import { optionsOf } from '../engine/engine-options.js';
import { MemoryEngine } from '../engine/memory/memory-engine.js';
import type { OnConflict } from '../engine/moving/arrival.js';
import { openRedis, type OpenRedis } from '../engine/redis/connection/open-redis.js';
import { EditMaker } from '../engine/edit-maker.js';
import { storeEngine } from '../engine/store-engine.js';
import { StoreObserver } from '../engine/store-observer.js';
import { FallbackEngine } from '../engine/detached/fallback-engine.js';
import type { Engine, ListPosition } from '../engine/engine.js';
import type { WorkflowRecord } from '../engine/records/workflow-meta.js';
import { EngineSwitch, type ServingEngine } from '../engine/switching/engine-switch.js';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { Ledger } from '../migration/ledger.js';
import { newRound, Sync, type Round } from '../migration/sync.js';
import { BOARD as ROUTING_BOARD } from '../routing/decision.js';
import { ServiceError } from '../service-error.js';
import type { AttachPhase, AttachReport } from './attach.dto.js';
import { Changed } from './changed.js';

export class AttachRefusedError extends ServiceError {
  readonly code = 'ATTACH_REFUSED';
}

/** So few changes are left for the hand-over, when everybody waits. */
const FEW_CHANGES = 100;
const MOST_ROUNDS = 1000;
/** Requests wait no longer; then all goes on as before. Far below what a client waits for. */
const LONGEST_HAND_OVER_MS = 5000;
const MOST_HAND_OVERS = 5;
const BOARDS_KNOWN_MS = 60_000;

const NOTHING: AttachReport = {
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
 * Moves a service that runs in memory to Redis while it serves: copies, catches up with what is written meanwhile, compares, and then
 * lets requests wait for a moment while the last changes go over. Until that moment is over everything is as it was, whatever fails.
 */
@Injectable()
export class Attach implements OnModuleDestroy {
  readonly #logger = new Logger('Attach');
  readonly #ending = new AbortController();
  /** Of earlier attempts: what they have left in that Redis is ours. */
  readonly #ledgers = new Map<string, Ledger>();
  #status = NOTHING;
  #running: Promise<void> | undefined;
  /** Of the engine that comes next, if it is one that can go on without Redis. */
  #fallback: FallbackEngine | undefined;
  /** Carries go one after the other: one that took too long must not come behind a later one. */
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

  /** Settles when Redis has been found to be there and fit; the rest goes on by itself. @throws AttachRefusedError */
  async start(config: RedisConfig, onConflict: OnConflict): Promise<AttachReport> {
    const memory = this.engines.current;
    if (!(memory instanceof MemoryEngine)) throw new AttachRefusedError('This service serves from Redis already');
    if (this.#running !== undefined || this.#status.phase === 'connecting') {
      throw new AttachRefusedError('A move to Redis is under way already; GET /v1/admin/attach tells how far it is');
    }
    const name = `${config.host}:${config.port}/${config.db}${config.namespace === '' ? '' : ` (${config.namespace})`}`;
    this.#status = { ...NOTHING, phase: 'connecting', redis: name, startedAtMs: Date.now() };
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

  /** Ends what is under way, and what it has opened if nobody serves from it. */
  async onModuleDestroy(): Promise<void> {
    this.#ending.abort(new Error('the service is shutting down'));
    await this.#running;
  }

  async #run(memory: MemoryEngine, redis: OpenRedis, name: string, onConflict: OnConflict): Promise<void> {
    this.#logger.log(`moving to Redis at ${name} while serving`);
    try {
      await this.#move(memory, redis, name, onConflict);
      this.#status = { ...this.#status, phase: 'done', endedAtMs: Date.now() };
      const { heldUpMs, created, updated, same } = this.#status;
      this.#logger.log(
        `serving from Redis at ${name}: ${created + updated + same} records are there, requests waited ${heldUpMs} ms. Set REDIS_URL before the next start`,
      );
    } catch (error) {
      this.#fail(error);
      await redis.close();
    } finally {
      memory.onTouched(undefined);
    }
  }

  async #move(memory: MemoryEngine, redis: OpenRedis, name: string, onConflict: OnConflict): Promise<void> {
    const changed = new Changed();
    memory.onTouched((tenant, kind, id) => changed.note(tenant, kind, id));
    const parts = {
      from: memory.moving,
      to: redis.engine.moving,
      ledger: this.#ledgerFor(name),
      onConflict,
      observer: { moved: () => undefined, compared: () => undefined },
      signal: this.#ending.signal,
    };
    const sync = new Sync(parts);
    this.#phase('copying');
    // Before anything is written there: that Redis may be in use by somebody else.
    if (onConflict === 'fail') demandNoConflict(await new Sync({ ...parts, isDryRun: true }).round());
    this.#count(await sync.round());
    for (const tenant of await memory.moving.listTenants()) await this.#bringOutcomes(memory, redis, tenant);
    this.#phase('catching-up');
    await this.#catchUp(memory, redis, sync, changed);
    this.#phase('verifying');
    const verified = await sync.round({ verify: true });
    const { different } = verified;
    if (different.length > 0) throw new Error(`${different.length} records are not the same in Redis: ${different[0]}`);
    demandNoConflict(verified);
    await this.#handOver(memory, redis, sync, changed, name);
  }

  /** Until few changes are left. Each round takes less time than the one before, so fewer are made during it. */
  async #catchUp(memory: MemoryEngine, redis: OpenRedis, sync: Sync, changed: Changed): Promise<void> {
    for (let round = 0; changed.size > FEW_CHANGES && round < MOST_ROUNDS; round++) {
      await this.#carry(memory, redis, sync, changed);
    }
  }

  #carry(memory: MemoryEngine, redis: OpenRedis, sync: Sync, changed: Changed): Promise<void> {
    const carried = this.#carrying.catch(() => undefined).then(() => this.#carryOne(memory, redis, sync, changed));
    this.#carrying = carried;
    return carried;
  }

  async #carryOne(memory: MemoryEngine, redis: OpenRedis, sync: Sync, changed: Changed): Promise<void> {
    const { records, outcomes } = changed.take();
    const round = newRound();
    try {
      for (const { tenant, kind, ids } of records) {
        await sync.carry(tenant, kind, ids, round);
        if (kind === 'workflow') for (const id of ids) this.#fallback?.drop(tenant, id);
      }
      for (const [tenant, keys] of outcomes) await this.#bringOutcomes(memory, redis, tenant, keys);
    } catch (error) {
      // What was taken out and may not have arrived must be carried all the same.
      for (const { tenant, kind, ids } of records) for (const id of ids) changed.note(tenant, kind, id);
      for (const [tenant, keys] of outcomes) for (const key of keys) changed.note(tenant, 'outcome', key);
      throw error;
    }
    this.#count(round);
  }

  async #handOver(memory: MemoryEngine, redis: OpenRedis, sync: Sync, changed: Changed, name: string): Promise<void> {
    const next = await this.#nextEngine(redis);
    for (let attempt = 1; ; attempt++) {
      this.#phase('handing-over');
      let started = performance.now();
      try {
        await this.#seed(memory);
        await this.#catchUp(memory, redis, sync, changed);
        started = performance.now();
        const before = await this.engines.to(next, {
          last: () => this.#carry(memory, redis, sync, changed),
          commit: () => memory.markMoved(`Redis at ${name}`),
          withinMs: LONGEST_HAND_OVER_MS,
        });
        this.#status = { ...this.#status, heldUpMs: Math.round(performance.now() - started) };
        await this.#bringBoards(before.engine, redis).catch((error: Error) =>
          this.#logger.warn(`statistics begin anew: ${error.message}`),
        );
        // What it still had to answer, it has answered: calls under way were waited for.
        await before.close().catch((error: Error) => this.#logger.warn(`memory was not closed: ${error.message}`));
        return;
      } catch (error) {
        if (attempt === MOST_HAND_OVERS || error instanceof ServiceError) {
          this.#fallback = undefined;
          await next.close();
          throw error;
        }
        this.#logger.warn(`not handed over yet: ${(error as Error).message}`);
      }
    }
  }

  /** The engine that serves from now on; while Redis is away, as the configuration says. */
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

  /** So that Redis may go away right after: what was written last is known here, as far as there is room for it. */
  async #seed(memory: MemoryEngine): Promise<void> {
    let room = this.config.detached.cacheBytes;
    for (const tenant of this.#fallback === undefined ? [] : await memory.moving.listTenants()) {
      const newest: WorkflowRecord[] = [];
      let after: ListPosition | undefined;
      do {
        const page = await memory.list(tenant, {
          filter: {},
          sort: '-updatedAt',
          limit: 100,
          includeState: true,
          ...(after && { after }),
        });
        for (const { state = '', ...meta } of page.items) {
          room -= state.length;
          if (room > 0) newest.push({ ...meta, state });
        }
        after = page.next;
      } while (after !== undefined && room > 0);
      this.#fallback?.hold(tenant, newest.toReversed());
    }
  }

  /** What the service keeps for itself; additions, so that they go on top of what other replicas have brought. */
  async #bringBoards(memory: Engine, redis: OpenRedis): Promise<void> {
    for (const tenant of await memory.moving.listTenants()) {
      const { counts, notices, entries } = await memory.readBoard(tenant, ROUTING_BOARD);
      const now = Date.now();
      const kept = notices.map(({ name, text, untilMs }) => ({ name, text, keepMs: Math.max(1, untilMs - now) }));
      const once = { key: randomUUID(), fingerprint: '', keepMs: BOARDS_KNOWN_MS };
      const board = { board: ROUTING_BOARD, add: counts, notices: kept, entries: entries.toReversed() };
      await redis.engine.commit(tenant, { once, board });
    }
  }

  async #bringOutcomes(memory: MemoryEngine, redis: OpenRedis, tenant: string, keys?: Iterable<string>): Promise<void> {
    const outcomes = await memory.outcomes(tenant, keys);
    for (let at = 0; at < outcomes.length; at += FEW_CHANGES) {
      await Promise.all(outcomes.slice(at, at + FEW_CHANGES).map((one) => redis.engine.moving.putOutcome(tenant, one)));
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

  /** @throws Error when something else is in Redis under an id of ours */
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
    demandNoConflict(round);
  }

  #phase(phase: AttachPhase): void {
    this.#status = { ...this.#status, phase };
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#status = { ...this.#status, phase: 'failed', endedAtMs: Date.now(), error: reason };
    this.#logger.error(`still serving from memory, nothing has changed: ${reason}`);
  }
}

/** @throws Error when something else is in Redis under an id of ours */
function demandNoConflict({ counts: { conflict } }: Round): void {
  if (conflict === 0) return;
  throw new Error(
    `Redis has something else under ${conflict} ids of this service. Choose another Redis or REDIS_NAMESPACE, or say what to do: onConflict skip or newer`,
  );
}
