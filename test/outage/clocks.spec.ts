import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { NotHeldError } from '../../src/engine/errors.js';
import { eventTimeMs, isAfter } from '../../src/engine/event-id.js';
import { eventsOf } from '../contract/cases/feed.js';
import { mergePatchEdit } from '../../src/workflows/edits/merge-patch-edit.js';
import { DetachedReplica } from '../support/detached-replica.js';
import { ForkingRedis } from '../support/forking-redis.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { canShiftClocks, startShiftedRedis, type ShiftedRedis } from '../support/shifted-redis.js';
import { TestQueue } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);
if (!canShiftClocks) process.stdout.write('clocks of Redis: skipped, they need Linux and a C compiler\n');
const described = canShiftClocks ? describe : describe.skip;

const HOUR = 3_600_000;
const TENANT = 'acme';
/** Longer than a busy machine needs between two steps of a test. */
const SLACK = 30_000;

let namespace: string;
let replica: DetachedReplica;
let queue: TestQueue;
let tenant: TestTenant;

async function open(redisPort: number): Promise<void> {
  namespace = `ns-${randomUUID()}`;
  replica = await DetachedReplica.open({ redisPort, namespace });
  queue = new TestQueue(replica.engine, TENANT);
  tenant = new TestTenant(replica.engine, TENANT);
}

const isAnswered = () =>
  replica.engine.sweep().then(
    () => replica.engine.mode === 'attached',
    () => false,
  );
const claims = async () => (await queue.claim()).tasks.map(({ id }) => id);
const isClaimed = (id: string) => async () => (await claims()).includes(id);
const isGone = (id: string) => async () => {
  await replica.engine.sweep();
  return (await tenant.find(id)) === undefined;
};
const fromNow = (ms: number | null | undefined) => (ms ?? 0) - Date.now();

described('After a failover to a clock that is an hour behind', () => {
  let redis: ForkingRedis;
  let isBehind = false;
  beforeAll(async () => {
    redis = await ForkingRedis.start(undefined, (...more) => startShiftedRedis(-HOUR, ...more));
  });
  beforeEach(() => open(redis.port));
  afterEach(async () => {
    await replica.close();
    if (isBehind) redis.failOver();
    isBehind = false;
    await redis.join();
  });
  afterAll(() => redis.stop());

  const failOver = async () => {
    await redis.sever();
    redis.failOver(replica.proxy);
    isBehind = !isBehind;
    await until(isAnswered, 'the replica is attached');
  };

  it('a lease, a delay and a time to live end in time (invariant 8)', async () => {
    const leased = await queue.enqueue();
    await queue.take({ leaseMs: 1500 });
    const delayed = await queue.enqueue({ start: { delayMs: 1500 } });
    await tenant.put('w', 1, { ttl: 1500 });
    await failOver();
    await until(isClaimed(leased), 'the lease has ended');
    await until(isClaimed(delayed), 'the delay has ended');
    await until(isGone('w'), 'the workflow has ended');
    expect(await redis.admin.exists(`${namespace}:{${TENANT}}:document_workflow:w`)).toBe(0);
  });

  it('what lasts longer goes on, and what begins there ends in time', async () => {
    const held = await queue.enqueue();
    await queue.take({ leaseMs: 100_000 });
    await tenant.put('w', 1, { ttl: 100_000 });
    await failOver();
    const { nextDueInMs } = await queue.claim();
    expect(nextDueInMs).toBeLessThanOrEqual(100_000 + SLACK);
    expect(nextDueInMs).toBeGreaterThan(100_000 - SLACK);
    expect(await tenant.state('w')).toBe(1);
    expect((await queue.get(held)).status).toBe('leased');
    const other = await queue.enqueue();
    await queue.take({ leaseMs: 1500 });
    await tenant.put('v', 1, { ttl: 1500 });
    await until(isClaimed(other), 'the lease has ended');
    await until(isGone('v'), 'the workflow has ended');
    await tenant.put('u', 1, { ttl: 50_000 });
    expect(fromNow((await tenant.find('u'))?.deadlineMs)).toBeGreaterThan(50_000 - SLACK);
    expect(fromNow((await tenant.find('u'))?.deadlineMs)).toBeLessThanOrEqual(50_000 + SLACK);
  });

  it('ids of events go on, with the time of their commits', async () => {
    await tenant.put('w', 1);
    await failOver();
    for (let n = 2; n <= 20; n++) await tenant.put('w', n);
    const ids = (await eventsOf(replica.engine, TENANT)).map(({ id }) => id);
    expect(ids.length).toBeGreaterThanOrEqual(20);
    for (const [at, id] of ids.entries())
      if (at > 0) expect([id, isAfter(id, ids[at - 1] as string)]).toEqual([id, true]);
    const before = eventTimeMs(ids.at(-1) as string);
    expect(Math.abs(fromNow(before))).toBeLessThan(SLACK);
    await until(async () => {
      await tenant.put('w', 21);
      return eventTimeMs(await replica.engine.lastEventId(TENANT)) > before;
    }, 'a later event has a later time');
  });

  it('a value of another program keeps the time that it has left there', async () => {
    await tenant.put('w', 1);
    await failOver();
    const key = (id: string) => `${namespace}:{${TENANT}}:document_workflow:${id}`;
    await redis.admin.set(key('short'), '1', 'PX', 1500);
    await redis.admin.set(key('long'), '{"n":1}', 'PX', 100_000);
    await redis.admin.set(key('w'), '2', 'PX', 100_000);
    for (const id of ['long', 'w']) {
      await tenant.put(id, { n: 2 });
      await tenant.put(id, { n: 3 });
      expect(await tenant.find(id)).toMatchObject({ version: id === 'w' ? 4 : 3, state: '{"n":3}' });
      expect(fromNow((await tenant.find(id))?.deadlineMs)).toBeGreaterThan(100_000 - SLACK);
    }
    await until(isGone('short'), 'the value has ended');
  });

  it('the way back to the former server ends nothing early', async () => {
    await queue.enqueue();
    await failOver();
    await queue.take({ leaseMs: HOUR / 2 });
    await tenant.put('w', 1, { ttl: HOUR / 2 });
    await redis.join();
    await failOver();
    expect(await claims()).toEqual([]);
    await replica.engine.sweep();
    expect(await tenant.state('w')).toBe(1);
    expect(fromNow((await tenant.find('w'))?.deadlineMs)).toBeGreaterThan(HOUR / 2 - SLACK);
  });
});

