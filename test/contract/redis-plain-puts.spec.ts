import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { prefixOf, stateKey } from '../../src/engine/redis/keys.js';
import type { Outcome } from '../../src/engine/commit.js';
import { once, put, testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { newTask } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { testOptions } from './engine-under-test.js';
import { openReplica, type Replica } from './redis-under-test.js';

Logger.overrideLogger(false);

const HOUR = 3_600_000;

/** Prepares the data that a put finds under its id. */
type Before = (tenant: TestTenant, id: string, key: string, redis: Redis) => Promise<unknown>;

const taskOf = (id: string) => ({ ...newTask('q'), id: `of-${id}`, workflowId: id });

const BEFORE: Readonly<Record<string, Before>> = {
  'a version of ours': (tenant, id) => tenant.put(id, { status: 'old' }, { ttl: HOUR }),
  nothing: () => Promise.resolve(),
  'a workflow that never expires': (tenant, id) => tenant.put(id, { status: 'old' }, { ttl: null }),
  'a workflow that a task holds': async (tenant, id) => {
    await tenant.put(id, { status: 'old' }, { ttl: HOUR });
    await tenant.commit({ enqueue: [taskOf(id)] });
  },
  'a task of a workflow that does not exist': (tenant, id) => tenant.commit({ enqueue: [taskOf(id)] }),
  'a value of another program': (_tenant, _id, key, redis) => redis.set(key, '{"status":"theirs"}'),
  'a version that another program overwrote': async (tenant, id, key, redis) => {
    await tenant.put(id, { status: 'old' }, { ttl: HOUR });
    await redis.set(key, '{"status":"new"}', 'KEEPTTL');
  },
  'the remains of an expired workflow': async (tenant, id, key, redis) => {
    await tenant.put(id, { status: 'old' }, { ttl: HOUR });
    await tenant.put(id, { status: 'later' }, { ttl: HOUR });
    await redis.del(key);
  },
};

/** The first puts of a call take a shorter way, as long as nothing about them is unusual; see plain-puts.lua. */
describe('Puts that share a call', () => {
  let server: RedisProcess;
  let redis: Redis;
  let replica: Replica;

  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis(server.port, '127.0.0.1');
    replica = await openReplica(server.port, { options: testOptions, index: testIndex, namespace: '' });
  });
  afterAll(async () => {
    await replica.close();
    redis.disconnect();
    await server.stop();
  });

  const keyOf = (tenant: TestTenant, id: string) => stateKey(prefixOf('', tenant.name), id);
  const calls = async () =>
    [...(await redis.info('commandstats')).matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );

  /** A tenant with what each kind of put finds, and the ids in this order. */
  async function prepared(kinds: readonly string[]): Promise<{ tenant: TestTenant; ids: readonly string[] }> {
    const tenant = new TestTenant(replica.engine, `t-${randomUUID()}`);
    const ids = kinds.map((_, i) => `w${i}`);
    await tenant.put('first');
    for (const [i, kind] of kinds.entries()) {
      const id = ids[i] as string;
      await (BEFORE[kind] as Before)(tenant, id, keyOf(tenant, id), redis);
    }
    return { tenant, ids };
  }

  /** Everything that does not differ from run to run. */
  async function outcomeOf(tenant: TestTenant, ids: readonly string[]): Promise<unknown> {
    const events = await replica.engine.readFeed(tenant.name, undefined, 1000);
    return {
      workflows: await Promise.all(
        ids.map(async (id) => {
          const { version, state, deadlineMs } = await tenant.get(id);
          const versions = await tenant.versions(id);
          const left = deadlineMs === null ? null : Math.round((deadlineMs - Date.now()) / 60_000);
          return [version, state, left, versions.map((one) => [one.version, one.state, one.about])];
        }),
      ),
      byStatus: await Promise.all(
        ['old', 'later', 'theirs', 'new', 'put', 'put again'].map((status) =>
          tenant.ids({ filter: { fields: { status } } }),
        ),
      ),
      byId: await tenant.ids({ sort: 'id' }),
      events: events.map(({ type, fields: { id, version } }) => [type, id, version]),
    };
  }

  const kinds = Object.keys(BEFORE);
  // Every kind first, with the others behind it, and with each id twice.
  const orders = kinds.map((_, i) => [...kinds.slice(i), ...kinds.slice(0, i)]);

  it.each(orders)('have the effect that commit.lua gives them, with %s first', async (...order) => {
    const [together, apart] = [await prepared(order), await prepared(order)];
    const puts = [...together.ids, ...together.ids].map((id, i) =>
      put(id, { status: i < order.length ? 'put' : 'put again' }),
    );
    const before = await calls();
    const results = await Promise.all(puts.map((one) => together.tenant.commit({ puts: [one] })));
    expect((await calls()) - before).toBe(1);
    const expected = [];
    // A put with a memo is never a plain one.
    for (const one of puts) expected.push(await apart.tenant.commit({ puts: [one] }, { memo: 'memo' }));
    const versionsOf = (all: readonly Outcome[]) =>
      all.map(({ workflows: [one] }) => [one?.id, one?.version, one?.created]);
    expect(versionsOf(results)).toEqual(versionsOf(expected));
    expect(await outcomeOf(together.tenant, together.ids)).toEqual(await outcomeOf(apart.tenant, apart.ids));
  });

  it('happen once, also if one is there twice', async () => {
    const { tenant, ids } = await prepared(['a version of ours', 'a version of ours']);
    const key = once();
    const send = (id = '') => tenant.commit({ puts: [put(id, { status: 'put' })] }, key);
    const [first, other, again] = await Promise.all([send(ids[0]), tenant.put(ids[1] as string), send(ids[0])]);
    expect([first?.workflows[0]?.version, other.version, again?.workflows[0]?.version]).toEqual([2, 2, 2]);
    expect(again?.replayed).toBe(true);
  });
});
