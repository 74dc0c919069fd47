import { parseDocument, type JsonNode } from '../../json/document.js';
import { systemClock, type Clock } from '../clock.js';
import {
  RETRY_WINDOW_MS,
  type Commit,
  type CommittedWorkflow,
  type Outcome,
  type Patch,
  type Put,
  type Touch,
  type Ttl,
} from '../commit.js';
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
import { ServiceError } from '../../service-error.js';
import { demand } from '../expectation.js';
import type { VersionRecord, WorkflowMeta, WorkflowRecord } from '../records.js';
import { checkSize, resultOf } from '../edit-result.js';
import type { WorkflowIndex } from '../workflow-index.js';
import { Collection } from './collection.js';
import { historyAfter, versionOf, type Entry } from './entry.js';
import { GroupCommit } from './group-commit.js';
import { changesOf, type Journal, type JournalChange } from './journal.js';
import { journalError } from './journal-error.js';
import { Listeners } from './listeners.js';
import { countMatching, isLive, listPage } from './listing.js';
import { keptOutcome, Outcomes, type Kept } from './outcomes.js';
import { restoreFrom } from './restore.js';

const SWEPT_AT_ONCE = 1000;
const SHORTEST_SWEEP_MS = 1000;
const LONGEST_SWEEP_MS = 30_000;

export interface MemoryEngineParts {
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  readonly clock?: Clock;
  readonly observer?: EngineObserver;
  /** Without one, everything ends with the process. */
  readonly journal?: Journal;
}

export interface TenantData {
  readonly workflows: Collection;
  readonly outcomes: Outcomes;
}

/** What a commit does to one workflow. */
interface Change {
  readonly id: string;
  readonly old: Entry | undefined;
  readonly next: Entry | undefined;
}

/**
 * Everything in maps. A commit is atomic because it runs in one turn: it works out all changes, which may refuse, and then
 * makes them, which cannot. With a journal it is answered only after a flush, and until then readers see what was before it.
 */
export class MemoryEngine extends Engine {
  readonly storage = 'memory';
  readonly #options: EngineOptions;
  readonly #index: WorkflowIndex;
  readonly #clock: Clock;
  readonly #observer: EngineObserver;
  readonly #journal: Journal | undefined;
  readonly #group: GroupCommit | undefined;
  readonly #tenants = new Map<string, TenantData>();
  readonly #listeners = new Listeners();
  /** Of workflows with changes that are not on the disk yet: what the disk has, and how many changes are under way. */
  readonly #unflushed = new Map<string, { durable: Entry | undefined; changes: number }>();
  /** A hot workflow is edited again and again; its document need not be taken apart each time. */
  readonly #documents = new WeakMap<Entry, JsonNode>();
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor({ options, index, clock = systemClock, observer = silentObserver, journal }: MemoryEngineParts) {
    super();
    this.#options = options;
    this.#index = index;
    this.#clock = clock;
    this.#observer = observer;
    this.#journal = journal;
    this.#group = journal && new GroupCommit(journal);
  }

