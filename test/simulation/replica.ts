import { Attach } from '../../src/attach/attach.js';
import { Config, type RedisConfig } from '../../src/config/config.js';
import { readConfig } from '../../src/config/read-config.js';
import type { Engine, EngineOptions } from '../../src/engine/engine.js';
import { silentDetachedObserver } from '../../src/engine/detached/detached-observer.js';
import { FallbackEngine } from '../../src/engine/detached/fallback-engine.js';
import { MemoryEngine } from '../../src/engine/memory/memory-engine.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { EngineSwitch, servingBy } from '../../src/engine/switching/engine-switch.js';
import { StoreObserver } from '../../src/engine/store-observer.js';
import { Tasks } from '../../src/tasks/tasks.js';
import { editOf } from '../../src/workflows/edits/edit-of.js';
import { testIndex } from '../support/parts.js';
import type { Settings } from './plan.js';
import type { Network } from './sim-connection.js';
import { SimDetachedJournal, type DetachedFile } from './sim-detached-journal.js';
import { SimDisk } from './sim-disk.js';
import { SimDriver } from './sim-driver.js';
import { useDrivers } from './sim-driver-for.js';
import { JournalFile, SimJournal, type JournalWitness } from './sim-journal.js';
import type { SimStore } from './sim-store.js';
import type { Context, VirtualTime } from './virtual-time.js';

export const OPTIONS = {
  maxStateBytes: 1024 * 1024,
  historyLimit: 1000,
  historyMaxBytes: 8 * 1024 * 1024,
  tasks: {
    waitLimitMs: 30_000,
    maxOpen: 1000,
    maxBytes: 2 ** 30,
    resultMs: 3_600_000,
    progressMs: 600_000,
    deadMs: 604_800_000,
    maxDead: 1000,
  },
};
export const NAMESPACE = 'ns';
const CACHE_BYTES = 1024 * 1024;
const MAX_BYTES = 16 * 1024 * 1024;

/** Settings of the service, as far as the simulated parts read them. */
export const CONFIG: Config = { ...readConfig({ DATA_DIR: '' }), ...OPTIONS };

export interface ReplicaParts {
  readonly name: string;
  readonly time: VirtualTime;
  readonly store: SimStore;
  readonly settings: Settings;
  readonly witness: JournalWitness;
}

/** One process of the service, its clock, its network and its disk. */
export class Replica {
  readonly network: Network;
  readonly disk: SimDisk;
  /** Undefined while the process is down. */
  engine: Engine | undefined;
  tasks: Tasks | undefined;
  isMoving = false;
  /** Detached writes that the store does not have yet. */
  #waiting = 0;
  #context: Context;
  #drivers: SimDriver[] = [];
  #switch: EngineSwitch | undefined;
  readonly #detached: DetachedFile = { entries: new Map(), fates: new Map(), epochs: new Map() };
  readonly #file: JournalFile;
  #highestSkewMs = 0;

  constructor(private readonly parts: ReplicaParts) {
    const { name, time, settings } = parts;
    this.disk = new SimDisk(time);
    this.#context = { name, skewMs: 0, isDead: false };
    const context = () => this.#context;
    this.network = {
      isDown: false,
      requestMs: settings.delayMs,
      replyMs: settings.delayMs,
      lateChance: 0,
      lateMs: 0,
      get context() {
        return context();
      },
    };
    // The embedded engine goes on from the highest time that it has seen, when the clock of its machine is set back.
    this.#file = new JournalFile(parts.witness, () => time.trueMs + this.#highestSkewMs);
    useDrivers(name, (config, events) => {
      const options = { lines: config.maxConnections - 1, timeoutMs: config.commandTimeoutMs };
      const driver = new SimDriver(parts.store, this.network, events, options);
      this.#drivers.push(driver);
      return driver;
    });
  }

  get name(): string {
    return this.parts.name;
  }

  get skewMs(): number {
    return this.#context.skewMs;
  }

