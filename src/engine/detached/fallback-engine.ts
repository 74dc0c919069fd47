import { Logger } from '@nestjs/common';
import { withTimeout } from '../with-timeout.js';
import { systemClock, type Clock } from '../clock.js';
import { knownOutcomeOf, type Commit, type Edit, type EditRecipe, type Outcome } from '../commit.js';
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
import type { StoreEpoch } from '../store-epoch.js';
import type { TaskQueues } from '../task-queues.js';
import type { WorkflowIndex } from '../workflow-index.js';
import type { DetachedJournal } from './detached-journal.js';
import { Attachment, capital, type AttachmentParts } from './attachment.js';
import { silentDetachedObserver, type DetachedObserver, type Mode } from './detached-observer.js';
import { DetachedStore } from './detached-store.js';
import { Drain, type DrainTarget } from './drain.js';
import { drainAll } from './drain-all.js';
import { HeldCopies } from './held-copies.js';
import { LeftJournals, type FindLeft } from './left-journals.js';
import { Recovery } from './recovery.js';
import { idsBeside, type Holds } from './waiting-entries.js';
import type { StoreLink } from './store-link.js';

/** Refused entries, and journals, that a report names. */
const MAX_NAMED = 10;
/** Health probes must answer within a second, even if the store hangs. */
const INSPECT_TIMEOUT_MS = 700;

/** Modes, that with the most trouble first. */
const BY_TROUBLE = ['detached', 'suspect', 'recovering', 'attached'] as const satisfies readonly Mode[];

/** Engine of the store. */
export type StoreEngine = Engine &
  DrainTarget & {
    epochOf(server: string): Promise<StoreEpoch>;
    /** Time of the store, also while it is unreachable; undefined before the first contact. */
    nowMs(): number | undefined;
    start(): void;
    close(): Promise<void>;
  };

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
  /** For tests. By default the time of the store, as far as it is known. */
  readonly clock?: Clock;
  readonly observer?: DetachedObserver;
}

/**
 * Uses the store while it is reachable, else the held workflows. Detaches when a call finds no connection or gets no answer. Attaches
 * when the store answers and all entries are drained. On a Cluster each master is attached or not by itself: a call of a tenant depends
 * on the one that holds its data. Hidden tenants are never served detached. See docs/detached.md.
 */
export class FallbackEngine extends ForwardedEngine {
  readonly tasks: TaskQueues;
  readonly #logger = new Logger('Detached');
  readonly #parts: FallbackParts;
  readonly #clock: Clock;
  readonly #copies: HeldCopies;
  readonly #detached: DetachedStore;
  readonly #recovery: Recovery;
  readonly #left: LeftJournals | undefined;
  readonly #observer: DetachedObserver;
  readonly #listeners = new Listeners();
  /** By server. */
  readonly #attachments = new Map<string, Attachment>();
  readonly #attachmentParts: AttachmentParts;
  /** This process, or the one before it with this journal, has been attached. */
  #wasReached: boolean;
  #isStarted = false;
  #isClosed = false;
  /** Time of performance.now(). */
  #answeredAt = -Infinity;

