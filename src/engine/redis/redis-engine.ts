import { randomUUID } from 'node:crypto';
import { InvalidJsonError } from '../../json/invalid-json-error.js';
import { parseDocument } from '../../json/document.js';
import { ServiceError } from '../../service-error.js';
import type { Board } from '../board.js';
import { systemClock, type Clock } from '../clock.js';
import type { Commit, Once, Outcome, Patch } from '../commit.js';
import { aboutPatch, checkSizes, resultOf } from '../edit-result.js';
import {
  Engine,
  silentObserver,
  type Confirmation,
  type EngineObserver,
  type EngineOptions,
  type FeedEvent,
  type Filter,
  type ListPage,
  type ListQuery,
  type StorageReport,
  type Topic,
  type VersionLookup,
  type VersionPage,
} from '../engine.js';
import { asPart, IdempotencyMismatchError, StateNotJsonError, StoreUnavailableError } from '../errors.js';
import { demand } from '../expectation.js';
import type { ConflictDetail, ConflictPage } from '../conflicts.js';
import type { VersionRecord, WorkflowRecord } from '../records.js';
import type { WorkflowIndex } from '../workflow-index.js';
import type { TaskQueues } from '../task-queues.js';
import { ChangeHints } from './change-hints.js';
import { entriesOf, planOf, plannedPut, plannedTtl, taskPartsOf, type PlannedPut } from './commit-plan.js';
import {
  Committer,
  isRefusal,
  jitter,
  refusalOf,
  type DoneWithTasks,
  type Refusal,
  type Verdict,
} from './committer.js';
import { Confirmer } from './confirmer.js';
import { EditQueue } from './edit-queue.js';
import { Fences } from './fences.js';
import { epochKey, onceKey, prefixOf, stateKey } from './keys.js';
import { changedBy, TellingTasks } from './local-hints.js';
import { RedisConflicts, type NewConflict } from './redis-conflicts.js';
import { Listing } from './listing.js';
import { Reader } from './reader.js';
import type { RedisConnections } from './redis-connections.js';
import { RedisMoving } from './redis-moving.js';
import { RedisScript } from './redis-script.js';
import { RedisFeed } from './redis-feed.js';
import { RedisTasks } from './redis-tasks.js';
import { boardOf, foundOf, keptOf, listOf, metaOf, replayOf, versionOf, type Found } from './replies.js';
import { Requests } from './requests.js';
import { Sender, type ScriptContext } from './sender.js';
import { durabilityOf, factsOf, findingsOf } from './server-judgement.js';
import { ServerStates } from './server-state.js';
import { Sweeper } from './sweeper.js';

const findScript = new RedisScript('workflow', 'find');
const adoptScript = new RedisScript('workflow', 'writing', 'adopt');
const boardScript = new RedisScript('workflow', 'board', 'read-board');
const versionsScript = new RedisScript('workflow', 'versions');
/** States of one reply; a hundred large ones at once would hold up Redis for everybody. */
const FOUND_AT_ONCE = 10;
const MOST_ROUNDS = 50;

export interface RedisEngineParts {
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  readonly namespace: string;
  /** For tests; else the server's time counts, which all replicas share. */
  readonly clock?: Clock;
  readonly observer?: EngineObserver;
  /** How often those who wait look for themselves where changes cannot be heard of. */
  readonly hintPollMs?: number;
}

/** Everything in Redis. A commit is atomic because Redis runs a script alone. */
export class RedisEngine extends Engine {
  readonly storage = 'redis';
  readonly tasks: TaskQueues;
  readonly moving: RedisMoving;
  readonly #options: EngineOptions;
  readonly #index: WorkflowIndex;
  readonly #clock: Clock | undefined;
  readonly #observer: EngineObserver;
  readonly #context: ScriptContext;
  readonly #connections: RedisConnections;
  readonly #states: ServerStates;
  readonly #confirmer: Confirmer;
  readonly #reader: Reader;
  readonly #listing: Listing;
  readonly #committer: Committer;
  readonly #edits: EditQueue;
  readonly #conflicts: RedisConflicts;
  readonly #feed: RedisFeed;
  readonly #hints: ChangeHints;
  readonly #sweeper: Sweeper;

