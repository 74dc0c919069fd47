import { appliedInTurns } from '../applied-in-turns.js';
import { ByteSemaphore } from '../byte-semaphore.js';
import { changedBoard, EMPTY_BOARD, shownBoard, type Board } from '../board.js';
import type { Take, Taken } from '../bucket.js';
import type { Clock } from '../clock.js';
import { eventTimeMs } from '../event-id.js';
import { committedWorkflow, type Commit, type Once, type Outcome } from '../commit.js';
import {
  Engine,
  silentObserver,
  type EngineObserver,
  type EngineOptions,
  type FeedEvent,
  type Erased,
  type Filter,
  type Listener,
  type ListPage,
  type ListQuery,
  type StorageReport,
  type Topic,
  type VersionLookup,
  type VersionPage,
  type VersionQuery,
  type VersionRef,
} from '../engine.js';
import type { ConflictDetail, ConflictPage } from '../conflicts.js';
import { ConflictNotFoundError, VersionConflictError } from '../errors.js';
import type { MovedOutcome } from '../kept.js';
import { recordOf, versionFields, type WorkflowRecord } from '../records/workflow-meta.js';
import { fittingBytes, pageOfVersions } from '../page.js';
import { Profiles } from '../profile.js';
import { SharedTurns } from '../shared-turns.js';
import type { WorkflowIndex } from '../workflow-index.js';
import { erasedWith, noteErasure } from '../erasure.js';
import { eraseData } from './erase-data.js';
import { keptState, liveAt, versionOf, type Entry } from './workflows/entry.js';
import type { Journal } from './journal/journal.js';
import { decodedInTurns } from './workflows/decoded-in-turns.js';
import { countMatching, listPage } from './workflows/listing.js';
import { MemoryCore, observed } from './memory-core.js';
import { MemoryMoving } from './moving/memory-moving.js';
import { replayOf } from './commits/outcomes.js';
import { CommitPlanner, type WorkflowChange } from './commits/commit-planner.js';
import { restoreFrom } from './journal/restore.js';
import { SweepTimer } from './sweep-timer.js';
import { MemoryTasks } from './tasks/memory-tasks.js';
import { recordOf as taskRecordOf } from '../records/task-fields.js';
import { SteadyClock } from './steady-clock.js';
import { isLeasedUnder } from './tasks/task-entry.js';
import type { TenantData } from './tenant-data.js';
import type { Touched, Transaction } from './commits/transaction.js';

/** More removals in one sweep would delay requests. */
const MAX_SWEPT = 500;

export interface MemoryEngineParts {
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  /** For tests. By default the clock of the machine, which never goes back here; see steady-clock.ts. */
  readonly clock?: Clock;
  readonly observer?: EngineObserver;
  /** Without a journal, all data is lost when the process ends. */
  readonly journal?: Journal;
}

/** Edits of smaller states do not wait. */
const LARGE_EDIT_BYTES = 16 * 1024;
/** Bytes of the states that edits hold at once. */
const MAX_EDITED_BYTES = 32 * 1024 * 1024;

/**
 * Keeps everything in maps. A commit is atomic because it runs in one turn of the event loop: all checks, which may throw, come
 * before the first change, and changes cannot fail.
 */
export class MemoryEngine extends Engine {
  readonly storage = 'memory';
  readonly tasks: MemoryTasks;
  readonly moving: MemoryMoving;
  readonly #core: MemoryCore;
  readonly #profiles: Profiles;
  readonly #observer: EngineObserver;
  readonly #options: EngineOptions;
  readonly #planner: CommitPlanner;
  readonly #sweepTimer: SweepTimer;
  readonly #decoding = new SharedTurns();
  readonly #edits = new ByteSemaphore(MAX_EDITED_BYTES);
  /** Undefined if the clock was given. */
  readonly #steady: SteadyClock | undefined;