  /** Takes over what the journal holds and begins to sweep. */
  start(): void {
    if (this.#journal !== undefined) restoreFrom(this.#journal, this.#index, (tenant) => this.#tenant(tenant));
    this.#sweepSoon();
  }

  async close(): Promise<void> {
    clearTimeout(this.#sweepTimer);
    this.#sweepTimer = undefined;
    await this.#group?.idle();
    await this.#journal?.close();
  }

  async find(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    const entry = this.#durable(tenant, id);
    if (entry !== undefined) this.#observer.read(1);
    return entry;
  }

  async findMany(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]> {
    return Promise.all(ids.map((id) => this.find(tenant, id)));
  }

  async list(tenant: string, query: ListQuery): Promise<ListPage> {
    await this.#group?.idle();
    const page = await listPage(this.#tenant(tenant).workflows, query, this.#clock);
    this.#observer.read(page.items.length);
    return page;
  }

  async count(tenant: string, filter: Filter): Promise<number> {
    await this.#group?.idle();
    return countMatching(this.#tenant(tenant).workflows, filter, this.#clock);
  }

  async listVersions(
    tenant: string,
    id: string,
    { limit, before, includeState }: { limit: number; before?: number; includeState: boolean },
  ): Promise<VersionPage | undefined> {
    const entry = this.#durable(tenant, id);
    if (entry === undefined) return undefined;
    const wanted = [entry, ...entry.history].filter(({ version }) => before === undefined || version < before);
    const versions = wanted.slice(0, limit).map((earlier) => versionOf(entry, earlier, includeState));
    return { versions, nextBefore: wanted.length > limit ? (versions.at(-1)?.version ?? null) : null };
  }

  async findVersion(tenant: string, id: string, version: number): Promise<VersionLookup> {
    const entry = this.#durable(tenant, id);
    if (entry === undefined) return { found: 'no-workflow' };
    if (version > entry.version || version < 1) return { found: 'no-version' };
    const kept = [entry, ...entry.history];
    const earlier = kept.find((candidate) => candidate.version === version);
    if (earlier === undefined) return { found: 'pruned', oldest: kept.at(-1)?.version ?? entry.version };
    return { found: 'version', version: versionOf(entry, earlier, true) as VersionRecord & { state: string } };
  }

  async findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined> {
    await this.#group?.idle();
    return this.#tenant(tenant).outcomes.find(key, fingerprint, this.#clock());
  }

  async commit(tenant: string, commit: Commit): Promise<Outcome> {
    const started = performance.now();
    try {
      const outcome = await this.#commit(tenant, commit);
      this.#observer.command('commit', (performance.now() - started) / 1000, 'ok');
      return outcome;
    } catch (error) {
      const refused = error instanceof ServiceError;
      this.#observer.command('commit', (performance.now() - started) / 1000, refused ? 'refused' : 'failed');
      if (refused && error.code === 'VERSION_CONFLICT') this.#observer.conflict();
      throw error;
    }
  }

  onChange(tenant: string, id: string, listener: () => void): () => void {
    return this.#listeners.add(tenant, id, listener);
  }

  async sweep(): Promise<number> {
    let swept = 0;
    for (const [tenant, data] of this.#tenants) {
      const now = this.#clock();
      const changes = dueIn(data.workflows, now).map((old): Change => ({ id: old.id, old, next: undefined }));
      const over = data.outcomes.over(now, SWEPT_AT_ONCE);
      if (changes.length + over.length === 0) continue;
      await this.#apply(tenant, changes, new Map(over.map((key) => [key, undefined])));
      swept += changes.length;
    }
    if (swept > 0) this.#observer.expired(swept);
    return swept;
  }

  async inspect(): Promise<StorageReport> {
    let workflows = 0;
    for (const data of this.#tenants.values()) workflows += data.workflows.updated.size;
    const durable = this.#journal !== undefined;
    return {
      reachable: true,
      latencyMs: 0,
      durability: durable
        ? 'nothing acknowledged is lost: flushed to disk before the answer'
        : 'everything ends with the process',
      warnings: durable ? [] : ['No DATA_DIR: all state is lost when this process ends'],
      details: { engine: 'memory', journal: durable, workflows },
    };
  }

  async #commit(tenant: string, commit: Commit): Promise<Outcome> {
    const { once, puts = [], patches = [], deletes = [], touches = [] } = commit;
    const { workflows, outcomes } = this.#tenant(tenant);
    const now = this.#clock();
    const known = outcomes.find(once.key, once.fingerprint, now);
    if (known !== undefined) {
      if (this.#group === undefined || this.#group.isIdle) return known;
      // Its first run may still be on its way to the disk, or fail there.
      await this.#group.idle();
      return this.#commit(tenant, commit);
    }
    const live = (id: string) => {
      const entry = workflows.get(id);
      return entry !== undefined && isLive(entry, now) ? entry : undefined;
    };
    for (const { state } of puts) checkSize(state, this.#options.maxStateBytes);
    puts.forEach((put, i) => demand('puts', i, put, live(put.id)));
    patches.forEach((patch, i) => demand('patches', i, patch, live(patch.id)));
    deletes.forEach((part, i) => demand('deletes', i, part, live(part.id)));
    touches.forEach((touch, i) => demand('touches', i, touch, live(touch.id)));

    const results: CommittedWorkflow[] = [];
    const changes: Change[] = [];
    const change = (id: string, next: Entry | undefined, result?: { state: string }) => {
      changes.push({ id, old: workflows.get(id), next });
      if (next !== undefined) results.push({ ...metaOf(next), created: live(id) === undefined, ...result });
    };
    for (const put of puts) change(put.id, this.#put(put, live(put.id), now));
    for (const patch of patches) {
      const next = this.#patch(patch, live(patch.id) as Entry, now);
      change(patch.id, next, { state: next.state });
    }
    for (const { id } of deletes) change(id, undefined);
    for (const touch of touches) change(touch.id, this.#touch(touch, live(touch.id) as Entry, now));

    const outcome: Outcome = {
      replayed: false,
      workflows: results,
      ...(once.memo !== undefined && { memo: once.memo }),
    };
    const kept: Kept = {
      fingerprint: once.fingerprint,
      untilMs: now + once.keepMs,
      outcome: keptOutcome(once, outcome),
    };
    await this.#apply(tenant, changes, new Map([[once.key, kept]]));
    this.#observer.written(puts.length + patches.length + deletes.length);
    return outcome;
  }

  #put({ id, incarnation, state, index, ttl, about }: Put, old: Entry | undefined, now: number): Entry {
    const bytes = Buffer.byteLength(state);
    if (old === undefined) {
      const deadlineMs = this.#deadline(ttl, undefined, now);
      const times = { createdAtMs: now, updatedAtMs: now, deadlineMs };
      return { id, incarnation, version: 1, ...times, state, about, bytes, index, history: [] };
    }
    return {
      id,
      incarnation: old.incarnation,
      version: old.version + 1,
      createdAtMs: old.createdAtMs,
      // A clock that is set back must not make a later version look older.
      updatedAtMs: Math.max(now, old.updatedAtMs),
      deadlineMs: this.#deadline(ttl, old, now),
      state,
      about,
      bytes,
      index,
      history: historyAfter(old, this.#options),
    };
  }

  #patch({ id, edit, ttl, by, note }: Patch, old: Entry, now: number): Entry {
    const document = this.#documents.get(old) ?? parseDocument(old.state);
    const { document: edited, changed } = edit.apply(document, new Date(now));
    const { state, index } = resultOf(edited, this.#index, this.#options.maxStateBytes);
    const about = { by, cause: edit.cause, changed, ...(note !== undefined && { note }) };
    const next = this.#put({ id, incarnation: old.incarnation, state, index, ttl, about }, old, now);
    this.#documents.set(next, edited);
    return next;
  }

  #touch({ ttl }: Touch, old: Entry, now: number): Entry {
    return { ...old, deadlineMs: this.#deadline(ttl, old, now) };
  }

  #deadline(ttl: Ttl, old: Entry | undefined, now: number): number | null {
    if (ttl === null) return null;
    if (ttl === 'keep') return old === undefined ? now + this.#options.defaultTtlMs : old.deadlineMs;
    return now + ttl;
  }

  /** Makes the changes at once, and settles when they are on the disk. Rejects with everything as it was. */
  async #apply(
    tenant: string,
    changes: readonly Change[],
    outcomes: ReadonlyMap<string, Kept | undefined>,
  ): Promise<void> {
    const data = this.#tenant(tenant);
    const before = new Map([...outcomes.keys()].map((key) => [key, data.outcomes.get(key)]));
    for (const { id, old, next } of changes) data.workflows.replace(id, old, next);
    for (const [key, kept] of outcomes) data.outcomes.replace(key, kept);
    if (this.#group !== undefined) {
      const undo = () => {
        for (const { id, old, next } of changes) data.workflows.replace(id, next, old);
        for (const [key, kept] of before) data.outcomes.replace(key, kept);
      };
      for (const { id, old } of changes) this.#hold(tenant, id, old);
      try {
        await this.#group.submit(this.#journalChanges(tenant, changes, outcomes, before), undo);
        for (const { id, next } of changes) this.#letGo(tenant, id, (held) => (held.durable = next));
      } catch (error) {
        for (const { id } of changes) this.#letGo(tenant, id);
        throw journalError(error);
      }
    }
    for (const { id } of changes) this.#listeners.tell(tenant, id);
  }

  #journalChanges(
    tenant: string,
    changes: readonly Change[],
    outcomes: ReadonlyMap<string, Kept | undefined>,
    before: ReadonlyMap<string, Kept | undefined>,
  ): JournalChange[] {
    const now = this.#clock();
    // An outcome kept for the service's own retries ends with the process that would retry.
    const isLasting = (kept: Kept | undefined) => kept !== undefined && kept.untilMs - now > RETRY_WINDOW_MS;
    return [
      ...changes.flatMap(({ id, old, next }) => changesOf(tenant, id, old, next)),
      ...[...outcomes]
        .filter(([key, kept]) => isLasting(kept) || (kept === undefined && before.get(key) !== undefined))
        .map(([key, value]): JournalChange => ({ kind: 'outcome', tenant, key, value })),
    ];
  }

  /** What readers may see: nothing that a power cut could still take back, and nothing that has expired. */
  #durable(tenant: string, id: string): Entry | undefined {
    const held = this.#unflushed.size === 0 ? undefined : this.#unflushed.get(`${tenant}\0${id}`);
    const entry = held === undefined ? this.#tenant(tenant).workflows.get(id) : held.durable;
    return entry !== undefined && isLive(entry, this.#clock()) ? entry : undefined;
  }

  #hold(tenant: string, id: string, durable: Entry | undefined): void {
    const key = `${tenant}\0${id}`;
    const held = this.#unflushed.get(key);
    if (held === undefined) this.#unflushed.set(key, { durable, changes: 1 });
    else held.changes++;
  }

  #letGo(tenant: string, id: string, flushed?: (held: { durable: Entry | undefined }) => void): void {
    const key = `${tenant}\0${id}`;
    const held = this.#unflushed.get(key);
    if (held === undefined) return;
    flushed?.(held);
    if (--held.changes === 0) this.#unflushed.delete(key);
  }

  #tenant(name: string): TenantData {
    let data = this.#tenants.get(name);
    if (data === undefined) {
      data = { workflows: new Collection(), outcomes: new Outcomes() };
      this.#tenants.set(name, data);
    }
    return data;
  }

  #sweepSoon(): void {
    const ends = [...this.#tenants.values()].flatMap(({ workflows, outcomes }) => {
      const [first] = workflows.deadlines.ascending();
      return [first?.score, outcomes.nextEndMs].filter((end) => end !== undefined);
    });
    const due = Math.min(...ends) - this.#clock();
    const ms = Math.max(SHORTEST_SWEEP_MS, Math.min(due, LONGEST_SWEEP_MS));
    this.#sweepTimer = setTimeout(() => {
      // A sweep that fails (disk full) has changed nothing; the next one tries again.
      void this.sweep()
        .catch(() => this.#observer.command('sweep', 0, 'failed'))
        .then(() => this.#sweepTimer !== undefined && this.#sweepSoon());
    }, ms).unref();
  }
}

/** Workflows whose end has come, the longest ago first, up to a bound. */
function dueIn(workflows: Collection, now: number): Entry[] {
  const due: Entry[] = [];
  for (const { score, id } of workflows.deadlines.ascending()) {
    if (score > now || due.length === SWEPT_AT_ONCE) break;
    due.push(workflows.get(id) as Entry);
  }
  return due;
}

function metaOf({ id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs }: Entry): WorkflowMeta {
  return { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs };
}
