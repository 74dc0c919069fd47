import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { KEY_NAMES, prefixOf } from '../../src/engine/redis/keys.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { sweepAll } from '../support/task-dump.js';
import { newTask, TestQueue } from '../support/tasks.js';
import { testOptions } from './engine-under-test.js';
import { openReplica, type Replica } from './redis-under-test.js';
import { TestClock } from '../support/clock.js';
import { testIndex } from '../support/parts.js';

Logger.overrideLogger(false);

const QUOTA = 100_000;

/** Sums that an error in the middle of a script, another program or an earlier version has left wrong. */
describe('the bytes of a queue in Redis', () => {
  let server: RedisProcess;
  let redis: Redis;
  let replica: Replica;
  let clock: TestClock;
  let q: TestQueue;
  let prefix: string;

  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis(server.port, '127.0.0.1');
  });
  beforeEach(async () => {
    clock = new TestClock();
    const namespace = `ns-${randomUUID()}`;
    const options = { ...testOptions, tasks: { ...testOptions.tasks, maxOpen: 5000, maxDead: 5000, maxBytes: QUOTA } };
    replica = await openReplica(server.port, { options, index: testIndex, namespace, clock: clock.read });
    q = new TestQueue(replica.engine, 'default');
    prefix = prefixOf(namespace, 'default');
  });
  afterEach(() => replica.close());
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  const payload = JSON.stringify('x'.repeat(96));
  const settings = () => `${prefix}${KEY_NAMES.queueSettings}q`;
  const drift = (sum: 'bytes' | 'dead_bytes', bytes: number) => redis.hset(settings(), sum, bytes);
  const sums = async () => {
    const { bytes, deadBytes } = await q.look();
    return [bytes, deadBytes];
  };
  /** A queue that was resumed is due at once. */
  const sweep = async () => {
    await replica.engine.tasks.pause('default', 'q', false);
    await sweepAll(replica.engine);
  };
  const die = async (count: number) => {
    await q.enqueueSome(count, { payload, maxAttempts: 1 });
    for (const task of (await q.claim(count)).tasks) await q.fail(task);
  };

  it('is 0 again after a sweep of a queue without tasks', async () => {
    await q.enqueueSome(2, { payload });
    for (const id of await q.takeIds(2)) await q.cancel(id, true);
    await drift('bytes', 5000);
    await drift('dead_bytes', 6000);
    expect(await sums()).toEqual([5000, 6000]);
    await sweep();
    expect(await sums()).toEqual([0, 0]);
  });

  it('does not keep an empty queue from taking tasks, even before the sweep', async () => {
    await q.enqueue();
    await q.complete(await q.take());
    await drift('bytes', 10 * QUOTA);
    await q.commit({ enqueue: [newTask('q', { payload }), newTask('q', { payload })] });
    await sweep();
    expect(await sums()).toEqual([200, 0]);
  });

  it('is counted anew by the sweep when it is over half the limit', async () => {
    await q.enqueueSome(2, { payload });
    await q.enqueue({ payload, start: { delayMs: 1000 } });
    await q.take();
    await drift('bytes', QUOTA);
    await expect(q.enqueue({ payload })).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await sweep();
    expect(await sums()).toEqual([300, 0]);
    await q.enqueue({ payload });
  });

  it('is counted anew without tasks that another program has deleted', async () => {
    const ids = await q.enqueueSome(3, { payload: JSON.stringify('x'.repeat(QUOTA / 4)) });
    const [size] = await sums();
    await redis.del(`${prefix}${KEY_NAMES.task}${ids[1]}`);
    await sweep();
    expect(await sums()).toEqual([((size as number) / 3) * 2, 0]);
  });

  it('is counted anew only where few tasks are to be read for it', async () => {
    await q.enqueueSome(1001, { payload: '1' });
    await drift('bytes', QUOTA);
    await sweep();
    expect(await sums()).toEqual([QUOTA, 0]);
    await q.cancel((await q.takeIds(1))[0] as string, true);
    await sweep();
    expect(await sums()).toEqual([3000, 0]);
  });

  it('is never below 0', async () => {
    await q.enqueueSome(3, { payload });
    await drift('bytes', 50);
    await q.complete(await q.take());
    expect([await sums(), await redis.hget(settings(), 'bytes')]).toEqual([[0, 0], '0']);
    await q.enqueue({ payload });
    expect(await sums()).toEqual([100, 0]);
  });

  it('of dead tasks is counted anew before any is removed for it', async () => {
    await die(3);
    await drift('dead_bytes', 10 * QUOTA);
    await sweep();
    expect([await sums(), (await q.depth()).dead]).toEqual([[0, 300], 3]);
  });

  it('is counted anew with the tasks that the same sweep has moved', async () => {
    await die(1);
    await q.enqueueSome(3, { payload, maxAttempts: 1 });
    await q.take({ leaseMs: 10 });
    await drift('bytes', QUOTA);
    await drift('dead_bytes', QUOTA);
    clock.advance(10);
    await sweep();
    expect([await sums(), (await q.depth()).dead]).toEqual([[200, 200], 2]);
  });

  it('does not have tasks of an earlier version, whose size is not stored', async () => {
    const ids = await q.enqueueSome(3, { payload, maxAttempts: 1 });
    const earlier = `
      local fields = { cmsgpack.unpack(redis.call('GET', KEYS[1])) }
      redis.call('SET', KEYS[1], cmsgpack.pack(unpack(fields, 1, 18)))`;
    for (const id of ids) await redis.eval(earlier, 1, `${prefix}${KEY_NAMES.task}${id}`);
    await drift('bytes', 0);
    await q.enqueue({ payload, priority: 9 });
    const [a, b] = (await q.claim(2)).tasks;
    if (a === undefined || b === undefined) throw new Error('there are tasks');
    await q.complete(a);
    await q.fail(b);
    expect([await sums(), (await q.depth()).dead]).toEqual([[100, 0], 1]);
    await drift('bytes', QUOTA);
    await sweep();
    expect(await sums()).toEqual([100, 0]);
  });
});
