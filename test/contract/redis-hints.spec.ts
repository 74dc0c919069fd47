import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Hint } from '../../src/engine/engine.js';
import { accessTenantOf } from '../../src/engine/profile.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';
import { testOptions } from './engine-under-test.js';
import { openReplica, type Where } from './redis-under-test.js';

Logger.overrideLogger(['error']);

const TENANTS = 300;
const TRIED_PER_POLL = 100;
const OFTEN_MS = 20;
const NEVER_MS = 3_600_000;

describe('hints for many tenants', () => {
  let server: RedisProcess;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis(server.port, '127.0.0.1');
    // Whether a user may subscribe is up to the operator.
    await redis.call('ACL', 'SETUSER', 'deaf', 'on', '>secret', '~*', '&*', '+@all', '-subscribe');
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  const open = async (where: Where, hintPollMs: number) => {
    const parts = { options: testOptions, index: testIndex, namespace: `ns-${randomUUID()}`, hintPollMs };
    const { engine, close } = await openReplica(where, parts);
    const heard = Array.from({ length: TENANTS }, (): Hint[] => []);
    const name = (i: number) => accessTenantOf(`t-${i}`);
    heard.forEach((hints, i) => engine.onChange(name(i), 'workflow key:1', (hint) => hints.push(hint)));
    return { heard, close, tenant: (i: number) => new TestTenant(engine, name(i)) };
  };
  const countOf = async (field: string) =>
    Number(new RegExp(`cmdstat_subscribe:.*?${field}=(\\d+)`).exec(await redis.info('commandstats'))?.[1] ?? 0);

  it('come by one subscription for each tenant, and are no polls', async () => {
    const before = await countOf('calls');
    const { heard, tenant, close } = await open(server.port, NEVER_MS);
    try {
      await until(async () => ((await redis.pubsub('CHANNELS')) as unknown[]).length === TENANTS, 'all are subscribed');
      expect((await countOf('calls')) - before).toBe(TENANTS);
      await tenant(7).put('key:1', {});
      await until(() => heard[7]?.includes('changed') === true, 'the listener of this tenant hears of the write');
      heard.forEach((hints, i) =>
        expect(new Set(hints)).toEqual(new Set(i === 7 ? ['missed', 'changed'] : ['missed'])),
      );
    } finally {
      await close();
    }
  });

  it('that cannot be subscribed are polls, and try few subscriptions again at a time', async () => {
    const before = await countOf('rejected_calls');
    const { heard, close } = await open({ REDIS_URL: `redis://deaf:secret@127.0.0.1:${server.port}` }, OFTEN_MS);
    try {
      const polls = () => heard[0]?.filter((hint) => hint === 'poll').length ?? 0;
      await until(() => polls() >= 10, 'some polls');
      // All are tried when listening begins and when the connection is there.
      const tried = (await countOf('rejected_calls')) - before;
      expect(tried).toBeGreaterThan(TENANTS);
      expect(tried).toBeLessThanOrEqual(2 * TENANTS + TRIED_PER_POLL * (polls() + 1));
      expect(new Set(heard.flat())).toEqual(new Set(['missed', 'poll']));
    } finally {
      await close();
    }
  });
});
