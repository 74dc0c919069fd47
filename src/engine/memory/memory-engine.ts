import { ServiceError } from '../../service-error.js';
import { systemClock, type Clock } from '../clock.js';
import type { Commit, Outcome } from '../commit.js';
import {
  Engine,
  silentObserver,
  type EngineObserver,
  type EngineOptions,
  type Filter,
  type ListPage,
  type ListQuery,
  type StorageReport,
  type VersionLookup,
  type VersionPage,
} from '../engine.js';
import { StoreUnavailableError } from '../errors.js';
import type { VersionRecord, WorkflowRecord } from '../records.js';
import type { WorkflowIndex } from '../workflow-index.js';
import type { Collection } from './collection.js';
import { isLive, versionOf, type Entry } from './entry.js';
import { GroupCommit } from './group-commit.js';
import { changesOf, type Journal, type JournalChange } from './journal.js';
import { journalError } from './journal-error.js';
import { Listeners } from './listeners.js';
import { countMatching, listPage } from './listing.js';
import { CommitPlanner, type Change, type Plan } from './plan-commit.js';
import { restoreFrom } from './restore.js';
import { Sweeper } from './sweeper.js';
import { Tenants, type TenantData } from './tenant-data.js';

/** What one sweep removes at most; more would hold up everybody else. */
const SWEPT_AT_ONCE = 500;

export interface MemoryEngineParts {
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  readonly clock?: Clock;
  readonly observer?: EngineObserver;
  /** Without one, everything ends with the process. */
  readonly journal?: Journal;
}

/**
 * Everything in maps. A commit is atomic because it runs in one turn: it works out all changes, which may refuse, and then
 * makes them, which cannot. With a journal, memory may be ahead of the disk by a flush: later commits build on that, but
 * no answer of any kind is given before the disk has what it rests on.
 */
export class MemoryEngine extends Engine {
  readonly storage = 'memory';
  readonly #index: WorkflowIndex;
  readonly #clock: Clock;
  readonly #observer: EngineObserver;
  readonly #journal: Journal | undefined;
  readonly #group: GroupCommit | undefined;
  readonly #planner: CommitPlanner;
  readonly #tenants = new Tenants();
  readonly #listeners = new Listeners();
  readonly #sweeper: Sweeper;