  constructor({ options, index, clock, observer = silentObserver, journal }: MemoryEngineParts) {
    super();
    this.#steady = clock === undefined ? new SteadyClock() : undefined;
    const now = clock ?? (this.#steady as SteadyClock).read;
    this.#profiles = new Profiles(options, index);
    this.#core = new MemoryCore(now, journal, this.#profiles);
    this.#observer = observer;
    this.#options = options;
    this.#planner = new CommitPlanner(options, this.#profiles, this.#core.tenants.texts);
    this.tasks = new MemoryTasks(this.#core, options.tasks, observer);
    this.moving = new MemoryMoving(this.#core, options, this.#profiles);
    this.#sweepTimer = new SweepTimer({
      sweep: async () => (await this.#sweep()).isMore,
      dueInMs: () => this.#nextDueMs() - now(),
      failed: () => observer.command('sweep', 0, 'failed'),
    });
  }

  /** Restores from the journal and starts the sweep timer. */
  async start(): Promise<void> {
    await this.restore();
    this.#sweepTimer.start();
  }

  /** Restores from the journal without starting the sweep timer. */
  async restore(): Promise<void> {
    const { journal, tenants } = this.#core;
    if (journal === undefined) return;
    await this.#core.load(() => restoreFrom(journal, this.#profiles, tenants));
    for (const [, { feed }] of tenants) this.#steady?.startAt(eventTimeMs(feed.lastId(Infinity)));
  }

  async close(): Promise<void> {
    this.#sweepTimer.stop();
    await this.#core.close();
  }

  /** Calls `listener` for every change, which may not be on the disk yet. Undefined removes the listener. */
  onTouched(listener: ((tenant: string, kind: Touched, id: string) => void) | undefined): void {
    this.#core.onTouched = listener;
  }

  /** Outcomes kept for clients: all of them, or those under `keys`. */
  outcomes(tenant: string, keys?: Iterable<string>): Promise<readonly MovedOutcome[]> {
    return this.#core.read(tenant, ({ outcomes }) => {
      const now = this.#core.clock();
      return [...(keys ?? outcomes.keys())].flatMap((key) => {
        const kept = outcomes.get(key);
        if (kept === undefined || !kept.isLasting || kept.untilMs <= now) return [];
        return [{ key, fingerprint: kept.fingerprint, untilMs: kept.untilMs, outcome: kept.outcome }];
      });
    });
  }

  /** Marks the directory as moved, so that a later start does not serve outdated state. */
  async markMoved(to: string): Promise<void> {
    await this.#core.journal?.markMoved(to);
  }

