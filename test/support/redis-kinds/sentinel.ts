import { Redis } from 'ioredis';
import { startRedisProcess, startSentinelProcess, type RedisProcess } from '../redis-process.js';
import { inStep } from '../in-step.js';
import { until } from '../until.js';
import type { RunningRedis } from './redis-kind.js';

const MASTER = 'the-master';

export interface SentinelGroup extends RunningRedis {
  /** Servers of the group; the first one is the master at the start. */
  readonly servers: readonly RedisProcess[];
  /** Port of the master, according to the sentinels. */
  master(): Promise<number>;
}

/** A master with two replicas, and three sentinels with a quorum of two. */
export async function startSentinel(...more: string[]): Promise<SentinelGroup> {
  const common = ['--requirepass', 'secret', '--masterauth', 'secret', '--repl-diskless-sync-delay', '0', ...more];
  const initial = await startRedisProcess(...common);
  const replicaOf = ['--replicaof', '127.0.0.1', String(initial.port)];
  const replicas = await Promise.all([1, 2].map(() => startRedisProcess(...common, ...replicaOf)));
  for (const { port } of replicas) {
    const replica = new Redis({ host: '127.0.0.1', port, password: 'secret' });
    await inStep(replica);
    replica.disconnect();
  }
  const servers = [initial, ...replicas];
  const sentinels = await Promise.all(
    [1, 2, 3].map(() =>
      startSentinelProcess(
        'requirepass sentinel-secret',
        'sentinel sentinel-pass sentinel-secret',
        `sentinel monitor ${MASTER} 127.0.0.1 ${initial.port} 2`,
        `sentinel auth-pass ${MASTER} secret`,
        `sentinel down-after-milliseconds ${MASTER} 1000`,
        `sentinel failover-timeout ${MASTER} 3000`,
      ),
    ),
  );
  const ask = sentinels.map(({ port }) => new Redis({ host: '127.0.0.1', port, password: 'sentinel-secret' }));
  await until(async () => {
    const states = await Promise.all(ask.map((one) => one.call('SENTINEL', 'MASTER', MASTER) as Promise<string[]>));
    return states.every((state) => field(state, 'num-slaves') === '2' && field(state, 'num-other-sentinels') === '2');
  }, 'the sentinels know each other and the replicas');
  return {
    servers,
    async master() {
      const [first] = ask as [Redis];
      const [, port] = (await first.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)) as [string, string];
      return Number(port);
    },
    env: {
      REDIS_SENTINELS: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(','),
      REDIS_SENTINEL_MASTER: MASTER,
      REDIS_SENTINEL_PASSWORD: 'sentinel-secret',
      REDIS_PASSWORD: 'secret',
    },
    async stop() {
      for (const one of ask) one.disconnect();
      await Promise.all([...sentinels, ...servers].map((one) => one.stop()));
    },
  };
}

function field(pairs: readonly string[], name: string): string | undefined {
  return pairs[pairs.indexOf(name) + 1];
}
