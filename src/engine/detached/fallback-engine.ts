import { Logger } from '@nestjs/common';
import { withTimeout } from '../with-timeout.js';
import { systemClock, type Clock } from '../clock.js';
import type { Commit, Edit, EditRecipe, Outcome } from '../commit.js';
import type { Confirmation, Engine, Erased, EngineOptions, Listener, StorageReport, Topic } from '../engine.js';
import {
  EarlierWriteWaitsError,
  NotHeldError,
  OutcomeUnknownError,
  StoreAwayError,
  StoreUnavailableError,
} from '../errors.js';
import { ForwardedEngine } from '../forwarded-engine.js';
import { ForwardedTasks } from '../forwarded-tasks.js';
import { Listeners } from '../memory/feed/listeners.js';
import type { Moving } from '../moving/moving.js';
import { isHiddenTenant } from '../profile.js';
import type { WorkflowRecord } from '../records/workflow-meta.js';
import type { TaskQueues } from '../task-queues.js';
import type { WorkflowIndex } from '../workflow-index.js';
import type { DetachedJournal } from './detached-journal.js';
import { silentDetachedObserver, type DetachedObserver, type Mode } from './detached-observer.js';
import { DetachedStore } from './detached-store.js';
import { Drain, type DrainTarget } from './drain.js';
import { drainAll } from './drain-all.js';
import { HeldCopies } from './held-copies.js';
import { LeftJournals, type FindLeft } from './left-journals.js';
import { Recovery } from './recovery.js';
import { idsBeside } from './waiting-entries.js';
import type { StoreLink } from './store-link.js';

/** Interval of pings to an unreachable store; each new connection pings too. */
const PING_INTERVAL_MS = 500;
/**
 * Maximum time that a write waits for the end of a drain before it is journaled. Writes that do not wait prolong the
 * drain.
 */
const DRAIN_WAIT_MS = 1000;
/** Refused entries, and journals, that a report names. */
const MAX_NAMED = 10;
/** Health probes must answer within a second, even if the store hangs. */
const INSPECT_TIMEOUT_MS = 700;

/** Engine of the store. */
export type StoreEngine = Engine &
  DrainTarget & { storeEpoch(): Promise<string | undefined>; start(): void; close(): Promise<void> };

export interface FallbackParts {
  readonly store: StoreEngine;
  readonly link: StoreLink;
  readonly journal: DetachedJournal;
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  /** Limits of held copies and of waiting writes, in bytes. */
  readonly cacheBytes: number;
  readonly maxBytes: number;
  readonly editOf: (recipe: EditRecipe) => Edit;
  /** Rejects if the store must not be used: this replica stays detached. */
  readonly check?: () => Promise<void>;
  /** Finds the journals of replicas that have ended. */
  readonly findLeft?: FindLeft;
  /** Interval of looks for such journals. */
  readonly leftIntervalMs?: number;
  readonly clock?: Clock;
  readonly observer?: DetachedObserver;
}

/**
 * Uses the store while it is reachable, else the held workflows. Detaches when a call finds no connection or gets no answer. Attaches
 * when the store answers and all entries are drained. Hidden tenants are never served detached. See docs/detached.md.
 */
export class FallbackEngine extends ForwardedEngine {
  readonly tasks: TaskQueues;
  readonly #logger = new Logger('Detached');
  readonly #parts: FallbackParts;
  readonly #copies: HeldCopies;
  readonly #detached: DetachedStore;
  readonly #recovery: Recovery;
  readonly #left: LeftJournals | undefined;
  readonly #observer: DetachedObserver;
  readonly #listeners = new Listeners();
  readonly #waiting = new Set<() => void>();
  #mode: Mode = 'detached';
  /** The store has passed its check since the last outage, so it may be used while entries are still drained. */
  #isStoreFit = false;
  /** This process, or the one before it with this journal, has been attached. */
  #wasReached: boolean;
  #isClosed = false;
  #watching: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Times of performance.now(). */
  #leftAt = performance.now();
  #attachedAt = Infinity;
  #answeredAt = -Infinity;
  #drainError: string | undefined;

