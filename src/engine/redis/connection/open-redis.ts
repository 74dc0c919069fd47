import type { RedisConfig } from '../../../config/config.js';
import { RedisConnections } from './redis-connections.js';
import { RedisEngine, type RedisEngineParts } from '../redis-engine.js';
import { checkServer } from './server-check.js';

export class UnreachableRedisError extends Error {
  override readonly name = 'UnreachableRedisError';
}

export interface OpenRedis {
  readonly engine: RedisEngine;
  readonly connections: RedisConnections;
  /** Closes the engine and its connections. */
  close(): Promise<void>;
}

/** Connects, checks the server and makes an engine that owns the connections. @throws Error with a text for the operator */
export async function openRedis(config: RedisConfig, parts: Omit<RedisEngineParts, 'namespace'>): Promise<OpenRedis> {
  const connections = new RedisConnections(config);
  try {
    await connections.open();
    if (!connections.isReady) throw new UnreachableRedisError(`Redis at ${config.host}:${config.port} is unreachable`);
    await checkServer(connections);
  } catch (error) {
    await connections.close();
    throw error;
  }
  const engine = new RedisEngine(connections, { ...parts, namespace: config.namespace });
  return {
    engine,
    connections,
    async close() {
      await engine.close();
      await connections.close();
    },
  };
}