described('A Redis whose clock is set back', () => {
  let redis: ShiftedRedis;
  beforeAll(async () => {
    redis = await startShiftedRedis(0);
  });
  beforeEach(async () => {
    redis.shift(0);
    await open(redis.port);
  });
  afterEach(() => replica.close());
  afterAll(() => redis.stop());

  it('by an hour ends leases in time, also those that began before', async () => {
    const before = await queue.enqueue();
    await queue.take({ leaseMs: 1500 });
    redis.shift(-HOUR);
    await until(isClaimed(before), 'the first lease has ended');
    const after = await queue.enqueue();
    await queue.take({ leaseMs: 1500 });
    await until(isClaimed(after), 'the second lease has ended');
  });

  it('by an hour goes on at 99 % of its pace, and a step forward does not count', async () => {
    const aheadOfUs = async () => fromNow(await replica.engine.moving.now());
    await queue.enqueue();
    for (const shiftMs of [0, -HOUR]) {
      redis.shift(shiftMs);
      await replica.engine.sweep();
    }
    redis.shift(-HOUR + 50_000);
    const aheadMs = await aheadOfUs();
    expect(aheadMs).toBeLessThan(49_600);
    expect(aheadMs).toBeGreaterThan(49_600 - SLACK);
    redis.shift(-HOUR / 2);
    expect(await aheadOfUs()).toBeLessThan(1000);
    redis.shift(HOUR / 2);
    expect(await aheadOfUs()).toBeGreaterThan(HOUR / 2 - SLACK);
  });

  it('by more than a day is followed', async () => {
    await tenant.put('w', 1);
    redis.shift(-25 * HOUR);
    await replica.engine.sweep();
    await tenant.put('w', 2, { ttl: HOUR });
    const deadlineMs = (await tenant.find('w'))?.deadlineMs;
    expect(fromNow(deadlineMs)).toBeLessThan(-23 * HOUR);
  });
});

describe('A detached replica whose clock differs from that of Redis', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisProcess();
  });
  afterEach(async () => {
    await replica.close();
    jest.restoreAllMocks();
  });
  afterAll(() => redis.stop());

  const openWithClock = (aheadMs: number) => {
    const now = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => now() + aheadMs);
    return open(redis.port);
  };
  const isOver = (id: string) => () =>
    tenant.get(id).then(
      () => false,
      (error: unknown) => error instanceof NotHeldError,
    );

  it.each([
    ['ahead', HOUR],
    ['behind', -HOUR],
  ])('by an hour, %s, serves a workflow for the time that it has left', async (_name, aheadMs) => {
    await openWithClock(aheadMs);
    await tenant.put('long', 1, { ttl: HOUR / 2 });
    await tenant.put('short', 1, { ttl: 2000 });
    await replica.leave();
    expect(await tenant.state('long')).toBe(1);
    const patched = await tenant.patch('long', mergePatchEdit('{"n":2}'));
    await until(isOver('short'), 'the short one is no longer served');
    await replica.comeBack();
    expect(replica.drained).toEqual(['exact']);
    const drained = await tenant.get('long');
    expect(drained.state).toBe('{"n":2}');
    expect(Math.abs((drained.deadlineMs ?? 0) - (patched.deadlineMs ?? 0))).toBeLessThan(SLACK);
  });

  it.each([
    ['ahead', HOUR],
    ['behind', -HOUR],
  ])('by an hour, %s, gives a workflow a new time to live', async (_name, aheadMs) => {
    await openWithClock(aheadMs);
    await tenant.put('w', { n: 1 }, { ttl: 60_000 });
    await replica.leave();
    const patched = await tenant.patch('w', mergePatchEdit('{"n":2}'), { ttl: 100_000 });
    await replica.comeBack();
    const { deadlineMs } = await tenant.get('w');
    const serverMs = Date.now() - aheadMs;
    expect((deadlineMs ?? 0) - serverMs).toBeLessThanOrEqual(100_000);
    expect((deadlineMs ?? 0) - serverMs).toBeGreaterThan(100_000 - SLACK);
    expect(Math.abs((deadlineMs ?? 0) - (patched.deadlineMs ?? 0))).toBeLessThan(SLACK);
  });
});
