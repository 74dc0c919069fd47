import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { RedisConfig } from '../../src/config/config.js';
import { readConfig } from '../../src/config/read-config.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { RedisEngine, type RedisEngineParts } from '../../src/engine/redis/redis-engine.js';
import { TestClock } from '../support/clock.js';
import { testIndex } from '../support/parts.js';
import { testOptions, type EngineUnderTest, type OpenOptions } from './engine-under-test.js';

// Each engine that a case opens would log its connection.
Logger.overrideLogger(['warn', 'error']);

/** A Redis: a port of the loopback, or settings. */
export type Where = number | Readonly<Record<string, string>>;

/** Long timeouts, because the machine may be busy. */
export function configFor(where: Where, namespace: string): RedisConfig {
  const env = typeof where === 'number' ? { REDIS_URL: `redis://127.0.0.1:${where}` } : where;
  const times = { REDIS_SOCKET_TIMEOUT: '10s', REDIS_SOCKET_CONNECT_TIMEOUT: '10s' };
  const { redis } = readConfig({ ...env, ...times, REDIS_MAX_CONNECTIONS: '3', REDIS_NAMESPACE: namespace });
  if (redis === undefined) throw new Error('these settings name no Redis');
  return redis;
}

/** A fresh namespace; on a Cluster with a hash tag. */
export function newNamespace(where: Where): string {
  const isCluster = typeof where !== 'number' && where['REDIS_CLUSTER_NODES'] !== undefined;
  return isCluster ? `{ns-${randomUUID()}}` : `ns-${randomUUID()}`;
}

/** One replica: an engine with connections of its own. */
export interface Replica {
  readonly engine: RedisEngine;
  close(): Promise<void>;
}

export async function openReplica(where: Where, parts: RedisEngineParts): Promise<Replica> {
  const connections = new RedisConnections(configFor(where, parts.namespace));
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

/** An engine with a namespace of its own on a shared Redis. */
export async function openRedisEngine(
  where: Where,
  { options, observer }: OpenOptions = {},
  more: Pick<RedisEngineParts, 'hintPollMs'> = {},
): Promise<EngineUnderTest & { reopen(): Promise<void> }> {
  const clock = new TestClock();
  const parts: RedisEngineParts = {
    options: { ...testOptions, ...options },
    index: testIndex,
    namespace: newNamespace(where),
    clock: clock.read,
    ...(observer && { observer }),
    ...more,
  };
  // Not started, so that it does not sweep by itself: with a clock that jumps, the moment would be random.
  let replica = await openReplica(where, parts);
  return {
    get engine() {
      return replica.engine;
    },
    clock,
    async reopen() {
      await replica.close();
      replica = await openReplica(where, parts);
    },
    close: () => replica.close(),
  };
}
