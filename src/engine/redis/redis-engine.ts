import { randomUUID } from 'node:crypto';
import { ServiceError } from '../../service-error.js';
import type { Take } from '../bucket.js';
import type { Clock } from '../clock.js';
import type { Commit, Once, Outcome } from '../commit.js';
import { Engine, silentObserver, type Confirmation, type EngineObserver, type EngineOptions } from '../engine.js';
import type { Erased, Filter, Listener, ListQuery, StorageReport, Topic, VersionQuery, VersionRef } from '../engine.js';
import { IdempotencyMismatchError, isOfStore } from '../errors.js';
import type { ConflictQuery, NewConflict } from '../conflicts.js';
import { isHiddenTenant, Profiles } from '../profile.js';
import type { WorkflowIndex } from '../workflow-index.js';
import type { StoreEpoch } from '../store-epoch.js';
import type { TaskQueues } from '../task-queues.js';
import { takeTokens } from './buckets.js';
import { assertRetryWindow, retryWindowOf } from './retry-window.js';
import { RedisListeners } from './feed/listeners.js';
import { Confirmer } from './connection/confirmer.js';
import { Fences } from './connection/fences.js';
import { epochKey, onceKey, prefixOf } from './keys.js';
import { LostData } from './lost-data.js';
import { changedBy, NotifyingTasks } from './feed/local-changes.js';
import { RedisConflicts } from './workflows/redis-conflicts.js';
import { countMatching, listPage, type Listed } from './workflows/listing.js';
import { ScriptReader } from './scripts/script-reader.js';
import type { RedisCommands } from './connection/drivers/redis-driver.js';
import type { RedisConnections } from './connection/redis-connections.js';
import { RedisMoving } from './moving/redis-moving.js';
import { RedisCommits } from './commits/redis-commits.js';
import { RedisWorkflows } from './workflows/redis-workflows.js';
import { WriteRefusals } from './write-refusals.js';
import { readBoard } from './feed/redis-board.js';
import { RedisFeed } from './feed/redis-feed.js';
import { RedisTasks } from './tasks/redis-tasks.js';
import { keptOf, replayOf } from './commits/outcomes.js';
import { FencedCalls } from './scripts/fenced-calls.js';
import { ScriptSender } from './scripts/script-sender.js';
import { ScriptWriter } from './scripts/script-writer.js';
import { leadingArguments, type ScriptContext } from './scripts/script-context.js';
import { durabilityOf, factsOf, findingsOf } from './connection/server-judgement.js';
import { ServerStates } from './connection/server-state.js';
import { Eraser } from './eraser.js';
import { Sweeper } from './sweeper.js';
import { SweepSchedule } from './sweep-schedule.js';
import { TakenKeys } from './taken-keys.js';
import { RedisScript, TIMED } from './scripts/redis-script.js';
import { listOf, numberOf, textOf } from './scripts/reply.js';
import { ClockWatch } from './clock-watch.js';
import { StoreClock } from './store-clock.js';

/** Time that each server of a Cluster has to answer a health check; less than that of the check. */
const INSPECT_TIMEOUT_MS = 500;

const epochScript = new RedisScript(TIMED, 'store-epoch');
/** Interval at which a replica looks whether Redis still has its data. */
const LOOK_INTERVAL_MS = 10_000;

export interface RedisEngineParts {
  readonly options: EngineOptions;
  readonly index: WorkflowIndex;
  readonly namespace: string;
  /** For tests. By default the time of the server, which all replicas share. */
  readonly clock?: Clock;
  readonly observer?: EngineObserver;
  /** Poll interval of waiting requests while pub/sub is unavailable. */
  readonly hintPollMs?: number;
  /** Retention of outcomes under keys of the service itself; by default derived from the timeouts. */
  readonly retryWindowMs?: number;
}

/** Engine on Redis. A commit is atomic because Redis runs one script at a time. */
export class RedisEngine extends Engine {
  readonly storage = 'redis';
  readonly tasks: TaskQueues;
  readonly moving: RedisMoving;
  readonly #clock: Clock | undefined;
  readonly #observer: EngineObserver;
  readonly #context: ScriptContext;
  readonly #states: ServerStates;
  readonly #confirmer: Confirmer;
  readonly #reader: ScriptReader;
  readonly #listed: Listed;
  readonly #workflows: RedisWorkflows;
  readonly #commits: RedisCommits;
  readonly #conflicts: RedisConflicts;
  readonly #feed: RedisFeed;
  readonly #listeners: RedisListeners;
  readonly #sweeper: Sweeper;
  readonly #eraser: Eraser;
  readonly #lostData = new LostData();
  readonly #storeClock = new StoreClock();
  readonly #clockWatch: ClockWatch;
  readonly #writeRefusals: WriteRefusals;
  #looking: NodeJS.Timeout | undefined;

