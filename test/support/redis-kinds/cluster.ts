import { Redis } from 'ioredis';
import { freePort, startRedisProcess, type RedisProcess } from '../redis-process.js';
import { inStep } from '../in-step.js';
import { until } from '../until.js';
import type { RunningRedis } from './redis-kind.js';

const SLOTS = 16_384;

export interface ClusterNodes extends RunningRedis {
  readonly masters: readonly RedisProcess[];
  /** One for each master with `withReplicas`, else none. */
  readonly replicas: readonly RedisProcess[];
  /** A connection to a node for CLUSTER commands; closed with the Cluster. */
  admin(port: number): Redis;
}

/** Three masters, each with a third of the slots; `withReplicas` adds a replica of each. */
export async function startCluster({ withReplicas = false, args = [] as string[] } = {}): Promise<ClusterNodes> {
  const count = withReplicas ? 6 : 3;
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode(args)));
  const admins = new Map(nodes.map(({ port }) => [port, new Redis({ host: '127.0.0.1', port })]));
  const admin = (port: number) => admins.get(port) as Redis;
  const [masters, replicas] = [nodes.slice(0, 3), nodes.slice(3)];
  const busPorts = await Promise.all(nodes.map(({ port }) => busPortOf(admin(port))));
  for (const [i, { port }] of masters.entries()) {
    const range = [Math.floor((i * SLOTS) / 3), Math.floor(((i + 1) * SLOTS) / 3) - 1];
    await admin(port).call('CLUSTER', 'ADDSLOTSRANGE', ...range.map(String));
    await admin(port).call('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
  }
  for (const [i, { port }] of nodes.entries()) {
    if (i > 0)
      await admin(nodes[0]?.port as number).call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(busPorts[i]));
  }
  const isWhole = async (port: number) => {
    const info = String(await admin(port).call('CLUSTER', 'INFO'));
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}`);
  };
  await until(
    async () => (await Promise.all(nodes.map(({ port }) => isWhole(port)))).every(Boolean),
    'the nodes of the Cluster know each other',
  );
  for (const [i, { port }] of replicas.entries()) {
    const id = String(await admin(masters[i]?.port as number).call('CLUSTER', 'MYID'));
    await admin(port).call('CLUSTER', 'REPLICATE', id);
    await inStep(admin(port));
  }
  return {
    masters,
    replicas,
    admin,
    env: {
      REDIS_CLUSTER_NODES: masters.map(({ port }) => `127.0.0.1:${port}`).join(','),
      REDIS_NAMESPACE: '{test}',
    },
    async stop() {
      for (const one of admins.values()) one.disconnect();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function startNode(args: readonly string[]): Promise<RedisProcess> {
  const options = {
    'cluster-enabled': 'yes',
    'cluster-announce-ip': '127.0.0.1',
    'cluster-port': String(await freePort()),
    'cluster-node-timeout': '2000',
    'repl-diskless-sync-delay': '0',
  };
  return startRedisProcess(...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]), ...args);
}

async function busPortOf(admin: Redis): Promise<number> {
  const [, port] = (await admin.config('GET', 'cluster-port')) as [string, string];
  return Number(port);
}