  constructor(parts: FallbackParts) {
    super();
    const { store, link, journal, options, index, cacheBytes, maxBytes, editOf, clock = systemClock } = parts;
    this.#parts = parts;
    this.#observer = parts.observer ?? silentDetachedObserver;
    this.#copies = new HeldCopies(cacheBytes);
    const storeParts = { copies: this.#copies, options, index, clock, maxBytes };
    this.#detached = new DetachedStore({
      ...storeParts,
      journal,
      onChange: (tenant, id) => this.#listeners.notify(tenant, `workflow ${id}`),
    });
    this.#wasReached = this.#detached.epoch !== undefined;
    const drainOf = (detached: DetachedStore) => new Drain({ target: store, store: detached, index, clock, editOf });
    const isAttached = () => this.#mode === 'attached';
    this.#recovery = new Recovery({
      store: this.#detached,
      drain: drainOf(this.#detached),
      observer: this.#observer,
      isAttached,
      isClosed: () => this.#isClosed,
      failed: (error) => this.#leaveIfAway(error),
    });
    this.#left =
      parts.findLeft &&
      new LeftJournals({
        find: parts.findLeft,
        ...(parts.leftIntervalMs !== undefined && { intervalMs: parts.leftIntervalMs }),
        storeParts,
        drain: () => (isAttached() ? (left) => this.#drainLeft(left, drainOf(left)) : undefined),
        found: (left) => this.#observer.left(left.length, sumOf(left.map(({ entries }) => entries))),
      });
    this.tasks = new ForwardedTasks((run) => this.#onlyAttached(() => run(store.tasks), onlyStoreHasQueues));
    link.onLost(() => {
      if (!link.isUsable) this.#leave();
    });
    link.onReady(() => this.#wake?.());
  }

  get moving(): Moving {
    return this.#parts.store.moving;
  }

  get storage(): 'redis' | 'memory' | 'detached' {
    return this.#mode === 'attached' ? this.#parts.store.storage : 'detached';
  }

  /** The store may have come back after this replica answered, and a workflow may wait for a refused write. */
  override storageSince(startedAt: number): string {
    const isOfStore = startedAt >= this.#attachedAt && startedAt > this.#answeredAt;
    if (this.#mode === 'attached' && isOfStore) return this.#parts.store.storage;
    return this.#detached.isVolatile ? 'detached; volatile' : 'detached';
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** Resolves when attached, or when the store is unreachable: this replica then serves detached and keeps pinging. */
  async start(): Promise<void> {
    this.#parts.store.start();
    const { entries } = this.#detached.waiting;
    if (entries > 0) this.#logger.warn(`${entries} writes from an outage of Redis wait to be drained`);
    this.#reportWaiting();
    if (await this.#tryToAttach()) {
      // No request has been answered in detached mode.
      this.#attachedAt = -Infinity;
      if (entries > 0) this.#tellAttached();
    } else {
      this.#become('detached');
      this.#watch();
    }
    this.#left?.start();
  }

  /** Takes over copies of the previous engine, most recently seen last. */
  hold(tenant: string, records: readonly WorkflowRecord[]): void {
    if (isHiddenTenant(tenant)) return;
    for (const record of records) this.#copies.keep(tenant, record);
  }

  /** Removes the copy of a workflow that was written after the copy was taken over. */
  drop(tenant: string, id: string): void {
    this.#copies.forget(tenant, id);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake?.();
    await this.#watching;
    await this.#left?.close();
    await this.#recovery.close();
    const { entries } = this.#detached.waiting;
    if (entries > 0) {
      const fate = this.#detached.isVolatile ? 'are lost with this process' : 'wait on the disk for the next start';
      this.#logger.error(`${entries} writes that Redis does not have ${fate}`);
    }
    await this.#detached.close();
    await this.#parts.store.close();
  }

  override async find(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    if (isHiddenTenant(tenant)) return this.#onlyStore((store) => store.find(tenant, id));
    if (this.#isHeldBack(tenant, id)) {
      const own = await this.#answered(this.#detached.findOwn(tenant, id));
      if (own !== undefined) return own.record;
    }
    return this.#either(
      async () => {
        const record = await this.#parts.store.find(tenant, id);
        if (record === undefined) this.drop(tenant, id);
        else this.#copies.keep(tenant, record);
        return record;
      },
      () => this.#detached.find(tenant, id),
    );
  }

  override async findMany(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]> {
    if (isHiddenTenant(tenant)) return this.#onlyStore((store) => store.findMany(tenant, ids));
    if (ids.some((id) => this.#isHeldBack(tenant, id))) return Promise.all(ids.map((id) => this.find(tenant, id)));
    return this.#either(
      async () => {
        const records = await this.#parts.store.findMany(tenant, ids);
        this.hold(
          tenant,
          records.filter((record) => record !== undefined),
        );
        return records;
      },
      () => Promise.all(ids.map((id) => this.#detached.find(tenant, id))),
    );
  }

  override async commit(tenant: string, commit: Commit): Promise<Outcome> {
    if (isHiddenTenant(tenant)) return this.#onlyStore((store) => store.commit(tenant, commit));
    // Wait for the end of the drain. After the timeout, the write is journaled.
    if (this.#mode === 'recovering') await this.#drainEnded();
    if (this.#mode === 'attached' && this.#isBehind(tenant, commit)) return this.#commitBehind(tenant, commit);
    return this.#either(
      async () => {
        const outcome = await this.#parts.store.commit(tenant, commit);
        if (!outcome.replayed) this.#remember(tenant, commit, outcome);
        return outcome;
      },
      async () => {
        const outcome = await this.#detached.commit(tenant, commit);
        this.#reportWaiting();
        return outcome;
      },
    );
  }

  override async findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined> {
    if (isHiddenTenant(tenant)) return this.#onlyStore((store) => store.findOutcome(tenant, key, fingerprint));
    if (this.#mode === 'attached' && this.#detached.isWaitingOnce(tenant, key))
      return this.#answered(this.#detached.findOutcome(tenant, key, fingerprint));
    return this.#either(
      () => this.#parts.store.findOutcome(tenant, key, fingerprint),
      () => this.#detached.findOutcome(tenant, key, fingerprint),
    );
  }

  onChange(tenant: string, topic: Topic, listener: Listener): () => void {
    const stops = [this.#listeners.add(tenant, topic, listener), this.#parts.store.onChange(tenant, topic, listener)];
    return () => stops.forEach((stop) => stop());
  }

  override get unconfirmable(): string | undefined {
    return this.#parts.store.unconfirmable;
  }

  /** A detached write is on no replica of the store until it is drained. */
  override async confirm(tenant: string, onceKey: string): Promise<Confirmation> {
    return this.#mode === 'attached' ? this.#parts.store.confirm(tenant, onceKey) : 'unconfirmed';
  }

  override async erase(tenant: string, limit: number): Promise<Erased> {
    this.#copies.forgetTenant(tenant);
    const erased = await super.erase(tenant, limit);
    // Writes of the tenant that the store has refused are dropped now.
    this.#recovery.retryNow();
    return erased;
  }

  override async sweep(): Promise<number> {
    return this.#mode === 'attached' ? this.#parts.store.sweep() : 0;
  }

  async inspect(): Promise<StorageReport> {
    const { entries, bytes, heldBack } = this.#detached.waiting;
    const details = {
      mode: this.#mode,
      waitingEntries: entries,
      waitingBytes: bytes,
      // Refused entries that are tried again just now are held back too.
      heldBackEntries: this.#mode === 'attached' ? entries : heldBack,
      leftJournals: this.#left?.left.length ?? 0,
    };
    const report = await withTimeout(this.#parts.store.inspect(), INSPECT_TIMEOUT_MS, () => undefined);
    if (this.#mode === 'attached' && report?.reachable === true) {
      const warnings = [...report.warnings, ...this.#whatWaits()];
      return { ...report, warnings, details: { ...report.details, ...details } };
    }
    const kept = this.#detached.isVolatile
      ? 'writes are lost with this process'
      : 'writes are on the disk of this replica';
    return {
      // The replica serves requests; the health probe needs no more.
      reachable: true,
      wasNeverReached: !this.#wasReached,
      latencyMs: null,
      durability: `${kept}, and are drained when Redis is back`,
      warnings: [
        this.#mode === 'recovering'
          ? 'Redis is back; writes of the outage are being drained'
          : 'Redis is unreachable; this replica serves what it holds',
        ...(this.#wasReached ? [] : ['this replica has never connected to Redis: is its address right?']),
        ...(this.#drainError === undefined ? [] : [this.#drainError]),
        ...this.#whatWaits(),
      ],
      details: { ...report?.details, ...details },
    };
  }

  /** A line for each write that Redis refuses, and for each journal of a replica that has ended. */
  #whatWaits(): string[] {
    const refused = this.#detached.refusals.map(
      ({ entry, reason, sinceMs, times }) =>
        `Redis refuses write ${entry.n} of tenant ${entry.tenant} since ${new Date(sinceMs).toISOString()} (${times} times): ${reason}`,
    );
    const left = (this.#left?.left ?? []).map(
      ({ file, entries, because }) => `${file} has ${entries} writes of a replica that has ended: ${because}`,
    );
    return [...refused.slice(0, MAX_NAMED), ...left.slice(0, MAX_NAMED)];
  }

  /** Whether this replica is attached, but a write of it to the workflow still waits. */
  #isHeldBack(tenant: string, id: string): boolean {
    return this.#mode === 'attached' && this.#detached.isWaiting(tenant, id);
  }

  /** Whether a commit names a workflow with a write that waits, or repeats such a write. */
  #isBehind(tenant: string, commit: Commit): boolean {
    if (!this.#detached.hasEntries) return false;
    if (this.#detached.isWaitingOnce(tenant, commit.once.key)) return true;
    return idsOf(commit).some((id) => this.#detached.isWaiting(tenant, id));
  }

  /**
   * Accepts a commit behind writes that wait. A commit with other workflows is refused: those would have to wait too.
   * @throws EarlierWriteWaitsError
   */
  async #commitBehind(tenant: string, commit: Commit): Promise<Outcome> {
    const ids = idsOf(commit);
    const [waits = ''] = ids.filter((id) => this.#detached.isWaiting(tenant, id));
    const isRepeat = this.#detached.isWaitingOnce(tenant, commit.once.key);
    if (!isRepeat && !ids.every((id) => this.#detached.isWaiting(tenant, id))) throw new EarlierWriteWaitsError(waits);
    try {
      return await this.#answered(this.#detached.commit(tenant, commit));
    } catch (error) {
      if (!(error instanceof NotHeldError)) throw error;
      throw new EarlierWriteWaitsError(waits, { failed: error.failed });
    } finally {
      this.#detached.report(this.#observer);
      this.#recovery.drainArrived();
    }
  }

  /** Marks an answer that does not come from the store, although this replica is attached. */
  async #answered<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } finally {
      this.#answeredAt = performance.now();
    }
  }

  async #drainLeft(store: DetachedStore, drain: Drain): Promise<void> {
    const hasLostData = store.hasLostData(this.#detached.epoch);
    const isStopped = () => this.#isClosed || this.#mode !== 'attached';
    const drained: DetachedObserver['drained'] = (as) => this.#observer.drained(as);
    try {
      await drainAll({ store, drain, hasLostData, drained, isStopped });
    } catch (error) {
      this.#leaveIfAway(error);
      throw error;
    }
  }

  /** Calls the store while attached. Calls `detached` if the store is unreachable and nothing was sent. */
  async #either<T>(attached: () => Promise<T>, detached: () => Promise<T>): Promise<T> {
    if (this.#mode !== 'attached') return detached();
    try {
      return await attached();
    } catch (error) {
      this.#leaveIfAway(error);
      if (!(error instanceof StoreAwayError)) throw error;
      return detached();
    }
  }

  protected forward<T>(run: (engine: Engine) => Promise<T>): Promise<T> {
    return this.#onlyAttached(() => run(this.#parts.store), onlyStoreHasAll);
  }

  #onlyAttached<T>(call: () => Promise<T>, refusal: () => Error): Promise<T> {
    return this.#either(call, async () => {
      throw refusal();
    });
  }

  /**
   * Serves hidden tenants from the store only: a held copy could be a key that was revoked meanwhile, and a detached
   * write would be decided only by the drain.
   * @throws StoreUnavailableError
   */
  async #onlyStore<T>(run: (store: StoreEngine) => Promise<T>): Promise<T> {
    if (!this.#isStoreFit) throw new StoreUnavailableError();
    try {
      return await run(this.#parts.store);
    } catch (error) {
      this.#leaveIfAway(error);
      throw error;
    }
  }

  /** Keeps copies of written workflows for an outage. */
  #remember(tenant: string, { puts = [], deletes = [] }: Commit, { workflows }: Outcome): void {
    workflows.forEach(({ created: _created, state, ...meta }, i) => {
      const text = state ?? puts[i]?.state;
      if (text === undefined) this.#copies.touched(tenant, meta);
      else this.#copies.keep(tenant, { ...meta, state: text });
    });
    for (const { id } of deletes) this.#copies.forget(tenant, id);
  }

  #leaveIfAway(error: unknown): void {
    if (error instanceof OutcomeUnknownError || error instanceof StoreAwayError) this.#leave();
  }

  #leave(): void {
    if (this.#mode !== 'attached' || this.#isClosed) return;
    this.#leftAt = performance.now();
    this.#become('suspect');
    this.#watch();
  }

  #watch(): void {
    this.#watching ??= this.#attachAgain();
  }

  async #attachAgain(): Promise<void> {
    while (!this.#isClosed) {
      if ((await this.#tryToAttach()) && this.#mode === 'attached') {
        // In the same turn as the check, so that the next outage starts a new watch.
        this.#watching = undefined;
        this.#tellAttached();
        return;
      }
      if (this.#mode !== 'detached') this.#become('detached');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PING_INTERVAL_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }

  async #tryToAttach(): Promise<boolean> {
    const { link } = this.#parts;
    if (!link.isUsable || !(await link.ping()) || this.#isClosed) return false;
    this.#become('recovering');
    try {
      return await this.#recover();
    } catch (error) {
      await this.#detached.settle().catch(() => undefined);
      // Usually the store is unreachable again. Any other error is logged once and shown as a warning.
      const message = link.isUsable ? `draining stopped: ${String(error)}` : undefined;
      if (message !== undefined && message !== this.#drainError) this.#logger.error(message);
      this.#drainError = message;
      return false;
    }
  }

  /** Drains until no entry waits but those that the store refuses. Attaches in the same turn. */
  async #recover(): Promise<boolean> {
    const { store, check } = this.#parts;
    await check?.();
    this.#isStoreFit = true;
    const epoch = await store.storeEpoch();
    const hasLostData = this.#detached.hasLostData(epoch);
    this.#detached.takeBack();
    for (;;) {
      await this.#recovery.drain(hasLostData);
      if (this.#isClosed) return false;
      if (epoch !== undefined) await this.#detached.setEpoch(epoch);
      await this.#detached.forget();
      await this.#detached.flushed();
      if (!this.#detached.isDrained) continue;
      if (hasLostData) this.#detached.noteLoss();
      this.#copies.beginPeriod();
      this.#become('attached');
      this.#recovery.retryWhenDue();
      return true;
    }
  }

  async #drainEnded(): Promise<void> {
    let done = (): void => undefined;
    const ended = new Promise<void>((resolve) => (done = resolve));
    this.#waiting.add(done);
    await withTimeout(ended, DRAIN_WAIT_MS, () => undefined);
    this.#waiting.delete(done);
  }

  #become(mode: Mode): void {
    const before = this.#mode;
    this.#mode = mode;
    if (mode !== 'attached') this.#isStoreFit = false;
    this.#observer.mode(mode);
    if (mode !== 'recovering') for (const go of this.#waiting) go();
    if (mode === 'attached') {
      this.#wasReached = true;
      this.#attachedAt = performance.now();
      this.#drainError = undefined;
    } else {
      this.#attachedAt = Infinity;
      if (mode === 'detached' && before !== 'recovering') {
        this.#logger.error(
          this.#wasReached
            ? 'Redis is unreachable: serving what this replica holds; writes wait until it is back'
            : 'never connected to Redis: serving from memory; writes wait until it is reached. /health/ready is 503 until then, unless READY_WITHOUT_REDIS=true',
        );
      }
    }
  }

  #reportWaiting(): void {
    this.#detached.report(this.#observer);
  }

  #tellAttached(): void {
    const seconds = Math.round((performance.now() - this.#leftAt) / 100) / 10;
    this.#logger.log(`Redis answers again and has all writes of the outage (${seconds} s)`);
  }
}

/** Workflows that a commit names. */
function idsOf({ puts = [], patches = [], deletes = [], touches = [], ...rest }: Commit): string[] {
  return [...[...puts, ...patches, ...deletes, ...touches].map(({ id }) => id), ...idsBeside(rest)];
}

const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);

const onlyStoreHasAll = () => new NotHeldError('lists and history are only in the store');
/**
 * A detached replica grants no leases, since Redis could lease the same task. Commits still enqueue tasks, as part of
 * entries.
 */
const onlyStoreHasQueues = () => new NotHeldError('queues are only in the store');
