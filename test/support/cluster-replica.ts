import { silentDetachedObserver, type DrainedAs } from '../../src/engine/detached/detached-observer.js';
import { VolatileJournal } from '../../src/engine/detached/detached-journal.js';
import { FallbackEngine } from '../../src/engine/detached/fallback-engine.js';
import type { Engine } from '../../src/engine/engine.js';
import { keySlot } from '../../src/engine/redis/connection/drivers/key-slot.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { prefixOf } from '../../src/engine/redis/keys.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { editOf } from '../../src/workflows/edits/edit-of.js';
import { testOptions } from '../contract/engine-under-test.js';
import { configFor } from '../contract/redis-under-test.js';
import { testIndex } from './parts.js';
import type { ClusterNodes } from './redis-kinds/cluster.js';

const SLOTS = 16_384;
const MASTERS = 3;

/** Number of the master that has the slot of a tenant, in a Cluster as `startCluster` makes it. */
export function masterOf(namespace: string, tenant: string): number {
  return Math.floor((keySlot(prefixOf(namespace, tenant)) * MASTERS) / SLOTS);
}

/** Names of tenants whose slots a master has. */
export function tenantsOn(master: number, namespace: string, count: number): string[] {
  const names: string[] = [];
  for (let n = 0; names.length < count; n++) {
    if (masterOf(namespace, `t-${n}`) === master) names.push(`t-${n}`);
  }
  return names;
}

export interface ClusterReplica {
  readonly engine: Engine;
  /** Undefined with REDIS_FALLBACK=none. */
  readonly fallback: FallbackEngine | undefined;
  /** Outcome of each drained entry, in order. */
  readonly drained: readonly DrainedAs[];
  close(): Promise<void>;
}

/** One replica of the service over a Cluster. */
export async function openClusterReplica(
  { env }: ClusterNodes,
  namespace: string,
  fallback: 'memory' | 'none',
  commandMs: number,
): Promise<ClusterReplica> {
  const times = { commandTimeoutMs: commandMs, connectTimeoutMs: commandMs };
  const connections = new RedisConnections({ ...configFor(env, namespace), ...times, fallback }, false);
  await connections.open();
  const parts = { options: testOptions, index: testIndex };
  const store = new RedisEngine(connections, { ...parts, namespace });
  const drained: DrainedAs[] = [];
  const detached = new FallbackEngine({
    ...parts,
    store,
    link: connections,
    journal: new VolatileJournal(),
    cacheBytes: 16 * 1024 * 1024,
    maxBytes: 64 * 1024 * 1024,
    editOf,
    observer: { ...silentDetachedObserver, drained: (as) => drained.push(as) },
  });
  if (fallback === 'memory') await detached.start();
  const engine = fallback === 'memory' ? detached : store;
  return {
    engine,
    fallback: fallback === 'memory' ? detached : undefined,
    drained,
    async close() {
      await engine.close();
      await connections.close();
    },
  };
}
