// The engines without the service, to fill a store faster than through it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, startRedis, startService, temporaryFolder } from './processes.mjs';

export const OPTIONS = {
  defaultTtlMs: 86_400_000,
  maxStateBytes: 1_048_576,
  historyLimit: 50,
  historyMaxBytes: 1_048_576,
  tasks: {
    maxOpen: 1000,
    maxBytes: 2 ** 30,
    resultMs: 3_600_000,
    progressMs: 600_000,
    deadMs: 604_800_000,
    maxDead: 1000,
  },
};

export const built = (file) => import(pathToFileURL(join(root, 'build/engine', file)).href);

/** An engine in this process, on the Redis of `port`. */
export async function openRedisEngine(port, index, options) {
  const { RedisConnections } = await built('redis/connection/redis-connections.js');
  const { RedisEngine } = await built('redis/redis-engine.js');
  const connections = new RedisConnections({
    host: '127.0.0.1',
    port,
    db: 0,
    tls: false,
    namespace: '',
    maxConnections: 2,
    commandTimeoutMs: 30_000,
    connectTimeoutMs: 5000,
    fallback: 'none',
    allowEviction: false,
  });
  await connections.open();
  const engine = new RedisEngine(connections, { options, index, namespace: '' });
  return { engine, close: () => connections.close() };
}

/** A Redis of its own. */
async function onRedis() {
  const redis = await startRedis();
  const withEngine = async (index, work) => {
    const { engine, close } = await openRedisEngine(redis.port, index, OPTIONS);
    await work(engine);
    await close();
  };
  const start = (env = {}) => startService({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, ...env });
  return { withEngine, start, others: [redis], end: () => redis.stop() };
}

/** A data directory of its own. */
async function onMemory() {
  const { openMemoryEngine } = await built('memory/open-memory-engine.js');
  const dataDir = temporaryFolder();
  const withEngine = async (index, work) => {
    const engine = await openMemoryEngine({ dataDir, options: OPTIONS, index });
    await work(engine);
    await engine.close();
  };
  const start = (env = {}, onLoading) => startService({ DATA_DIR: dataDir, ...env }, undefined, undefined, onLoading);
  return { withEngine, start, dataDir, others: [], end: async () => {} };
}

export const PLACES = { redis: onRedis, memory: onMemory };