  set skewMs(ms: number) {
    this.#context.skewMs = ms;
    this.#highestSkewMs = Math.max(this.#highestSkewMs, ms);
  }

  /** Attached to its store, which has all writes; or without a store. */
  get isHealthy(): boolean {
    const engine = this.#switch?.current ?? this.engine;
    if (engine === undefined || !(engine instanceof FallbackEngine)) return engine !== undefined;
    return engine.mode === 'attached' && this.#waiting === 0;
  }

  get mode(): string {
    const engine = this.#switch?.current ?? this.engine;
    return engine === undefined ? 'down' : engine instanceof FallbackEngine ? engine.mode : engine.storage;
  }

  get usesFormer(): boolean {
    return this.#drivers.some((driver) => driver.usesFormer);
  }

  in<T>(run: () => T): T {
    return this.parts.time.in(this.#context, run);
  }

  start(): void {
    this.#context = { name: this.name, skewMs: this.#context.skewMs, isDead: false };
    this.in(() => void (this.parts.settings.engine === 'redis' ? this.#startOnRedis() : this.#startEmbedded()));
  }

  /** As `kill -9`. */
  crash(): void {
    this.#context.isDead = true;
    for (const driver of this.#drivers) driver.kill();
    this.#drivers = [];
    this.#waiting = 0;
    this.engine = undefined;
    this.tasks = undefined;
    this.#switch = undefined;
  }

  /** Reports the workflows on the disk whose deadline is over. */
  noteOverdue(): void {
    this.#file.noteOverdue();
  }

  /** Moves the state of an embedded engine to Redis. */
  async attach(): Promise<string> {
    if (this.#switch === undefined) return 'down';
    this.isMoving = true;
    const attach = new Attach(this.#switch, CONFIG, testIndex, SILENT, { editOf });
    await attach.start(this.#redisConfig(), 'fail');
    return attach.status.phase;
  }

  async #startOnRedis(): Promise<void> {
    const config = this.#redisConfig();
    const connections = new RedisConnections(config, false);
    await connections.open();
    const parts = { options: this.#options(), index: testIndex };
    const engine = new FallbackEngine({
      ...parts,
      store: new RedisEngine(connections, { ...parts, namespace: config.namespace }),
      link: connections,
      journal: new SimDetachedJournal(this.disk, this.#detached),
      cacheBytes: CACHE_BYTES,
      maxBytes: MAX_BYTES,
      editOf,
      observer: { ...silentDetachedObserver, waiting: (entries) => void (this.#waiting = entries) },
    });
    await engine.start();
    this.#serve(engine);
  }

  async #startEmbedded(): Promise<void> {
    const journal = new SimJournal(this.disk, this.#file);
    const serving = servingBy(new MemoryEngine({ options: this.#options(), index: testIndex, journal }));
    this.#switch = new EngineSwitch(serving);
    await this.#switch.start();
    this.#serve(this.#switch.front);
  }

  #serve(engine: Engine): void {
    this.engine = engine;
    this.tasks = new Tasks(engine, CONFIG);
  }

  #options(): EngineOptions {
    return { ...OPTIONS, defaultTtlMs: this.parts.settings.defaultTtlMs };
  }

  #redisConfig(): RedisConfig {
    const { timeoutMs, connections } = this.parts.settings;
    return {
      host: this.name,
      port: 6379,
      username: undefined,
      password: undefined,
      db: 0,
      tls: false,
      namespace: NAMESPACE,
      maxConnections: connections + 1,
      commandTimeoutMs: timeoutMs,
      connectTimeoutMs: timeoutMs,
      fallback: 'memory',
      allowEviction: false,
    };
  }
}

const silent = (): void => undefined;
const SILENT: StoreObserver = {
  command: silent,
  written: silent,
  read: silent,
  expired: silent,
  conflict: silent,
  retried: silent,
  clocks: silent,
  timeAhead: silent,
  mode: silent,
  waiting: silent,
  drained: silent,
  heldBack: silent,
  left: silent,
  breaker: silent,
  timeout: silent,
};