  constructor(
    private readonly connections: RedisConnections,
    { options, index, namespace, clock, observer = silentObserver, ...parts }: RedisEngineParts,
  ) {
    super();
    const { hintPollMs, retryWindowMs = retryWindowOf(connections.config) } = parts;
    this.#states = new ServerStates(connections);
    this.#confirmer = new Confirmer(connections);
    this.#clockWatch = new ClockWatch(connections, observer);
    this.#clock = clock;
    this.#observer = observer;
    const profiles = new Profiles(options, index);
    assertRetryWindow(retryWindowMs, connections.config);
    this.#context = {
      namespace,
      options,
      profiles,
      retryWindowMs,
      now: clock === undefined ? () => '' : () => String(clock()),
      taken: new TakenKeys(),
    };
    const schedule = new SweepSchedule(connections, this.#context, clock);
    this.#reader = new ScriptReader(connections, this.#context, observer, schedule);
    this.#writeRefusals = new WriteRefusals(connections, this.#reader);
    this.#workflows = new RedisWorkflows(this.#reader, profiles, observer);
    this.#feed = new RedisFeed(this.#reader);
    this.#sweeper = new Sweeper({
      reader: this.#reader,
      connections,
      context: this.#context,
      schedule,
      observer,
      swept: () => {
        if (!connections.canSubscribe) this.#listeners.notifyAll('poll');
      },
    });
    this.#listed = { reader: this.#reader, sweeper: this.#sweeper, workflows: this.#workflows };
    const calls = new FencedCalls(connections, new Fences(connections, namespace), schedule, observer);
    const sender = new ScriptSender(connections, calls, this.#context);
    const writer = new ScriptWriter(connections, calls, this.#context, observer);
    this.#listeners = new RedisListeners(connections, namespace, hintPollMs);
    const tasks = new RedisTasks({ sender, reader: this.#reader, writer }, this.#context, observer);
    this.tasks = connections.canSubscribe ? tasks : new NotifyingTasks(tasks, this.#listeners);
    this.#conflicts = new RedisConflicts(sender, this.#reader);
    this.moving = new RedisMoving({
      reader: this.#reader,
      writer,
      context: this.#context,
      workflows: this.#workflows,
      feed: this.#feed,
    });
    this.#commits = new RedisCommits({
      sender,
      workflows: this.#workflows,
      findOutcome: (tenant, { key, fingerprint }) => this.findOutcome(tenant, key, fingerprint),
      options,
      profiles,
      observer,
      clock,
    });
    this.#eraser = new Eraser(connections, namespace, (tenant, commit) => this.commit(tenant, commit));
  }

  start(): void {
    this.#sweeper.start();
    // While Redis is away there is nothing to see; the connection logs that.
    const look = () => void this.#lookForLosses();
    this.#looking = setInterval(look, LOOK_INTERVAL_MS).unref();
    look();
    this.#clockWatch.start();
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    this.#clockWatch.stop();
    await this.#sweeper.stop();
    this.#listeners.close();
  }

  find(tenant: string, id: string) {
    return this.#workflows.find(tenant, id);
  }

  findMany(tenant: string, ids: readonly string[]) {
    return this.#workflows.findReadable(tenant, ids);
  }

  /** Makes a value of another program a workflow, with its remaining time to live. @throws StateNotJsonError */
  adopt(tenant: string, id: string): Promise<void> {
    return this.#workflows.adopt(tenant, id);
  }

  async list(tenant: string, query: ListQuery) {
    const page = await listPage(this.#listed, tenant, query);
    this.#observer.read(page.items.length);
    return page;
  }

  count(tenant: string, filter: Filter) {
    return countMatching(this.#listed, tenant, filter);
  }

  listVersions(tenant: string, id: string, query: VersionQuery) {
    return this.#workflows.listVersions(tenant, id, query);
  }

  findVersion(tenant: string, id: string, version: number) {
    return this.#workflows.findVersion(tenant, id, version);
  }

  findStates(tenant: string, versions: readonly VersionRef[], maxBytes: number) {
    return this.#workflows.findStates(tenant, versions, maxBytes);
  }

  async findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined> {
    const stored = onceKey(prefixOf(this.#context.namespace, tenant), key);
    const kept = await this.#reader.get(stored);
    if (kept === undefined) return undefined;
    const known = keptOf(kept);
    if (known === undefined) throw this.#reader.taken(stored, 'string');
    // Redis expires the key by its own clock; a clock of a test may be later.
    if (this.#clock !== undefined && known.untilMs <= this.#clock()) return undefined;
    if (known.fingerprint !== fingerprint) throw new IdempotencyMismatchError();
    return replayOf(known.outcome);
  }

  async commit(tenant: string, commit: Commit): Promise<Outcome> {
    const started = performance.now();
    try {
      const outcome = await this.#commits.commit(tenant, commit);
      this.#observer.command('commit', (performance.now() - started) / 1000, 'ok');
      // A change of keys or tenants holds for the next request here, also when the message about it comes after the answer.
      if (!this.connections.canSubscribe || isHiddenTenant(tenant))
        this.#listeners.notify(tenant, changedBy(commit, outcome));
      if (!outcome.replayed) {
        this.#observer.written(
          (commit.puts?.length ?? 0) + (commit.patches?.length ?? 0) + (commit.deletes?.length ?? 0),
        );
      }
      return outcome;
    } catch (error) {
      const code = error instanceof ServiceError ? error.code : undefined;
      const isRefusal = code !== undefined && !isOfStore(error);
      this.#observer.command('commit', (performance.now() - started) / 1000, isRefusal ? 'refused' : 'failed');
      if (code === 'VERSION_CONFLICT') this.#observer.conflict();
      throw error;
    }
  }

  listConflicts(tenant: string, id: string, query: ConflictQuery) {
    return this.#conflicts.list(tenant, id, query);
  }

  findConflict(tenant: string, id: string, n: number) {
    return this.#conflicts.find(tenant, id, n);
  }

  /** Stores acknowledged writes that cannot become current as conflict records, once per key. */
  keepConflicts(tenant: string, once: Once, conflicts: readonly NewConflict[]): Promise<void> {
    return this.#conflicts.keep(tenant, once, conflicts);
  }

  /** Name of the data of a server, made by the first replica that asks. */
  async epochOf(server: string): Promise<StoreEpoch> {
    const isHome = this.connections.serverOf('default') === server;
    const slot = isHome ? '' : this.connections.tenantOn(server);
    const args = [...leadingArguments(this.#context, isHome ? 'default' : slot), randomUUID()];
    const key = epochKey(args[0] as string);
    let sentAt = 0;
    const ask = (client: RedisCommands) => {
      sentAt = performance.now();
      return epochScript.run(client, [key], args);
    };
    const [name, at, ahead] = listOf(await this.#reader.commands('epoch', key, ask));
    // The clock of the scripts lies with the default tenant.
    if (isHome) {
      this.#storeClock.saw(numberOf(textOf(at)), sentAt);
      this.#clockWatch.sawTime(numberOf(textOf(ahead)));
    }
    const epoch = { slot, name: textOf(name) };
    this.#lostData.saw(epoch, server);
    return epoch;
  }

  /** A server that is away shows nothing. */
  async #lookForLosses(): Promise<void> {
    const { servers } = this.connections;
    await Promise.allSettled(servers.map((server) => this.epochOf(server)));
  }

  /** Time of the scripts, also while Redis is unreachable; undefined before the first contact. */
  nowMs(): number | undefined {
    return this.#storeClock.read();
  }

  onChange(tenant: string, topic: Topic, listener: Listener): () => void {
    return this.#listeners.add(tenant, topic, listener);
  }

  readFeed(tenant: string, after: string | undefined, limit: number) {
    return this.#feed.read(tenant, after, limit);
  }

  lastEventId(tenant: string) {
    return this.#feed.lastId(tenant);
  }

  readBoard(tenant: string, board: string) {
    return readBoard(this.#reader, tenant, board);
  }

  take(tenant: string, takes: readonly Take[]) {
    return takeTokens(this.#reader, tenant, takes);
  }

  erase(tenant: string, limit: number): Promise<Erased> {
    return this.#eraser.erase(tenant, limit);
  }

  sweep() {
    return this.#sweeper.sweepAll();
  }

  async inspect(): Promise<StorageReport> {
    try {
      const { states, away } = await this.#states.read(INSPECT_TIMEOUT_MS);
      const latencyMs = await this.#latencyMs(away);
      // A report without the name is still a report.
      if (away.length === 0) await this.#lookForLosses();
      const refusals = await this.#writeRefusals.look();
      return {
        reachable: true,
        refusesWrites: refusals.areAll,
        latencyMs,
        durability: durabilityOf(states),
        warnings: [
          ...away.map((address) => `the master ${address} is unreachable`),
          ...refusals.warnings,
          ...findingsOf(states).map(({ says }) => says),
          ...this.#clockWatch.warnings(),
          ...this.#lostData.warnings(),
          ...this.#context.taken.warnings(),
        ],
        details: {
          circuitBreaker: this.connections.breakers.state,
          ...factsOf(states),
          ...this.#clockWatch.details(),
          ...(away.length > 0 && { mastersAway: away.join(', ') }),
        },
      };
    } catch {
      // The connection has logged the reason.
      return {
        reachable: false,
        latencyMs: null,
        durability: 'unknown',
        warnings: ['Redis is unreachable'],
        details: { circuitBreaker: this.connections.breakers.state },
      };
    }
  }

  /** Time of the slowest PING. */
  async #latencyMs(away: readonly string[]): Promise<number> {
    const nodes = (await this.connections.nodes()).filter(({ address }) => !away.includes(address));
    const started = performance.now();
    await Promise.all(nodes.map(({ ask }) => ask('PING')));
    return Math.round((performance.now() - started) * 100) / 100;
  }

  override get unconfirmable(): string | undefined {
    return this.connections.canSubscribe ? undefined : 'Redis over HTTP cannot report what its replicas have';
  }

  override confirm(tenant: string, key: string): Promise<Confirmation> {
    if (this.unconfirmable !== undefined) return super.confirm(tenant, key);
    return this.#confirmer.confirm(prefixOf(this.#context.namespace, tenant), key);
  }
}
