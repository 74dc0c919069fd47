import { Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { TestClock } from '../support/clock.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestTenant } from '../support/tenant.js';
import { testOptions } from './engine-under-test.js';
import { openReplica, type Replica } from './redis-under-test.js';

Logger.overrideLogger(['error']);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** More than are sorted in one step. */
const MANY = 1100;

describe('the indexes in Redis', () => {
  let server: RedisProcess;
  let redis: Redis;
  let replica: Replica;
  let tenant: TestTenant;
  let clock: TestClock;
  let namespace: string;

  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis(server.port, '127.0.0.1');
  });
  afterAll(async () => {
    await replica.close();
    redis.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    await replica?.close();
    namespace = `ns-${randomUUID()}`;
    clock = new TestClock();
    const parts = { options: testOptions, index: testIndex, namespace, clock: clock.read };
    replica = await openReplica(server.port, parts);
    tenant = new TestTenant(replica.engine, 'default');
  });

  const indexKey = (name: string) => `${namespace}:document_workflow_index:${name}`;
  const stateKeys = (id: string) =>
    ['', '_meta', '_history'].map((part) => `${namespace}:document_workflow${part}:${id}`);

  it('list many workflows of one value in the order of creation, page by page', async () => {
    const ids = Array.from({ length: MANY }, (_, n) => `w-${String(n).padStart(4, '0')}`);
    for (let at = 0; at < MANY; at += 100) {
      clock.advance(10);
      await Promise.all(ids.slice(at, at + 100).map((id) => tenant.put(id, { status: 'open' })));
      await tenant.put(`other-${at}`, { status: 'done' });
    }
    // Written last, so the order of updates is another one.
    clock.advance(10);
    await tenant.put('w-0000', { status: 'open', n: 2 });
    for (const sort of ['createdAt', '-createdAt'] as const) {
      const found = await tenant.ids({ filter: { fields: { status: 'open' } }, sort, limit: 200 });
      expect(found).toEqual(sort === 'createdAt' ? ids : ids.toReversed());
    }
  });

  it('keep an early deadline as a hint: the workflow lives on, is counted, and the sweep moves the hint', async () => {
    await tenant.put('w', { status: 'open' }, { ttl: MINUTE });
    const { deadlineMs: first } = await tenant.get('w');
    await tenant.put('w', { status: 'open' }, { ttl: HOUR });
    const { deadlineMs } = await tenant.get('w');
    expect(Number(await redis.zscore(indexKey('deadline'), 'w'))).toBe(first);
    clock.advance(2 * MINUTE);
    expect(await tenant.count({ fields: { status: 'open' } })).toBe(1);
    expect(await replica.engine.sweep()).toBe(0);
    expect(Number(await redis.zscore(indexKey('deadline'), 'w'))).toBe(deadlineMs);
    await tenant.put('w', { status: 'open' }, { ttl: MINUTE });
    clock.advance(2 * MINUTE);
    expect(await tenant.count({ fields: { status: 'open' } })).toBe(0);
    expect(await replica.engine.sweep()).toBe(1);
  });

  it('show no workflow under the value of an earlier one of which another program deleted all keys', async () => {
    await tenant.put('again', { status: 'open' });
    await tenant.put('gone', { status: 'open' });
    await redis.del(...stateKeys('again'), ...stateKeys('gone'));
    await tenant.put('again', { status: 'done' });
    const idsOf = (status: string) => tenant.ids({ filter: { fields: { status } } });
    expect([await idsOf('open'), await idsOf('done')]).toEqual([[], ['again']]);
    // A list removes what it finds of the one that is gone.
    expect(await redis.zscore(indexKey('by:status=open'), 'gone')).toBeNull();
    expect(await redis.zscore(indexKey('updated'), 'gone')).toBeNull();
  });
});
