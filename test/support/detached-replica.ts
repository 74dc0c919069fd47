import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { VolatileJournal, type DetachedJournal } from '../../src/engine/detached/detached-journal.js';
import { FallbackEngine } from '../../src/engine/detached/fallback-engine.js';
import { LmdbDetachedJournal } from '../../src/engine/detached/lmdb-detached-journal.js';
import { silentDetachedObserver, type DrainedAs, type Mode } from '../../src/engine/detached/detached-observer.js';
import type { Clock } from '../../src/engine/clock.js';
import { editOf } from '../../src/workflows/edits/edit-of.js';
import { testOptions } from '../contract/engine-under-test.js';
import { testIndex } from './parts.js';
import { startProxy, type TcpProxy } from './tcp-proxy.js';
import { until } from './until.js';

export interface ReplicaOptions {
  readonly redisPort: number;
  readonly namespace: string;
  readonly dataDir?: string;
  readonly clock?: Clock;
  readonly maxBytes?: number;
  readonly commandMs?: number;
  /** Starts while Redis is unreachable. */
  readonly isAway?: boolean;
  /** Interval of looks for journals of replicas that have ended. */
  readonly leftIntervalMs?: number;
  /** Wraps the journal, to make it fail. */
  readonly withJournal?: (journal: DetachedJournal) => DetachedJournal;
}

/** One replica over a real Redis, with a proxy of its own that can be cut. */
export class DetachedReplica {
  private constructor(
    readonly engine: FallbackEngine,
    readonly proxy: TcpProxy,
    /** Outcome of each drained entry, in order. */
    readonly drained: readonly DrainedAs[],
    private readonly connections: RedisConnections,
    /** Timers of answers that were due, in order. */
    readonly timeouts: readonly ('late' | 'lost')[],
    /** Modes, in order. */
    readonly modes: readonly Mode[],
    private readonly found: readonly { readonly journals: number; readonly entries: number }[],
  ) {}

  /** Journals of replicas that have ended, as of the last look. */
  get left() {
    return this.found.at(-1);
  }

  /** Number of looks for such journals. */
  get looks(): number {
    return this.found.length;
  }

  static async open(options: ReplicaOptions): Promise<DetachedReplica> {
    const { redisPort, namespace, dataDir, clock, maxBytes = 16 * 1024 * 1024, commandMs = 5000 } = options;
    const proxy = await startProxy(redisPort);
    if (options.isAway === true) proxy.down();
    const connections = new RedisConnections({
      host: '127.0.0.1',
      port: proxy.port,
      username: undefined,
      password: undefined,
      db: 0,
      tls: false,
      namespace,
      maxConnections: 2,
      commandTimeoutMs: commandMs,
      connectTimeoutMs: commandMs,
      fallback: 'memory',
      allowEviction: false,
    });
    const timeouts: ('late' | 'lost')[] = [];
    connections.onTimeout((as) => timeouts.push(as));
    await connections.open();
    const parts = {
      options: { ...testOptions, historyLimit: 1000, historyMaxBytes: 8 * 1024 * 1024 },
      index: testIndex,
    };
    const { withJournal = (same) => same, leftIntervalMs } = options;
    const own = dataDir === undefined ? undefined : await LmdbDetachedJournal.open(dataDir);
    const drained: DrainedAs[] = [];
    const modes: Mode[] = [];
    const found: { journals: number; entries: number }[] = [];
    const left = (journals: number, entries: number) => void found.push({ journals, entries });
    const engine = new FallbackEngine({
      ...parts,
      store: new RedisEngine(connections, { ...parts, namespace }),
      link: connections,
      journal: withJournal(own ?? new VolatileJournal()),
      ...(dataDir !== undefined && { findLeft: (signal: AbortSignal) => LmdbDetachedJournal.leftIn(dataDir, signal) }),
      ...(leftIntervalMs !== undefined && { leftIntervalMs }),
      cacheBytes: 1024 * 1024,
      maxBytes,
      editOf,
      ...(clock && { clock }),
      observer: {
        ...silentDetachedObserver,
        mode: (mode) => modes.push(mode),
        drained: (as) => drained.push(as),
        left,
      },
    });
    await engine.start();
    return new DetachedReplica(engine, proxy, drained, connections, timeouts, modes, found);
  }

  async leave(): Promise<void> {
    this.proxy.down();
    await until(() => this.engine.mode === 'detached', 'the replica is detached');
  }

  async comeBack(): Promise<void> {
    this.proxy.up();
    await until(() => this.engine.mode === 'attached', 'the replica is attached again');
  }

  #closed: Promise<void> | undefined;

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.engine.close();
    await this.connections.close();
    await this.proxy.close();
  }
}