  constructor(parts: FallbackParts) {
    super();
    const { store, link, journal, options, index, cacheBytes, maxBytes, editOf } = parts;
    // Held copies have deadlines by the clock of the store.
    const clock = parts.clock ?? (() => store.nowMs() ?? systemClock());
    this.#parts = parts;
    this.#clock = clock;
    this.#observer = parts.observer ?? silentDetachedObserver;
    this.#copies = new HeldCopies(cacheBytes, (tenant) => link.serverOf(tenant));
    const storeParts = { copies: this.#copies, options, index, clock, maxBytes };
    this.#detached = new DetachedStore({
      ...storeParts,
      journal,
      onChange: (tenant, id) => this.#listeners.notify(tenant, `workflow ${id}`),
    });
    this.#wasReached = this.#detached.wasReached;
    const drainOf = (detached: DetachedStore) => new Drain({ target: store, store: detached, index, clock, editOf });
    const isAttached = (tenant: string) => this.#attachmentOf(tenant).mode === 'attached';
    const isAnyAttached = () => [...this.#attachments.values()].some(({ mode }) => mode === 'attached');
    this.#recovery = new Recovery({
      store: this.#detached,
      drain: drainOf(this.#detached),
      observer: this.#observer,
      isAttached,
      isAnyAttached,
      isClosed: () => this.#isClosed,
      failed: (error) => this.#leaveUnusable(error),
    });
    this.#attachmentParts = {
      link,
      detached: this.#detached,
      recovery: this.#recovery,
      copies: this.#copies,
      check: parts.check,
      epochOf: (server) => store.epochOf(server),
      wasReached: () => this.#wasReached,
      changed: () => this.#noteModes(),
      looked: () => this.#findServers(),
    };
    this.#left =
      parts.findLeft &&
      new LeftJournals({
        find: parts.findLeft,
        ...(parts.leftIntervalMs !== undefined && { intervalMs: parts.leftIntervalMs }),
        storeParts,
        drain: () => (isAnyAttached() ? (left) => this.#drainLeft(left, drainOf(left), isAttached) : undefined),
        found: (left) => this.#observer.left(left.length, sumOf(left.map(({ entries }) => entries))),
      });
    this.tasks = new ForwardedTasks((run, tenant) =>
      this.#onlyAttached(tenant, () => run(store.tasks), onlyStoreHasQueues),
    );
    link.onLost((server) => {
      if (!link.isUsable(server)) this.#attachments.get(server)?.leave();
    });
    link.onReady(() => {
      for (const attachment of this.#attachments.values()) attachment.wake();
    });
  }

  get moving(): Moving {
    return this.#parts.store.moving;
  }

  get storage(): 'redis' | 'memory' | 'detached' {
    return this.mode === 'attached' ? this.#parts.store.storage : 'detached';
  }

  /** The store may have come back after this replica answered, and a workflow may wait for a refused write. */
  override storageSince(startedAt: number, tenant?: string): string {
    const asked = tenant === undefined ? [...this.#attachments.values()] : [this.#attachmentOf(tenant)];
    const isAttached = asked.length > 0 && asked.every(({ attachedAt }) => startedAt >= attachedAt);
    if (isAttached && startedAt > this.#answeredAt) return this.#parts.store.storage;
    return this.#detached.isVolatile ? 'detached; volatile' : 'detached';
  }

  /** That of the server with the most trouble. */
  get mode(): Mode {
    const modes = new Set(this.#modes.values());
    return BY_TROUBLE.find((mode) => modes.has(mode)) ?? 'detached';
  }

  get #modes(): ReadonlyMap<string, Mode> {
    return new Map([...this.#attachments].map(([server, { mode }]) => [server, mode]));
  }

  /** Resolves when attached, or when the store is unreachable: this replica then serves detached and keeps pinging. */
  async start(): Promise<void> {
    this.#parts.store.start();
    const { entries } = this.#detached.waiting;
    if (entries > 0) this.#logger.warn(`${entries} writes from an outage of Redis wait to be drained`);
    this.#reportWaiting();
    const { servers } = this.#parts.link;
    const attachments = servers.map((server) => this.#attachments.get(server) ?? this.#add(server, Infinity));
    this.#isStarted = true;
    await Promise.all(attachments.map((attachment) => attachment.start()));
    const attached = attachments.filter(({ mode }) => mode === 'attached');
    if (entries > 0) for (const attachment of attached) attachment.tellAttached();
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
    await Promise.all([...this.#attachments.values()].map((attachment) => attachment.close()));
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
    if (isHiddenTenant(tenant)) return this.#onlyStore(tenant, (store) => store.find(tenant, id));
    if (this.#isHeldBack(tenant, id)) {
      const own = await this.#answered(this.#detached.findOwn(tenant, id));
      if (own !== undefined) return own.record;
    }
    return this.#either(
      tenant,
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
    if (isHiddenTenant(tenant)) return this.#onlyStore(tenant, (store) => store.findMany(tenant, ids));
    if (ids.some((id) => this.#isHeldBack(tenant, id))) return Promise.all(ids.map((id) => this.find(tenant, id)));
    return this.#either(
      tenant,
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
    if (isHiddenTenant(tenant)) return this.#onlyStore(tenant, (store) => store.commit(tenant, commit));
    const attachment = this.#attachmentOf(tenant);
    // Wait for the end of the drain. After the timeout, the write is journaled.
    if (attachment.mode === 'recovering') await attachment.drainEnded();
    if (this.#isAttached(tenant) && this.#isBehind(tenant, commit)) return this.#commitBehind(tenant, commit);
    return this.#either(
      tenant,
      async () => {
        const outcome = await this.#parts.store.commit(tenant, commit);
        if (!outcome.replayed) this.#remember(tenant, commit, outcome);
        return outcome;
      },
      async () => {
        // Also of a refused write: a drain may have counted it meanwhile.
        const outcome = await this.#detached.commit(tenant, commit).finally(() => this.#reportWaiting());
        // The tenant's server may have been attached meanwhile, or another one may hold the tenant.
        if (this.#isAttached(tenant)) this.#recovery.drainArrived();
        return outcome;
      },
    );
  }

  override async findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined> {
    if (isHiddenTenant(tenant)) return this.#onlyStore(tenant, (store) => store.findOutcome(tenant, key, fingerprint));
    if (this.#isAttached(tenant) && this.#detached.isWaitingOnce(tenant, key))
      return this.#answered(this.#detached.findOutcome(tenant, key, fingerprint));
    return this.#either(
      tenant,
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
    return this.#isAttached(tenant) ? this.#parts.store.confirm(tenant, onceKey) : 'unconfirmed';
  }

  /** Needs all servers. An error does not tell which of them is away, so none is left for it. */
  override async erase(tenant: string, limit: number): Promise<Erased> {
    this.#copies.forgetTenant(tenant);
    if (this.mode !== 'attached') throw onlyStoreHasAll();
    const erased = await this.#parts.store.erase(tenant, limit);
    // Writes of the tenant that the store has refused are dropped now.
    this.#recovery.retryNow();
    return erased;
  }

  /** A tenant that cannot be swept does not keep the others from it. */
  override async sweep(): Promise<number> {
    return this.#isAttached('default') ? this.#parts.store.sweep() : 0;
  }

  async inspect(): Promise<StorageReport> {
    const report = await withTimeout(this.#parts.store.inspect(), INSPECT_TIMEOUT_MS, () => undefined);
    const { entries, bytes, heldBack } = this.#detached.waiting;
    const waiting = {
      mode: this.mode,
      waitingEntries: entries,
      waitingBytes: bytes,
      // Refused entries that are tried again just now are held back too.
      heldBackEntries: this.mode === 'attached' ? entries : heldBack,
      leftJournals: this.#left?.left.length ?? 0,
    };
    const attachments = [...this.#attachments.values()];
    const away = attachments.filter(({ mode }) => mode !== 'attached');
    const mastersAway = away.map(({ server }) => server).join(', ');
    const details = { ...waiting, ...(mastersAway !== '' && { mastersAway }) };
    if (away.length < attachments.length && report?.reachable === true) {
      const told = new Set(away.map(({ title }) => `${title} is unreachable`));
      const others = report.warnings.filter((one) => !told.has(one));
      return {
        ...report,
        warnings: [...away.flatMap(warningsOf), ...others, ...this.#whatWaits()],
        details: { ...report.details, ...details },
      };
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
        ...attachments.flatMap(warningsOf),
        ...(this.#wasReached ? [] : ['this replica has never connected to Redis: is its address right?']),
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
    return this.#detached.isWaiting(tenant, id) && this.#isAttached(tenant);
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

  async #drainLeft(store: DetachedStore, drain: Drain, holds: Holds): Promise<void> {
    const hasLostData = (tenant: string) => {
      const { epoch } = this.#attachmentOf(tenant);
      return epoch !== undefined && store.hasLostData(epoch);
    };
    const isStopped = () => this.#isClosed;
    const drained: DetachedObserver['drained'] = (as) => this.#observer.drained(as);
    try {
      await drainAll({ store, drain, hasLostData, holds, drained, isStopped });
    } catch (error) {
      this.#leaveUnusable(error);
      throw error;
    }
  }

  /** Calls the store while the tenant's server is attached. Calls `detached` if it is unreachable and nothing was sent. */
  async #either<T>(tenant: string, attached: () => Promise<T>, detached: () => Promise<T>): Promise<T> {
    const attachment = this.#attachmentOf(tenant);
    if (attachment.mode !== 'attached') return detached();
    try {
      return await attached();
    } catch (error) {
      if (isAway(error)) attachment.leave();
      if (!(error instanceof StoreAwayError)) throw error;
      return detached();
    }
  }

  protected forward<T>(run: (engine: Engine) => Promise<T>, tenant = 'default'): Promise<T> {
    return this.#onlyAttached(tenant, () => run(this.#parts.store), onlyStoreHasAll);
  }

  #onlyAttached<T>(tenant: string, call: () => Promise<T>, refusal: () => Error): Promise<T> {
    return this.#either(tenant, call, async () => {
      throw refusal();
    });
  }

  /**
   * Serves hidden tenants from the store only: a held copy could be a key that was revoked meanwhile, and a detached
   * write would be decided only by the drain.
   * @throws StoreUnavailableError
   */
  async #onlyStore<T>(tenant: string, run: (store: StoreEngine) => Promise<T>): Promise<T> {
    const attachment = this.#attachmentOf(tenant);
    if (!attachment.isFit) throw new StoreUnavailableError();
    try {
      return await run(this.#parts.store);
    } catch (error) {
      if (isAway(error)) attachment.leave();
      throw error;
    }
  }

  /** Keeps copies of written workflows for an outage. */
  #remember(tenant: string, commit: Commit, { workflows }: Outcome): void {
    const { puts = [], deletes = [] } = commit;
    const known = knownOutcomeOf(commit, workflows, this.#clock());
    workflows.forEach(({ created: _created, state, ...meta }, i) => {
      const text = state ?? puts[i]?.state;
      if (text === undefined) this.#copies.touched(tenant, meta);
      else this.#copies.keep(tenant, { ...meta, state: text }, known && [known]);
    });
    for (const { id } of deletes) this.#copies.forget(tenant, id);
  }

  #isAttached(tenant: string): boolean {
    return this.#attachmentOf(tenant).mode === 'attached';
  }

  /** The attachment to the server that holds the tenant's data now. */
  #attachmentOf(tenant: string): Attachment {
    const server = this.#parts.link.serverOf(tenant);
    return this.#attachments.get(server) ?? this.#discover(server);
  }

  /**
   * A server that holds data since a failover, or since slots moved there. It counts as attached, unless the store was
   * never reached, or entries of its tenants wait.
   */
  #discover(server: string): Attachment {
    const others = [...this.#attachments.values()];
    const isKnownStore = others.some(({ isFit }) => isFit);
    const waits = !this.#detached.isDrained((tenant) => this.#parts.link.serverOf(tenant) === server);
    // While there is trouble, a request that is being answered may have been answered detached.
    const attachedAt = others.some(({ mode }) => mode !== 'attached') ? performance.now() : -Infinity;
    const attachment = this.#add(server, isKnownStore && !waits ? attachedAt : Infinity);
    if (attachment.mode !== 'attached' && this.#isStarted) attachment.watch();
    this.#noteModes();
    return attachment;
  }

  #add(server: string, attachedAt: number): Attachment {
    const attachment = new Attachment(server, attachedAt, this.#attachmentParts);
    this.#attachments.set(server, attachment);
    return attachment;
  }

  /** Forgets servers that hold no data any more, and drains entries of tenants whose data is on another server now. */
  #findServers(): void {
    if (this.#isClosed) return;
    const { servers } = this.#parts.link;
    for (const server of servers) if (!this.#attachments.has(server)) this.#discover(server);
    const gone = [...this.#attachments.values()].filter(({ server }) => !servers.includes(server));
    for (const attachment of gone) {
      this.#attachments.delete(attachment.server);
      attachment.retire();
      this.#logger.log(`${capital(attachment.title)} holds no data any more`);
    }
    if (gone.length > 0) this.#noteModes();
    if (!this.#detached.isDrained((tenant) => this.#isAttached(tenant))) this.#recovery.drainArrived();
  }

  /** For an error that does not tell which server is away. */
  #leaveUnusable(error: unknown): void {
    if (!isAway(error)) return;
    const attachments = [...this.#attachments.values()];
    for (const attachment of attachments)
      if (attachments.length === 1 || !this.#parts.link.isUsable(attachment.server)) attachment.leave();
  }

  #noteModes(): void {
    const all = this.#modes;
    this.#wasReached ||= [...all.values()].includes('attached');
    this.#observer.mode(this.mode, all);
  }

  #reportWaiting(): void {
    this.#detached.report(this.#observer);
  }
}

function isAway(error: unknown): boolean {
  return error instanceof OutcomeUnknownError || error instanceof StoreAwayError;
}

function warningsOf({ server, mode, title, drainError }: Attachment): string[] {
  const whose = server === '' ? '' : ' of its tenants';
  return [
    mode === 'recovering'
      ? `${capital(title)} is back; writes of the outage are being drained`
      : `${capital(title)} is unreachable; this replica serves what it holds${whose}`,
    ...(drainError === undefined ? [] : [drainError]),
  ];
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
