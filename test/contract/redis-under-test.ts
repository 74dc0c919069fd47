import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { RedisConfig } from '../../src/config/config.js';
import { RedisConnections } from '../../src/engine/redis/redis-connections.js';
import { RedisEngine, type RedisEngineParts } from '../../src/engine/redis/redis-engine.js';
import { TestClock } from '../support/clock.js';
import { testIndex } from '../support/parts.js';
import { testOptions, type EngineUnderTest, type OpenOptions } from './engine-under-test.js';

// Every case that opens an engine of its own would log that it is connected.
Logger.overrideLogger(['warn', 'error']);

/** Patient, because the machine that runs tests may be busy with something else. */
function configFor(port: number, namespace: string): RedisConfig {
  return {
    host: '127.0.0.1',
    port,
    username: undefined,
    password: undefined,
    db: 0,
    tls: false,
    namespace,
    maxConnections: 3,
    commandTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
    fallback: 'none',
    allowEviction: false,
  };
}

/** One replica: an engine with connections of its own. */
export interface Replica {
  readonly engine: RedisEngine;
  close(): Promise<void>;
}

export async function openReplica(port: number, parts: RedisEngineParts): Promise<Replica> {
  const connections = new RedisConnections(configFor(port, parts.namespace));
  await connections.open();
  const engine = new RedisEngine(connections, parts);
  return {
    engine,
    async close() {
      await engine.close();
      await connections.close();
    },
  };
}

/** An engine with a namespace of its own on a Redis that is shared with others. */
export async function openRedisEngine(
  port: number,
  { options, observer }: OpenOptions = {},
): Promise<EngineUnderTest & { reopen(): Promise<void> }> {
  const clock = new TestClock();
  const parts: RedisEngineParts = {
    options: { ...testOptions, ...options },
    index: testIndex,
    namespace: `ns-${randomUUID()}`,
    clock: clock.read,
    ...(observer && { observer }),
  };
  // Not started, so it does not sweep by itself: with a clock that jumps, a test could not say when.
  let replica = await openReplica(port, parts);
  return {
    get engine() {
      return replica.engine;
    },
    clock,
    async reopen() {
      await replica.close();
      replica = await openReplica(port, parts);
    },
    close: () => replica.close(),
  };
}
