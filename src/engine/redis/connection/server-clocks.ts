import type { Address } from '../../../config/config.js';
import { withTimeout } from '../../with-timeout.js';
import { openNode } from './drivers/single-node.js';
import type { ServerNode } from './drivers/redis-driver.js';
import type { RedisConnections } from './redis-connections.js';

/** A greater difference is reported. */
export const TOLERATED_SKEW_MS = 1000;

/** Clock of one server of Redis. */
export interface ServerClock {
  readonly address: string;
  readonly role: 'master' | 'replica';
  /** Against the clock of this process; negative if it is behind. */
  readonly aheadMs: number;
}

/** Clocks of the servers that answer in time: the masters, and their replicas as far as this process reaches them. */
export async function clocksOf(connections: RedisConnections, withinMs: number): Promise<readonly ServerClock[]> {
  const within = <T>(asked: Promise<T>) => withTimeout(asked, withinMs, () => undefined).catch(() => undefined);
  const clockOfReplica = async ({ host, port }: Address) => {
    const replica = openNode(connections.config, host, port);
    const clock = await within(clockOf(replica, 'replica'));
    replica.close();
    return clock;
  };
  const clocksBehind = async (master: ServerNode) => {
    const replicas = (await within(replicasOf(master))) ?? [];
    return Promise.all([within(clockOf(master, 'master')), ...replicas.map(clockOfReplica)]);
  };
  const clocks = await Promise.all((await connections.nodes()).map(clocksBehind));
  return clocks.flat().filter((clock) => clock !== undefined);
}

/** Sentences for the operator about clocks that differ. */
export function skewsIn(clocks: readonly ServerClock[]): string[] {
  return clocks
    .filter(({ aheadMs }) => Math.abs(aheadMs) > TOLERATED_SKEW_MS)
    .map(({ address, role, aheadMs }) => {
      const which = aheadMs > 0 ? 'ahead of' : 'behind';
      const name = role === 'master' ? address : `the replica ${address}`;
      return `the clock of ${name} is ${secondsOf(aheadMs)} s ${which} that of this service: synchronise them (chrony, ntpd)`;
    });
}

/** Greatest difference to the clock of this process; null if no clock is known. */
export function greatestSkewMs(clocks: readonly ServerClock[]): number | null {
  return clocks.length === 0 ? null : Math.max(...clocks.map(({ aheadMs }) => Math.abs(aheadMs)));
}

export function secondsOf(ms: number): number {
  return Math.round(Math.abs(ms) / 100) / 10;
}

async function clockOf(node: ServerNode, role: ServerClock['role']): Promise<ServerClock> {
  // The first answer may have waited for the connection.
  if (role === 'replica') await node.ask('PING');
  const before = Date.now();
  const [seconds, micros] = (await node.ask('TIME')) as [string, string];
  const after = Date.now();
  const theirs = Number(seconds) * 1000 + Number(micros) / 1000;
  // A difference smaller than the round trip cannot be measured.
  const aheadMs = Math.round(theirs > after ? theirs - after : Math.min(0, theirs - before));
  return { address: node.address, role, aheadMs };
}

/** Addresses of connected replicas, as the master announces them; none if this user may not run INFO. */
async function replicasOf(master: ServerNode): Promise<Address[]> {
  const info = String(await master.ask('INFO', 'replication'));
  return [...info.matchAll(/^slave\d+:ip=([^,]+),port=(\d+),state=online/gm)].map(([, host = '', port]) => {
    return { host, port: Number(port) };
  });
}
