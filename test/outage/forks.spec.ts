import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FeedResetError } from '../../src/engine/errors.js';
import { feedKey, prefixOf } from '../../src/engine/redis/keys.js';
import { etagOf, type WorkflowMeta } from '../../src/engine/records/workflow-meta.js';
import { appendLogEdit } from '../../src/workflows/edits/append-edit.js';
import { mergePatchEdit } from '../../src/workflows/edits/merge-patch-edit.js';
import { DetachedReplica } from '../support/detached-replica.js';
import { ForkingRedis } from '../support/forking-redis.js';
import { patch } from '../support/parts.js';
import { refusalOf } from '../support/refusal.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const TENANT = 'default';
const on = (record: WorkflowMeta) => ({ expect: { etags: [etagOf(record)] }, ttl: null });

/** Redis fails over to a server that has not got the newest acknowledged writes, and is written on there. */
describe('After a failover that lost acknowledged writes', () => {
  let redis: ForkingRedis;
  let namespace: string;
  let one: DetachedReplica;
  let two: DetachedReplica;
  let a: TestTenant;
  let b: TestTenant;

  beforeAll(async () => {
    redis = await ForkingRedis.start();
  });
  beforeEach(async () => {
    namespace = `ns-${randomUUID()}`;
    [one, two] = await Promise.all(
      [1, 2].map(() => DetachedReplica.open({ redisPort: redis.port, namespace })) as [
        Promise<DetachedReplica>,
        Promise<DetachedReplica>,
      ],
    );
    [a, b] = [new TestTenant(one.engine, TENANT), new TestTenant(two.engine, TENANT)];
  });
  afterEach(async () => {
    await Promise.all([one, two].map((replica) => replica.close()));
    await redis.join();
  });
  afterAll(async () => {
    await redis.stop();
  });

  /** A failover that both replicas notice. */
  const failOver = async () => {
    redis.failOver(one.proxy, two.proxy);
    await until(async () => (await isThere(one)) && (await isThere(two)), 'both replicas are attached');
  };
  const isThere = ({ engine }: DetachedReplica) =>
    engine.sweep().then(
      () => engine.mode === 'attached',
      () => false,
    );
  const conflictsOf = async (id: string) => {
    const { conflicts } = await two.engine.listConflicts(TENANT, id, { limit: 100 });
    return Promise.all(conflicts.map(async ({ n }) => (await two.engine.findConflict(TENANT, id, n))?.state));
  };

  it('a lost version and the one that took its number have different tags (invariant 33)', async () => {
    await a.put('w', { n: 1 }, { ttl: null });
    await redis.sever();
    const lost = await a.put('w', { by: 'A' }, { ttl: null });
    await failOver();
    const current = await b.put('w', { by: 'B' }, { ttl: null });
    expect(current).toMatchObject({ version: lost.version, incarnation: lost.incarnation });
    expect(etagOf(current)).not.toBe(etagOf(lost));
    expect(await refusalOf(a.put('w', { by: 'A again' }, on(lost)))).toMatchObject({ code: 'VERSION_CONFLICT' });
    expect(await b.state('w')).toEqual({ by: 'B' });
  });

  it.each([1, 2])(
    'a drain overwrites nothing of %i later writes that its replica has not seen (invariant 33)',
    async (count) => {
      await a.put('w', { n: 1 }, { ttl: null });
      await redis.sever();
      await a.put('w', { n: 2 }, { ttl: null });
      const lost = await a.put('w', { n: 3 }, { ttl: null });
      await one.leave();
      await a.put('w', { n: 'detached' }, on(lost));
      redis.failOver(two.proxy);
      await until(() => isThere(two), 'the other replica is attached');
      for (let n = 0; n < count; n++) await b.put('w', { later: n }, on(await b.get('w')));
      one.proxy.point(redis.port);
      await one.comeBack();
      expect(one.drained).toEqual(['conflict']);
      expect(await b.get('w')).toMatchObject({ version: 1 + count, state: `{"later":${count - 1}}` });
      expect(await conflictsOf('w')).toEqual(['{"n":"detached"}']);
    },
  );

  it('a drain puts back what was lost where nobody has written since', async () => {
    await a.put('w', { count: 1 }, { ttl: null });
    await redis.sever();
    await a.put('w', { count: 2 }, { ttl: null });
    await a.put('w', { count: 3 }, { ttl: null });
    await one.leave();
    await a.patch('w', mergePatchEdit('{"count":4}'));
    await a.put('w', { count: 5 }, on(await a.get('w')));
    redis.failOver(two.proxy);
    await until(() => isThere(two), 'the other replica is attached');
    one.proxy.point(redis.port);
    await one.comeBack();
    expect(one.drained).toEqual(['recovered', 'exact']);
    expect(await b.get('w')).toMatchObject({ version: 5, state: '{"count":5}' });
    expect(await conflictsOf('w')).toEqual([]);
  });

  it.each(['on this replica, while it is detached', 'on another replica, afterwards'])(
    'a write that a drain puts back happens once, if it is repeated under its key %s (invariant 11)',
    async (where) => {
      const append = (n: number) => ({ patches: [patch('w', appendLogEdit(`{"n":${n},"timestamp":"t"}`))] });
      const keyed = (n: number) => ({ key: `key-${n}-${namespace}`, keepMs: 86_400_000 });
      await a.put('w', { logs: [] }, { ttl: null });
      await redis.sever();
      await a.commit(append(1), keyed(1));
      const lost = await a.commit(append(2), keyed(2));
      await one.leave();
      await a.commit(append(3), keyed(3));
      if (where.startsWith('on this')) await a.commit(append(1), keyed(1));
      redis.failOver(two.proxy);
      await until(() => isThere(two), 'the other replica is attached');
      one.proxy.point(redis.port);
      await one.comeBack();
      const again = await Promise.all([1, 2, 3].map((n) => b.commit(append(n), keyed(n))));
      expect(again.map(({ replayed }) => replayed)).toEqual([true, true, true]);
      expect(again[1]?.workflows.map(etagOf)).toEqual(lost.workflows.map(etagOf));
      const { logs } = (await b.state('w')) as { logs: { n: number }[] };
      expect(logs.map(({ n }) => n)).toEqual([1, 2, 3]);
      expect(one.drained).toEqual(where.startsWith('on this') ? ['recovered', 'replayed'] : ['recovered']);
    },
  );

  it('an operation is made again on the version that took the number of its base, and what builds on it is a conflict', async () => {
    await a.put('w', { count: 1 }, { ttl: null });
    await redis.sever();
    const lost = await a.put('w', { count: 2 }, { ttl: null });
    await one.leave();
    await a.patch('w', mergePatchEdit('{"more":true}'));
    await a.put('w', { count: 'whole' }, on(await a.get('w')));
    redis.failOver(two.proxy);
    await until(() => isThere(two), 'the other replica is attached');
    const other = await b.put('w', { count: 10 }, { ttl: null });
    expect(other.version).toBe(lost.version);
    one.proxy.point(redis.port);
    await one.comeBack();
    expect(one.drained).toEqual(['merged', 'conflict']);
    expect(await b.get('w')).toMatchObject({ version: 3, state: '{"count":10,"more":true}' });
    expect(await conflictsOf('w')).toEqual(['{"count":"whole"}']);
  });

  it('a reader that stands on a lost event is told, whatever event took its id (invariant 33)', async () => {
    await a.put('w', {}, { ttl: null });
    // The former master had another clock, ahead of those of both servers: ids only count up.
    const stream = feedKey(prefixOf(namespace, TENANT));
    await redis.admin.xadd(stream, `${Date.now() + 3_600_000}-0`, 'type', 'said', 'channel', 'c', 'payload', '0');
    const say = (tenant: TestTenant) => tenant.commit({ publish: [{ channel: 'c', type: 'said', payload: '1' }] });
    const [kept] = (await say(a)).eventIds ?? [];
    await redis.sever();
    const [lost] = (await say(a)).eventIds ?? [];
    const place = (id: string | undefined) => id?.split('_')[0];
    await failOver();
    const [other] = (await say(b)).eventIds ?? [];
    await say(b);
    expect(place(other)).toEqual(place(lost));
    expect(await refusalOf(two.engine.readFeed(TENANT, lost, 10))).toBeInstanceOf(FeedResetError);
    expect((await two.engine.readFeed(TENANT, kept, 10)).map(({ id }) => id)[0]).toBe(other);
    // An id of the former form names no event that can be told from another one of this place.
    expect(await refusalOf(two.engine.readFeed(TENANT, place(lost), 10))).toBeInstanceOf(FeedResetError);
  });
});
