import type { Redis } from 'ioredis';
import { until } from './until.js';

/** Settles when the replica has what its master has. */
export async function inStep(replica: Redis): Promise<void> {
  const isUp = async () => (await replica.info('replication')).includes('master_link_status:up');
  await until(isUp, 'the replica follows its master');
}
