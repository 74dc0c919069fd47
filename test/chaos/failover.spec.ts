import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { failOver, type FailoverReport } from './failover-load.js';
import { migrateSlots } from './migrate-slots.js';
import { startCluster } from '../support/redis-kinds/cluster.js';
import { startSentinel } from '../support/redis-kinds/sentinel.js';
import { scaled } from '../support/scale.js';

function tell(what: string, { acknowledged, lost, longestGapMs }: FailoverReport): void {
  process.stdout.write(`${what}: ${acknowledged} commits acknowledged, ${lost} lost, longest gap ${longestGapMs} ms\n`);
}

/** Faults and changes of a Redis that itself has several servers. */
const FAILOVERS = {
  'a Sentinel master that is killed': async () => {
    const group = await startSentinel();
    try {
      const report = await failOver(group.env, { strike: async () => group.servers[0]?.kill(), mayLose: true });
      expect(await group.master()).not.toBe(group.servers[0]?.port);
      return report;
    } finally {
      await group.stop();
    }
  },
  'a Sentinel master that hangs, and comes back': async () => {
    const group = await startSentinel();
    const [first] = group.servers;
    try {
      return await failOver(group.env, {
        strike: async () => {
          first?.pause();
          while ((await group.master()) === first?.port) await sleep(50);
          // The old master keeps its role until a sentinel demotes it.
          first?.resume();
        },
        mayLose: true,
      });
    } finally {
      await group.stop();
    }
  },
  'a Cluster master that is killed': async () => {
    const cluster = await startCluster({ withReplicas: true });
    try {
      const { masters, keeper } = await keeperOf(cluster);
      return await failOver(cluster.env, { strike: async () => masters[keeper]?.kill(), mayLose: true });
    } finally {
      await cluster.stop();
    }
  },
  'slots of a Cluster that move (invariant 20)': async () => {
    const cluster = await startCluster();
    try {
      return await failOver(cluster.env, { strike: () => migrateSlots(cluster, 'test', 3), mayLose: false });
    } finally {
      await cluster.stop();
    }
  },
} as const;

type Failover = keyof typeof FAILOVERS;
const NAMES = scaled<readonly Failover[]>({
  short: ['a Sentinel master that is killed', 'slots of a Cluster that move (invariant 20)'],
  long: Object.keys(FAILOVERS) as Failover[],
});

/** The master that serves the slot of the default tenant. */
async function keeperOf(cluster: Awaited<ReturnType<typeof startCluster>>) {
  const { masters, admin } = cluster;
  const slot = Number(await admin(masters[0]?.port as number).call('CLUSTER', 'KEYSLOT', '{test}'));
  return { masters, keeper: Math.floor((slot * 3) / 16_384) };
}

describe('commits under load survive', () => {
  it.each(NAMES)('%s', async (name) => tell(name, await FAILOVERS[name]()));
});