  /** A commit with several patches, which were applied before the turn that writes. */
  async #inTurns(tenant: string, commit: Commit): Promise<Commit> {
    const { patches = [] } = commit;
    if (patches.length < 2) return commit;
    const now = this.#core.clock();
    const { workflows } = await this.#core.tenant(tenant);
    const { maxStateBytes } = this.#options;
    const stateOf = (id: string) => workflows.find(id, now)?.state.toString();
    return { ...commit, patches: await appliedInTurns(patches, stateOf, { at: new Date(now), maxStateBytes }) };
  }

  async find(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    const entry = await this.#current(tenant, id);
    const wait = this.#decoding.enter(entry?.state.length ?? 0);
    if (wait !== undefined) await wait;
    return this.#recordOf(entry);
  }

  async findMany(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]> {
    const found = await this.#core.read(tenant, ({ workflows }) =>
      ids.map((id) => workflows.find(id, this.#core.clock())),
    );
    return found.map((entry) => this.#recordOf(entry));
  }

  async list(tenant: string, query: ListQuery): Promise<ListPage> {
    const page = await this.#core.read(tenant, ({ workflows }) => listPage(workflows, query, this.#core.clock));
    this.#observer.read(page.items.length);
    return page;
  }

  async count(tenant: string, filter: Filter): Promise<number> {
    return this.#core.read(tenant, ({ workflows }) => countMatching(workflows, filter, this.#core.clock));
  }

  async listVersions(tenant: string, id: string, query: VersionQuery): Promise<VersionPage | undefined> {
    const entry = await this.#current(tenant, id);
    if (entry === undefined) return undefined;
    const { order, limit, before = Infinity, after = -Infinity, includeState } = query;
    const wanted = [entry, ...entry.history].filter(({ version }) => version < before && version > after);
    if (order === 'asc') wanted.reverse();
    const found = wanted.slice(0, limit + 1).map((earlier) => versionOf(entry, earlier));
    const page = pageOfVersions(found, query);
    if (!includeState) return page;
    const states = await decodedInTurns(wanted.slice(0, page.versions.length).map(({ state }) => state));
    return { ...page, versions: page.versions.map((version, i) => ({ ...version, state: states[i] as string })) };
  }

  async findVersion(tenant: string, id: string, version: number): Promise<VersionLookup> {
    const entry = await this.#current(tenant, id);
    if (entry === undefined) return { found: 'no-workflow' };
    if (version > entry.version || version < 1) return { found: 'no-version' };
    const kept = [entry, ...entry.history];
    const earlier = kept.find((candidate) => candidate.version === version);
    if (earlier === undefined) return { found: 'pruned', oldest: kept.at(-1)?.version ?? entry.version };
    await this.#decoding.enter(earlier.state.length);
    return { found: 'version', version: { ...versionOf(entry, earlier), state: earlier.state.toString() } };
  }

  async findStates(
    tenant: string,
    versions: readonly VersionRef[],
    maxBytes: number,
  ): Promise<readonly (string | undefined)[]> {
    const states = await this.#core.read(tenant, ({ workflows }) =>
      versions.map((version) => keptState(workflows.find(version.id, this.#core.clock()), version)),
    );
    const shown = fittingBytes(
      states.map((state) => state?.length ?? 0),
      maxBytes,
    );
    return decodedInTurns(states.slice(0, shown));
  }

  async findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined> {
    return this.#core.read(tenant, (data) => {
      const kept = data.outcomes.find(key, fingerprint, this.#core.clock());
      if (kept === undefined) return undefined;
      const { next: _claimed, ...outcome } = replayOf(kept);
      return outcome;
    });
  }

  /** Edits of large states wait for one another: each holds its state, and the new one until it is on the disk. */
  commit(tenant: string, commit: Commit): Promise<Outcome> {
    const bytes = this.#editedBytes(tenant, commit);
    if (bytes < LARGE_EDIT_BYTES) return this.#commit(tenant, commit);
    return this.#edits.run(bytes, () => this.#commit(tenant, commit));
  }

  #editedBytes(tenant: string, { patches = [] }: Commit): number {
    const workflows = patches.length > 0 ? this.#core.tenants.peek(tenant).workflows : undefined;
    return patches.reduce((sum, { id }) => sum + (workflows?.get(id)?.state.length ?? 0), 0);
  }

  async #commit(tenant: string, given: Commit): Promise<Outcome> {
    const commit = await this.#inTurns(tenant, given);
    const { once, puts = [], patches = [], deletes = [] } = commit;
    try {
      const outcome = await observed(this.#observer, 'commit', () =>
        this.#core.change(
          tenant,
          (transaction) => this.#redelivered(transaction, once) ?? this.#make(tenant, transaction, commit),
          (data, now) => {
            const known = data.outcomes.findOnce(once, now);
            return known && this.#replayed(data, replayOf(known));
          },
        ),
      );
      if (!outcome.replayed) this.#observer.written(puts.length + patches.length + deletes.length);
      return outcome;
    } catch (error) {
      if (error instanceof VersionConflictError) this.#observer.conflict();
      throw error;
    }
  }

  /** Always empty, because this engine is never detached. */
  async listConflicts(): Promise<ConflictPage> {
    return { conflicts: [], nextBefore: null };
  }

  async findConflict(): Promise<ConflictDetail | undefined> {
    return undefined;
  }

  onChange(tenant: string, topic: Topic, listener: Listener): () => void {
    return this.#core.listeners.add(tenant, topic, listener);
  }

  async readFeed(tenant: string, after: string | undefined, limit: number): Promise<readonly FeedEvent[]> {
    // Only events on the disk are shown, so there is no flush to wait for.
    const { feed } = await this.#core.tenant(tenant);
    return feed.after(after, limit, this.#core.lastFinished);
  }

  async lastEventId(tenant: string): Promise<string> {
    const { feed } = await this.#core.tenant(tenant);
    return feed.lastId(this.#core.lastFinished);
  }

  async readBoard(tenant: string, board: string): Promise<Board> {
    return this.#core.read(tenant, ({ boards }) => shownBoard(boards.get(board) ?? EMPTY_BOARD, this.#core.clock()));
  }

  async take(tenant: string, takes: readonly Take[]): Promise<readonly Taken[]> {
    return this.#core.buckets.take(tenant, takes, this.#core.clock());
  }

  async erase(tenant: string, limit: number): Promise<Erased> {
    let left = limit;
    const { tenants } = this.#core;
    const names = erasedWith(tenant);
    if (names.some((name) => tenants.has(name)))
      await noteErasure((access, commit) => this.commit(access, commit), tenant);
    for (const name of names) {
      this.#core.buckets.erase(name);
      if (!tenants.has(name)) continue;
      left -= await this.#core.change(name, (transaction) => eraseData(transaction, left));
      tenants.forget(name);
      if (left === 0) break;
    }
    return { removed: limit - left, isDone: !names.some((name) => tenants.has(name)) };
  }

  async sweep(): Promise<number> {
    return (await this.#sweep()).swept;
  }

  async inspect(): Promise<StorageReport> {
    let workflows = 0;
    for (const [, data] of this.#core.tenants) workflows += data.workflows.updated.size;
    const { journal } = this.#core;
    return {
      reachable: journal?.isLost !== true,
      latencyMs: 0,
      durability:
        journal === undefined
          ? 'none: all data is lost when the process ends'
          : 'every acknowledged write is on disk: flushed before the answer',
      warnings: journal?.warnings() ?? ['DATA_DIR is not set: all state is lost when this process ends'],
      details: { engine: 'memory', journal: journal !== undefined, workflows },
    };
  }

  /** Runs all checks, then all changes. */
  #make(tenant: string, transaction: Transaction, commit: Commit): Outcome {
    const { once, ack, enqueue = [], publish = [], cancelTasksOf = [], claim, board } = commit;
    const { data, now } = transaction;
    const work = this.tasks.work(transaction);
    this.#planner.demandSizes(commit);
    const acked = ack && work.demandLease(ack.taskId, ack.token, { part: 'ack', index: 0 });
    const { changes, written } = this.#planner.plan(tenant, data, commit, { now, commit: transaction.number });
    for (const conflict of commit.resolves ?? []) throw new ConflictNotFoundError(conflict);
    for (const id of cancelTasksOf) work.demandCancellable(id);
    work.demandCapacity(enqueue, acked);

    for (const { id, next } of changes) transaction.replaceWorkflow(id, next);
    if (acked !== undefined) work.finish(acked, (ack as { result: string }).result);
    for (const id of cancelTasksOf) work.cancelAllOf(id);
    const tasks = enqueue.map((task) => work.enqueue(task));
    for (const { id } of written) work.updateHold(id);
    for (const change of changes) announceWorkflow(transaction, change);
    const eventIds = publish.map(({ channel, type, payload }) => transaction.announce(type, { channel, payload }));
    if (board !== undefined) {
      transaction.setBoard(board.board, changedBoard(data.boards.get(board.board) ?? EMPTY_BOARD, board, now));
      if ((board.notices ?? []).length > 0) transaction.tell(`board ${board.board}`);
    }
    const [next] = claim === undefined ? [] : work.claim(claim, this.#core.buckets);
    const workflows = written.map(({ id, isCreated, state }) =>
      committedWorkflow(data.workflows.get(id) as Entry, isCreated, state),
    );
    const parts = {
      ...(tasks.length > 0 && {
        tasks: tasks.map(({ entry, isDuplicate }) => ({ task: taskRecordOf(entry), isDuplicate })),
      }),
      ...(eventIds.length > 0 && { eventIds }),
      ...(next && { next }),
      ...(once.memo !== undefined && { memo: once.memo }),
    };
    this.#core.keepOutcome(transaction, once, { is: 'commit', workflows, ...parts });
    return { replayed: false, workflows, ...parts };
  }

  /** A replay that changes nothing. Undefined if the caller still has the lease of the claimed task. */
  #replayed({ tasks }: TenantData, { next, ...outcome }: Outcome): Outcome | undefined {
    return next !== undefined && isLeasedUnder(tasks.get(next.id), next.token) ? undefined : outcome;
  }

  /** A replay with the claimed task, which is delivered again. Undefined for a new commit. */
  #redelivered(transaction: Transaction, once: Once): Outcome | undefined {
    const { data, now } = transaction;
    const known = data.outcomes.findOnce(once, now);
    if (known?.is !== 'commit' || known.next === undefined) return undefined;
    const { id, token } = known.next;
    const [next] = this.tasks.work(transaction).redeliver([[id, token]]);
    return next && { ...replayOf(known), next };
  }

  async #sweep(): Promise<{ swept: number; isMore: boolean }> {
    let swept = 0;
    let isMore = false;
    const now = this.#core.clock();
    for (const [tenant, data] of this.#core.tenants) {
      if (this.#dueMs(data) > now) continue;
      const done = await this.#sweepTenant(tenant, MAX_SWEPT - swept);
      swept += done.swept;
      isMore ||= done.isMore;
      if (swept >= MAX_SWEPT) break;
    }
    if (swept > 0) this.#observer.expired(swept);
    return { swept, isMore: isMore || swept >= MAX_SWEPT };
  }

  #sweepTenant(tenant: string, limit: number): Promise<{ swept: number; isMore: boolean }> {
    return this.#core.change(tenant, (transaction) => {
      const { data, now } = transaction;
      const due = data.workflows.deadlines.upTo(now, limit);
      for (const id of due) {
        transaction.replaceWorkflow(id, undefined);
        transaction.announce('workflow.expired', { id });
      }
      transaction.trimFeed();
      const expired = data.outcomes.byEnd.upTo(now, limit);
      for (const key of expired) transaction.setOutcome(key, undefined);
      const isMore = this.tasks.sweep(transaction, limit);
      return { swept: due.length, isMore: isMore || expired.length >= limit };
    });
  }

  #nextDueMs(): number {
    let next = Infinity;
    for (const [, data] of this.#core.tenants) next = Math.min(next, this.#dueMs(data));
    return next;
  }

  /** Time at which the first record of a tenant is due for a sweep. */
  #dueMs({ workflows, outcomes, tasks, feed }: TenantData): number {
    const ends = [workflows.deadlines.firstScore, outcomes.byEnd.firstScore, this.tasks.dueMs(tasks), feed.dueMs];
    return Math.min(...ends);
  }

  /** The workflow as it is on the disk. */
  async #current(tenant: string, id: string): Promise<Entry | undefined> {
    const { workflows } = await this.#core.tenant(tenant);
    const entry = workflows.find(id, this.#core.clock());
    // The common case, without a turn of the event loop: no unflushed write to this workflow.
    if (entry !== undefined && entry.commit <= this.#core.lastFinished) return entry;
    return this.#core.read(tenant, (data) => data.workflows.find(id, this.#core.clock()));
  }

  #recordOf(entry: Entry | undefined): WorkflowRecord | undefined {
    if (entry === undefined) return undefined;
    this.#observer.read(1);
    return recordOf(entry, entry.state.toString());
  }
}

function announceWorkflow(transaction: Transaction, { id, old, next }: WorkflowChange): void {
  const before = liveAt(old, transaction.now);
  // Expired, not swept yet.
  if (old !== undefined && before === undefined) transaction.announce('workflow.expired', { id });
  const [type, entry] =
    next === undefined ? (['workflow.deleted', before] as const) : ([typeOf(before, next), next] as const);
  if (entry === undefined || next?.state === before?.state) return;
  transaction.announce(type, { id, ...versionFields(entry) });
}

function typeOf(before: Entry | undefined, { about }: Entry): string {
  if (before === undefined) return 'workflow.created';
  return about.cause === 'restore' ? 'workflow.restored' : 'workflow.updated';
}
