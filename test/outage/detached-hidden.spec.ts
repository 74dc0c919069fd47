import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Moved } from '../../src/engine/moving/moved.js';
import { ACCESS_TENANT, accessTenantOf } from '../../src/engine/profile.js';
import { eraseAll } from '../contract/cases/erasing.js';
import { DetachedReplica } from '../support/detached-replica.js';
import { append } from '../support/edits.js';
import { put } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

describe('A hidden tenant while Redis is unreachable', () => {
  let redis: RedisProcess;
  let namespace: string;
  let replica: DetachedReplica;
  beforeAll(async () => {
    redis = await startRedisProcess();
  });
  beforeEach(async () => {
    namespace = `ns-${randomUUID()}`;
    replica = await DetachedReplica.open({ redisPort: redis.port, namespace });
  });
  afterEach(() => replica.close());
  afterAll(() => redis.stop());

  const tenant = (name: string) => new TestTenant(replica.engine, name);
  const code = (asked: Promise<unknown>) =>
    asked.then(
      () => 'answered',
      (error: { code: string }) => error.code,
    );

  it.each([ACCESS_TENANT, accessTenantOf('acme')])(
    '%s is neither read from a copy nor written (invariant 27)',
    async (name) => {
      const [hidden, ordinary] = [tenant(name), tenant('acme')];
      for (const one of [hidden, ordinary]) {
        await one.put('key:1', { n: 1 });
        await one.find('key:1');
        await replica.engine.findMany(one.name, ['key:1']);
      }
      const record = await hidden.get('key:1');
      replica.engine.hold(name, [record]);
      await replica.leave();

      expect(await code(ordinary.find('key:1'))).toBe('answered');
      const asked = {
        find: hidden.find('key:1'),
        'find unknown': hidden.find('key:2'),
        findMany: replica.engine.findMany(name, ['key:1']),
        findOutcome: replica.engine.findOutcome(name, 'k', ''),
        list: hidden.list(),
        count: hidden.count(),
        versions: hidden.versions('key:1'),
        board: replica.engine.readBoard(name, 'b'),
        feed: replica.engine.readFeed(name, undefined, 1),
        put: hidden.put('key:1', { n: 2 }),
        create: hidden.commit({ puts: [{ ...put('key:3', {}), isNewId: true }] }),
        patch: hidden.patch('key:1', append('log', 1)),
        touch: hidden.touch('key:1', 1000),
        delete: hidden.delete('key:1'),
        publish: hidden.commit({ publish: [{ channel: 'audit', type: 't', payload: '{}' }] }),
      };
      const codes = await Promise.all(Object.entries(asked).map(async ([what, one]) => [what, await code(one)]));
      expect(codes).toEqual(Object.keys(asked).map((what) => [what, 'STORE_UNAVAILABLE']));

      await replica.comeBack();
      expect(replica.drained).toEqual([]);
      expect(await hidden.ids()).toEqual(['key:1']);
      expect(await hidden.get('key:1')).toEqual(record);
    },
  );

  it('is served again while the writes of other tenants are drained', async () => {
    const hidden = tenant(accessTenantOf('acme'));
    await hidden.put('key:1', { n: 1 });
    await replica.leave();
    const ordinary = tenant('acme');
    for (let at = 0; at < 400; at += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, i) => ordinary.commit({ puts: [put(`w-${at + i}`, {})] })));
    }
    // Called when the write is accepted, and when the first of many entries is drained.
    const duringDrain = new Promise<[string, string]>((resolve) => {
      replica.engine.onChange('acme', 'workflow w-0', () => {
        const { mode } = replica.engine;
        if (mode !== 'detached') void code(hidden.find('key:1')).then((found) => resolve([mode, found]));
      });
    });
    await replica.comeBack();
    expect(await duringDrain).toEqual(['recovering', 'answered']);
    expect(replica.drained).toHaveLength(400);
    expect(await code(hidden.put('key:1', { n: 2 }))).toBe('answered');
  });
});

