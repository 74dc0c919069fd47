import type { Redis } from 'ioredis';
import { until } from './until.js';

/** Waits until the replica is connected to its master. */
export async function inStep(replica: Redis): Promise<void> {
  const isUp = async () => (await replica.info('replication')).includes('master_link_status:up');
  await until(isUp, 'the replica follows its master');
}