  constructor(
    connections: RedisConnections,
    { options, index, namespace, clock, observer = silentObserver, hintPollMs }: RedisEngineParts,
  ) {
    super();
    this.#connections = connections;
    this.#states = new ServerStates(connections);
    this.#confirmer = new Confirmer(connections);
    this.#options = options;
    this.#index = index;
    this.#clock = clock;
    this.#observer = observer;
    this.#context = { namespace, options, now: clock === undefined ? () => '' : () => String(clock()) };
    this.#reader = new Reader(connections, this.#context, observer);
    this.#feed = new RedisFeed(this.#reader, namespace, options);
    this.#sweeper = new Sweeper(this.#reader, connections, namespace, observer, options.tasks, this.#feed, () => {
      if (!connections.canSubscribe) this.#hints.tellAll();
    });
    this.#listing = new Listing(this.#reader, this.#sweeper, namespace, (tenant, id) => this.find(tenant, id));
    const sender = new Sender(connections, new Fences(connections, namespace), this.#context, observer);
    const requests = new Requests(sender, this.#context);
    this.#committer = new Committer(requests, namespace);
    this.#hints = new ChangeHints(connections, namespace, hintPollMs);
    const tasks = new RedisTasks(requests, this.#reader, this.#context, observer);
    this.tasks = connections.canSubscribe ? tasks : new TellingTasks(tasks, this.#hints);
    this.#conflicts = new RedisConflicts(requests, this.#reader, this.#context);
    this.moving = new RedisMoving({
      reader: this.#reader,
      context: this.#context,
      index,
      adopt: (tenant, id) => this.adopt(tenant, id),
      readFeed: (tenant, after, limit) => this.readFeed(tenant, after, limit),
      lastEventId: (tenant) => this.lastEventId(tenant),
      findQueue: (tenant, name) => this.tasks.findQueue(tenant, name),
      listQueueNames: (tenant) => tasks.listQueues(tenant),
    });
    this.#edits = new EditQueue({
      committer: this.#committer,
      find: (tenant, id) => this.find(tenant, id),
      findOutcome: (tenant, { key, fingerprint }) => this.findOutcome(tenant, key, fingerprint),
      options,
      index,
      observer,
      ...(clock && { clock }),
    });
  }

  start(): void {
    this.#sweeper.start();
  }

  async close(): Promise<void> {
    await this.#sweeper.stop();
    this.#hints.close();
  }

  async find(tenant: string, id: string): Promise<WorkflowRecord | undefined> {
    const prefix = prefixOf(this.#context.namespace, tenant);
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const reply = listOf(await this.#reader.run(findScript, 'find', tenant, [stateKey(prefix, id)], [id]));
      const line = reply[0];
      const state = reply[1];
      if (typeof line !== 'string' || typeof state !== 'string') return undefined;
      const found = foundOf(id, line);
      if (found.kind === 'ours') {
        this.#observer.read(1);
        return { ...metaOf(found), state };
      }
      const record = await this.#settled(tenant, found, state);
      if (record !== undefined) return record;
    }
    throw new StoreUnavailableError({ cause: new Error('another program keeps overwriting this workflow') });
  }

  async findMany(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]> {
    const prefix = prefixOf(this.#context.namespace, tenant);
    const records: (WorkflowRecord | undefined)[] = [];
    for (let at = 0; at < ids.length; at += FOUND_AT_ONCE) {
      const some = ids.slice(at, at + FOUND_AT_ONCE);
      const keys = some.map((id) => stateKey(prefix, id));
      const reply = listOf(await this.#reader.run(findScript, 'find', tenant, keys, some));
      for (const [i, id] of some.entries()) {
        const [line, state] = [reply[2 * i], reply[2 * i + 1]];
        if (typeof line !== 'string' || typeof state !== 'string') {
          records.push(undefined);
          continue;
        }
        const found = foundOf(id, line);
        records.push(found.kind === 'ours' ? { ...metaOf(found), state } : await this.find(tenant, id));
      }
    }
    this.#observer.read(records.filter((record) => record !== undefined).length);
    return records;
  }

  async list(tenant: string, query: ListQuery): Promise<ListPage> {
    const page = await this.#listing.page(tenant, query);
    this.#observer.read(page.items.length);
    return page;
  }

  count(tenant: string, filter: Filter): Promise<number> {
    return this.#listing.count(tenant, filter);
  }

  async listVersions(
    tenant: string,
    id: string,
    { limit, before, includeState }: { limit: number; before?: number; includeState: boolean },
  ): Promise<VersionPage | undefined> {
    const kept = await this.#versions(tenant, id, before, limit + 1, includeState);
    if (kept === undefined) return undefined;
    const versions = kept.versions.slice(0, limit);
    return { versions, nextBefore: kept.versions.length > limit ? (versions.at(-1)?.version ?? null) : null };
  }

  async findVersion(tenant: string, id: string, version: number): Promise<VersionLookup> {
    const kept = await this.#versions(tenant, id, version + 1, 1, true);
    if (kept === undefined) return { found: 'no-workflow' };
    if (version > kept.current || version < 1) return { found: 'no-version' };
    const [newest] = kept.versions;
    if (newest?.version !== version) return { found: 'pruned', oldest: kept.oldest };
    return { found: 'version', version: newest as VersionRecord & { state: string } };
  }

  async findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined> {
    const kept = await this.#reader.get(onceKey(prefixOf(this.#context.namespace, tenant), key));
    if (kept === undefined) return undefined;
    const known = keptOf(kept);
    // Redis forgets it by its own clock; only a clock brought along can be later.
    if (this.#clock !== undefined && known.untilMs <= this.#clock()) return undefined;
    if (known.fingerprint !== fingerprint) throw new IdempotencyMismatchError();
    return replayOf(known.outcome);
  }

  async commit(tenant: string, commit: Commit): Promise<Outcome> {
    const started = performance.now();
    try {
      const outcome = await this.#commit(tenant, commit);
      this.#observer.command('commit', (performance.now() - started) / 1000, 'ok');
      if (!this.#connections.canSubscribe) this.#hints.tell(tenant, changedBy(commit, outcome));
      if (!outcome.replayed) {
        this.#observer.written(
          (commit.puts?.length ?? 0) + (commit.patches?.length ?? 0) + (commit.deletes?.length ?? 0),
        );
      }
      return outcome;
    } catch (error) {
      const code = error instanceof ServiceError ? error.code : undefined;
      const isRefusal = code !== undefined && !code.startsWith('STORE_') && code !== 'OUTCOME_UNKNOWN';
      this.#observer.command('commit', (performance.now() - started) / 1000, isRefusal ? 'refused' : 'failed');
      if (code === 'VERSION_CONFLICT') this.#observer.conflict();
      throw error;
    }
  }

  listConflicts(
    tenant: string,
    id: string,
    page: { readonly limit: number; readonly before?: number },
  ): Promise<ConflictPage> {
    return this.#conflicts.list(tenant, id, page);
  }

  findConflict(tenant: string, id: string, n: number): Promise<ConflictDetail | undefined> {
    return this.#conflicts.find(tenant, id, n);
  }

  /** Keeps what was acknowledged elsewhere and cannot become current; once for its key. */
  keepConflicts(tenant: string, once: Once, conflicts: readonly NewConflict[]): Promise<void> {
    return this.#conflicts.keep(tenant, once, conflicts);
  }

  /** A name that Redis has for as long as it has its data: another one means that it lost some. */
  storeEpoch(): Promise<string> {
    const key = epochKey(this.#context.namespace);
    return this.#reader.commands('epoch', async (client) => {
      const known = await client.get(key);
      if (known !== null) return known;
      await client.set(key, randomUUID(), 'NX');
      return (await client.get(key)) ?? '';
    });
  }

  onChange(tenant: string, topic: Topic, listener: () => void): () => void {
    return this.#hints.listen(tenant, topic, listener);
  }

  readFeed(tenant: string, after: string | undefined, limit: number): Promise<readonly FeedEvent[]> {
    return this.#feed.read(tenant, after, limit);
  }

  lastEventId(tenant: string): Promise<string> {
    return this.#feed.lastId(tenant);
  }

  async readBoard(tenant: string, board: string): Promise<Board> {
    const prefix = prefixOf(this.#context.namespace, tenant);
    return boardOf(listOf(await this.#reader.run(boardScript, 'board', tenant, [stateKey(prefix, '')], [board])));
  }

  sweep(): Promise<number> {
    return this.#sweeper.sweepAll();
  }

  async inspect(): Promise<StorageReport> {
    try {
      const started = performance.now();
      await this.#connections.command().ping();
      const latencyMs = Math.round((performance.now() - started) * 100) / 100;
      const states = await this.#states.read();
      return {
        reachable: true,
        latencyMs,
        durability: durabilityOf(states),
        warnings: findingsOf(states).map(({ says }) => says),
        details: { circuitBreaker: this.#connections.breaker.state, ...factsOf(states) },
      };
    } catch {
      // Away is away, whatever the reason; the connection has logged the change.
      return {
        reachable: false,
        latencyMs: null,
        durability: 'unknown',
        warnings: ['Redis cannot be reached'],
        details: { circuitBreaker: this.#connections.breaker.state },
      };
    }
  }

  override get unconfirmable(): string | undefined {
    return this.#connections.canSubscribe ? undefined : 'Redis over HTTP cannot say what its replicas have';
  }

  override confirm(tenant: string, key: string): Promise<Confirmation> {
    if (this.unconfirmable !== undefined) return super.confirm(tenant, key);
    return this.#confirmer.confirm(prefixOf(this.#context.namespace, tenant), key);
  }

  async #commit(tenant: string, commit: Commit): Promise<Outcome> {
    const { puts = [], patches = [], deletes = [], touches = [], once } = commit;
    const [patch] = patches;
    const parts = patches.length + puts.length + deletes.length + touches.length;
    const isAlone = commit.settles === undefined && commit.drained === undefined && taskPartsOf(commit) === undefined;
    if (patch !== undefined && parts === 1 && isAlone) {
      return this.#edits.run(tenant, { once, patch });
    }
    try {
      checkSizes(puts, this.#options.maxStateBytes);
    } catch (error) {
      return this.#refuse(tenant, { once, ...(commit.claim && { claim: commit.claim }) }, error);
    }
    for (let round = 0; round < MOST_ROUNDS; round++) {
      let edited: readonly PlannedPut[];
      try {
        edited = await this.#workOut(tenant, patches);
      } catch (error) {
        return this.#refuse(tenant, commit, error);
      }
      const verdict = await this.#committer.send(tenant, planOf(commit, [...puts.map(plannedPut), ...edited]));
      switch (verdict.is) {
        case 'done':
          return outcomeOf(once, verdict, puts.length, edited);
        case 'replayed':
          return verdict.outcome;
        case 'adopt':
          await this.find(tenant, verdict.id);
          await this.adopt(tenant, verdict.id);
          continue;
        case 'known':
        case 'fine':
          throw new StoreUnavailableError();
        default:
          // A patch has no expectation of its own here but to build on what was read; that is read again.
          if ('part' in verdict && verdict.part === 'patches') break;
          throw this.#refusal(commit, verdict);
      }
      this.#observer.retried('conflict');
      await jitter(round);
    }
    throw new StoreUnavailableError({ cause: new Error('too many other writers were faster') });
  }

  /** The patches of a commit with several parts, as puts on exactly what is there now. */
  async #workOut(tenant: string, patches: readonly Patch[]): Promise<readonly PlannedPut[]> {
    if (patches.length === 0) return [];
    const at = new Date((this.#clock ?? systemClock)());
    const records = await this.findMany(
      tenant,
      patches.map(({ id }) => id),
    );
    return patches.map((patch, i) => asPart('patches', i, () => this.#worked(patch, i, records[i], at)));
  }

  /** A patch was refused before the script was asked. What the script would have found first counts: a known once key, a put. */
  async #refuse(tenant: string, commit: Commit, error: unknown): Promise<Outcome> {
    const { puts = [], once, ack, claim } = commit;
    // The claim claims nothing here, but a commit that is known gives what it had claimed.
    const parts = { once, ...(ack && { ack }), ...(claim && { claim }) };
    const plan = { ...planOf(parts, puts.map(plannedPut)), checkOnly: true };
    const verdict = await this.#committer.send(tenant, plan);
    if (verdict.is === 'replayed') return verdict.outcome;
    throw isRefusal(verdict) ? this.#refusal(commit, verdict) : error;
  }

  #refusal(commit: Commit, verdict: Refusal): Error {
    const list = 'part' in verdict ? commit[verdict.part as 'puts' | 'patches' | 'deletes' | 'touches'] : undefined;
    const workflow = 'part' in verdict ? (list?.[verdict.at]?.id ?? '') : '';
    return refusalOf(verdict, {
      workflow,
      task: commit.ack?.taskId ?? '',
      mostOpen: this.#options.tasks.mostOpen,
      settles: commit.settles,
    });
  }

  #worked(patch: Patch, i: number, record: WorkflowRecord | undefined, at: Date): PlannedPut {
    demand('patches', i, patch, record);
    const { id, incarnation, version, state } = record as WorkflowRecord;
    const { edit, ttl } = patch;
    const edited = edit.apply(parseDocument(state), at);
    const result = resultOf(edited.document, this.#index, this.#options.maxStateBytes);
    return {
      part: 'patches',
      at: i,
      id,
      expect: { etags: [`"${incarnation}-${version}"`] },
      mustExist: true,
      inc: incarnation,
      index: entriesOf(result.index),
      ttls: [plannedTtl(ttl)],
      abouts: [JSON.stringify(aboutPatch(patch, edited.changed))],
      states: [result.state],
    };
  }

  /** What to show of a value that another program wrote; undefined when it must be read again. */
  async #settled(tenant: string, found: Found, state: string): Promise<WorkflowRecord | undefined> {
    const index = this.#indexOf(found.id, state);
    if (found.kind === 'legacy') {
      this.#observer.read(1);
      return { ...metaOf(found), state };
    }
    await this.#runAdopt(tenant, found.id, state, index);
    return undefined;
  }

  /** Makes a value that another program wrote one of ours, with the time it has left. @throws StateNotJsonError */
  async adopt(tenant: string, id: string): Promise<void> {
    const record = await this.find(tenant, id);
    if (record !== undefined) await this.#runAdopt(tenant, id, record.state, this.#indexOf(id, record.state));
  }

  async #runAdopt(tenant: string, id: string, state: string, index: readonly string[]): Promise<void> {
    const prefix = prefixOf(this.#context.namespace, tenant);
    await this.#reader.run(adoptScript, 'adopt', tenant, [stateKey(prefix, id)], [id, state, JSON.stringify(index)]);
  }

  #indexOf(id: string, state: string): readonly string[] {
    try {
      return entriesOf(this.#index.ofState(state));
    } catch (error) {
      if (error instanceof InvalidJsonError) throw new StateNotJsonError(id);
      throw error;
    }
  }

  async #versions(tenant: string, id: string, before: number | undefined, limit: number, includeState: boolean) {
    const prefix = prefixOf(this.#context.namespace, tenant);
    const args = [id, before === undefined ? '' : String(before), String(limit), includeState ? '1' : '0'];
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const reply = await this.#reader.run(versionsScript, 'versions', tenant, [stateKey(prefix, id)], args);
      if (reply === null || reply === undefined) return undefined;
      const [line, oldest, ...entries] = listOf(reply);
      const found = foundOf(id, line);
      if (found.kind === 'foreign') {
        await this.find(tenant, id);
        continue;
      }
      const versions = entries.map((entry) => versionOf(found, entry, includeState));
      return { current: found.version, oldest: Number(oldest), versions };
    }
    throw new StoreUnavailableError({ cause: new Error('another program keeps overwriting this workflow') });
  }
}

/** Results come in the order puts, patches, touches; those of the patches get the states they produced. */
function outcomeOf(
  { memo }: Once,
  { workflows, tasks }: Extract<Verdict, { is: 'done' }>,
  putCount: number,
  patched: readonly PlannedPut[],
): Outcome {
  const results = workflows.map((workflow, i) => {
    const state = patched[i - putCount]?.states[0];
    return state === undefined ? workflow : { ...workflow, state };
  });
  return {
    replayed: false,
    workflows: results,
    ...(tasks && partsOf(tasks)),
    ...(memo !== undefined && { memo }),
  };
}

function partsOf({ enqueued, eventIds, next }: DoneWithTasks): Pick<Outcome, 'tasks' | 'eventIds' | 'next'> {
  return {
    ...(enqueued.length > 0 && { tasks: enqueued }),
    ...(eventIds.length > 0 && { eventIds }),
    ...(next && { next }),
  };
}