  constructor({ options, index, clock = systemClock, observer = silentObserver, journal }: MemoryEngineParts) {
    super();
    this.#index = index;
    this.#clock = clock;
    this.#observer = observer;
    this.#journal = journal;
    this.#group = journal && new GroupCommit(journal);
    this.#planner = new CommitPlanner(options, index, this.#tenants.texts);
    this.#sweeper = new Sweeper({
      sweep: async () => (await this.#sweep()).isMore,
      dueInMs: () => this.#nextEndMs() - clock(),
      failed: () => observer.command('sweep', 0, 'failed'),
    });
  }

  /** Takes over what the journal holds and begins to sweep. */
  start(): void {
    if (this.#journal !== undefined) restoreFrom(this.#journal, this.#index, this.#tenants);
    this.#sweeper.start();
  }

  /** Lets what is under way reach the disk. */
  async close(): Promise<void> {
    this.#sweeper.stop();
    await this.#group?.caughtUp();
    await this.#journal?.close();
  }

  async find(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    return this.#recordOf(await this.#current(tenant, id));
  }

  async findMany(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]> {
    const { workflows } = this.#tenant(tenant);
    const found = await this.#onceOnDisk(() => ids.map((id) => this.#live(workflows, id)));
    return found.map((entry) => this.#recordOf(entry));
  }

  async list(tenant: string, query: ListQuery): Promise<ListPage> {
    const { workflows } = this.#tenant(tenant);
    const page = await this.#onceOnDisk(() => listPage(workflows, query, this.#clock));
    this.#observer.read(page.items.length);
    return page;
  }

  async count(tenant: string, filter: Filter): Promise<number> {
    const { workflows } = this.#tenant(tenant);
    return this.#onceOnDisk(() => countMatching(workflows, filter, this.#clock));
  }

  async listVersions(
    tenant: string,
    id: string,
    { limit, before, includeState }: { limit: number; before?: number; includeState: boolean },
  ): Promise<VersionPage | undefined> {
    const entry = await this.#current(tenant, id);
    if (entry === undefined) return undefined;
    const wanted = [entry, ...entry.history].filter(({ version }) => before === undefined || version < before);
    const versions = wanted.slice(0, limit).map((earlier) => versionOf(entry, earlier, includeState));
    return { versions, nextBefore: wanted.length > limit ? (versions.at(-1)?.version ?? null) : null };
  }

  async findVersion(tenant: string, id: string, version: number): Promise<VersionLookup> {
    const entry = await this.#current(tenant, id);
    if (entry === undefined) return { found: 'no-workflow' };
    if (version > entry.version || version < 1) return { found: 'no-version' };
    const kept = [entry, ...entry.history];
    const earlier = kept.find((candidate) => candidate.version === version);
    if (earlier === undefined) return { found: 'pruned', oldest: kept.at(-1)?.version ?? entry.version };
    return { found: 'version', version: versionOf(entry, earlier, true) as VersionRecord & { state: string } };
  }

  async findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined> {
    const { outcomes } = this.#tenant(tenant);
    return this.#onceOnDisk(() => outcomes.find(key, fingerprint, this.#clock()));
  }

  async commit(tenant: string, commit: Commit): Promise<Outcome> {
    const started = performance.now();
    const tell = (outcome: 'ok' | 'refused' | 'failed') =>
      this.#observer.command('commit', (performance.now() - started) / 1000, outcome);
    try {
      const outcome = await this.#commit(tenant, commit);
      tell('ok');
      return outcome;
    } catch (error) {
      const code = error instanceof ServiceError ? error.code : undefined;
      tell(code === undefined || code.startsWith('STORE_') ? 'failed' : 'refused');
      if (code === 'VERSION_CONFLICT') this.#observer.conflict();
      throw error;
    }
  }

  onChange(tenant: string, id: string, listener: () => void): () => void {
    return this.#listeners.add(tenant, id, listener);
  }

  async sweep(): Promise<number> {
    return (await this.#sweep()).swept;
  }

  async inspect(): Promise<StorageReport> {
    let workflows = 0;
    for (const [, data] of this.#tenants) workflows += data.workflows.updated.size;
    const journal = this.#journal;
    return {
      reachable: journal?.isLost !== true,
      latencyMs: 0,
      durability:
        journal === undefined
          ? 'everything ends with the process'
          : 'nothing acknowledged is lost: flushed to disk before the answer',
      warnings: journal?.warnings() ?? ['No DATA_DIR: all state is lost when this process ends'],
      details: { engine: 'memory', journal: journal !== undefined, workflows },
    };
  }

  async #commit(tenant: string, commit: Commit): Promise<Outcome> {
    const data = this.#tenant(tenant);
    // What is refused or was done before is answered like a read; what goes through leaves with its own flush as its answer.
    const answer = await this.#onceOnDisk(
      () => {
        const now = this.#clock();
        const known = data.outcomes.find(commit.once.key, commit.once.fingerprint, now);
        if (known !== undefined) return known;
        const plan = this.#planner.plan(data, commit, { now, commit: this.#group?.next ?? 0 });
        return { outcome: plan.outcome, done: this.#apply(tenant, plan) };
      },
      (result) => 'done' in result,
    );
    if (!('done' in answer)) return answer;
    await answer.done;
    const { puts = [], patches = [], deletes = [] } = commit;
    this.#observer.written(puts.length + patches.length + deletes.length);
    return answer.outcome;
  }

  /** Makes the changes at once, and settles when they are on the disk. Rejects with everything as it was. */
  async #apply(tenant: string, { changes, outcomes }: Omit<Plan, 'outcome'>): Promise<void> {
    const data = this.#tenant(tenant);
    const before = new Map([...outcomes.keys()].map((key) => [key, data.outcomes.get(key)]));
    for (const { id, old, next } of changes) data.workflows.replace(id, old, next);
    for (const [key, kept] of outcomes) data.outcomes.set(key, kept);
    if (this.#group !== undefined) {
      const undo = () => {
        for (const { id, old, next } of changes) data.workflows.replace(id, next, old);
        for (const [key, kept] of before) data.outcomes.set(key, kept);
      };
      const lasting = [...outcomes]
        .filter(([key, kept]) => (kept ?? before.get(key))?.isLasting)
        .map(([key, value]): JournalChange => ({ kind: 'outcome', tenant, key, value }));
      const records = changes.flatMap(({ id, old, next }) => changesOf(tenant, id, old, next));
      const nothingToWrite = records.length + lasting.length === 0;
      if (!nothingToWrite) {
        await this.#group.submit([...records, ...lasting], undo).catch((error: unknown) => {
          throw journalError(error);
        });
      }
    }
    for (const { id } of changes) this.#listeners.tell(tenant, id);
  }

  async #sweep(): Promise<{ swept: number; isMore: boolean }> {
    let room = SWEPT_AT_ONCE;
    let swept = 0;
    const done: Promise<void>[] = [];
    for (const [tenant, data] of this.#tenants) {
      const now = this.#clock();
      const changes = dueIn(data.workflows, now, room);
      const over = data.outcomes.over(now, room - changes.length);
      swept += changes.length;
      room -= changes.length + over.length;
      if (changes.length + over.length > 0) {
        done.push(this.#apply(tenant, { changes, outcomes: new Map(over.map((key) => [key, undefined])) }));
      }
      if (room === 0) break;
    }
    await Promise.all(done);
    if (swept > 0) this.#observer.expired(swept);
    return { swept, isMore: room === 0 };
  }

  #nextEndMs(): number {
    let next = Infinity;
    for (const [, { workflows, outcomes }] of this.#tenants) {
      next = Math.min(next, workflows.deadlines.first?.score ?? Infinity, outcomes.nextEndMs ?? Infinity);
    }
    return next;
  }

  /** The workflow as the disk has it. */
  async #current(tenant: string, id: string): Promise<Entry | undefined> {
    const { workflows } = this.#tenant(tenant);
    const entry = this.#live(workflows, id);
    // By far the most common case, and it costs no turn: nobody is writing this workflow just now.
    if (entry !== undefined && entry.commit <= (this.#group?.settled ?? 0)) return entry;
    return this.#onceOnDisk(() => this.#live(workflows, id));
  }

  /**
   * Reads from memory and answers, or refuses, when the disk has caught up with that. If some of it was undone instead, it
   * may never have been true, so it is read again. `isOwn` results are handed on at once.
   */
  async #onceOnDisk<T>(read: () => T | Promise<T>, isOwn: (result: T) => boolean = () => false): Promise<T> {
    const group = this.#group;
    if (group === undefined) return read();
    for (;;) {
      const { timesUndone } = group;
      let answer: () => T;
      try {
        const result = await read();
        if (isOwn(result)) return result;
        answer = () => result;
      } catch (error) {
        answer = () => {
          throw error;
        };
      }
      if (!group.isIdle) await group.caughtUp();
      if (group.timesUndone === timesUndone) return answer();
    }
  }

  #live(workflows: Collection, id: string): Entry | undefined {
    const entry = workflows.get(id);
    return entry !== undefined && isLive(entry, this.#clock()) ? entry : undefined;
  }

  #recordOf(entry: Entry | undefined): WorkflowRecord | undefined {
    if (entry === undefined) return undefined;
    this.#observer.read(1);
    const { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs } = entry;
    return { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs, state: entry.state.toString() };
  }

  /** @throws StoreUnavailableError when another service has the data by now */
  #tenant(name: string): TenantData {
    if (this.#journal?.isLost === true) throw new StoreUnavailableError();
    return this.#tenants.get(name);
  }
}

/** Workflows whose end has come, the longest ago first. */
function dueIn(workflows: Collection, now: number, most: number): Change[] {
  const due: Change[] = [];
  for (const { score, id } of workflows.deadlines.ascending()) {
    if (score > now || due.length === most) break;
    due.push({ id, old: workflows.get(id), next: undefined });
  }
  return due;
}