describe('What a detached replica accepted for a tenant that is erased meanwhile', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let namespace: string;
  let away: DetachedReplica;
  let other: DetachedReplica;
  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis(redis.port, '127.0.0.1');
  });
  beforeEach(async () => {
    namespace = `ns-${randomUUID()}`;
    const opening = { redisPort: redis.port, namespace };
    [away, other] = await Promise.all([DetachedReplica.open(opening), DetachedReplica.open(opening)]);
  });
  afterEach(() => Promise.all([away.close(), other.close()]));
  afterAll(async () => {
    direct.disconnect();
    await redis.stop();
  });

  const record = (name: string) =>
    new TestTenant(other.engine, ACCESS_TENANT).put(`tenant:${name}`, { status: 'active' });
  const write = (name: string, id: string) => new TestTenant(away.engine, name).put(id, { text: 'planted' });

  it('is dropped, whenever it was accepted, and leaves no key (invariant 28)', async () => {
    await record('acme');
    await record('kept');
    await write('acme', 'a');
    await away.leave();
    await write('acme', 'before');
    await write('kept', 'before');
    await eraseAll(other.engine, 'acme', 1000);
    await new TestTenant(other.engine, ACCESS_TENANT).delete('tenant:acme');
    await write('acme', 'after');
    await away.comeBack();
    expect(away.drained.toSorted()).toEqual(['erased', 'erased', 'exact']);
    expect(await direct.keys(`${namespace}:{*acme}:*`)).toEqual([]);
    expect(await new TestTenant(other.engine, 'kept').ids()).toEqual(['before']);
  });

  it('is dropped if a new tenant has the name by then, but what was written for the new one is not', async () => {
    await record('acme');
    await away.leave();
    const { updatedAtMs } = await write('acme', 'old');
    await eraseAll(other.engine, 'acme', 1000);
    await new TestTenant(other.engine, ACCESS_TENANT).delete('tenant:acme');
    // The detached replica estimates the clock of Redis; the estimate may be ahead by half a round trip.
    const isPastOldWrite = async () => {
      const [seconds, micros] = await direct.time();
      return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) > updatedAtMs;
    };
    await until(isPastOldWrite, 'the clock of Redis is past the old write');
    const { createdAtMs } = await record('acme');
    // By the clock of the detached replica, which may be a little behind.
    // Each write has an id of its own: one over a write that is dropped becomes a conflict.
    let writes = 0;
    const isLater = async () => (await write('acme', `new-${++writes}`)).updatedAtMs > createdAtMs;
    await until(isLater, 'the clock goes on');
    await away.comeBack();
    expect([away.drained[0], away.drained.at(-1)]).toEqual(['erased', 'exact']);
    expect(away.drained).toEqual(away.drained.toSorted());
    // A write of the millisecond in which the tenant was made counts as one for it.
    const kept = away.drained.filter((how) => how === 'exact').length;
    const names = Array.from({ length: kept }, (_, i) => `new-${writes - i}`);
    expect(await new TestTenant(other.engine, 'acme').ids()).toEqual(names.toSorted());
  });

  it('is not dropped if the tenant was restored from a backup by then', async () => {
    await record('acme');
    const [backup] = await other.engine.moving.read(ACCESS_TENANT, 'workflow', ['tenant:acme']);
    await eraseAll(other.engine, 'acme', 1000);
    await new TestTenant(other.engine, ACCESS_TENANT).delete('tenant:acme');
    const erasedAtMs = Date.now();
    expect(await other.engine.moving.put(ACCESS_TENANT, backup as Moved, { onConflict: 'fail' })).toBe('created');
    await until(() => Date.now() > erasedAtMs, 'the clock goes on');
    await write('acme', 'seen');
    await away.leave();
    await write('acme', 'new');
    await away.comeBack();
    expect(away.drained).toEqual(['exact']);
    expect((await new TestTenant(other.engine, 'acme').ids()).toSorted()).toEqual(['new', 'seen']);
  });
});
