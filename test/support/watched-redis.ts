import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { testOptions } from '../contract/engine-under-test.js';
import { configFor } from '../contract/redis-under-test.js';
import { TestClock } from './clock.js';
import { testIndex } from './parts.js';
import { startRedisProcess, type RedisProcess } from './redis-process.js';
import { WatchedScripts } from './watched-scripts.js';

/** A Redis of its own with an engine whose scripts are watched. */
export class WatchedRedis {
  readonly clock = new TestClock();
  readonly scripts: WatchedScripts;
  readonly direct: Redis;
  readonly engine: RedisEngine;
  readonly #engines: RedisEngine[] = [];

  private constructor(
    readonly redis: RedisProcess,
    readonly namespace: string,
    private readonly connections: RedisConnections,
  ) {
    this.direct = new Redis({ host: '127.0.0.1', port: redis.port });
    this.scripts = new WatchedScripts(connections);
    this.engine = this.open();
  }

  static async start(): Promise<WatchedRedis> {
    const redis = await startRedisProcess();
    const namespace = `ns-${randomUUID()}`;
    const connections = new RedisConnections(configFor(redis.port, namespace));
    await connections.open();
    return new WatchedRedis(redis, namespace, connections);
  }

  /** Another engine on the same connections. */
  open(options = testOptions): RedisEngine {
    const { connections, namespace, clock } = this;
    const engine = new RedisEngine(connections, { options, index: testIndex, namespace, clock: clock.read });
    this.#engines.push(engine);
    return engine;
  }

  async stop(): Promise<void> {
    for (const engine of this.#engines) await engine.close();
    await this.connections.close();
    this.direct.disconnect();
    await this.redis.stop();
  }
}
