import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { claimOf, TestQueue } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';
import { openRedisEngine } from './redis-under-test.js';

type Opened = Awaited<ReturnType<typeof openRedisEngine>>;

// Damaged data must not affect other data of the same call or queue.
describe('tasks that another program has damaged', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let opened: Opened;

  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
  });
  afterAll(async () => {
    direct.disconnect();
    await redis.stop();
  });
  beforeEach(async () => {
    await direct.flushall();
    opened = await openRedisEngine(redis.port);
  });
  afterEach(() => opened.close());

  const queue = (name = 'q') => new TestQueue(opened.engine, 'default', name);
  const keyOf = async (end: string) => {
    const [key, ...others] = (await direct.keys('*')).filter((name) => name.endsWith(end));
    if (key === undefined || others.length > 0) throw new Error(`which key ends in ${end}?`);
    return key;
  };
  const membersOf = async (kind: string, name = 'q') => {
    const key = (await direct.keys('*')).find((one) => one.endsWith(`queue:${kind}:${name}`));
    return key === undefined ? [] : direct.zrange(key, '0', '-1');
  };
  const scriptsRun = async () => {
    const stats = await direct.info('commandstats');
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const DAMAGES: readonly [string, (key: string) => Promise<unknown>][] = [
    ['is empty', (key) => direct.set(key, '')],
    ['is another program’s text', (key) => direct.set(key, 'hello')],
    ['is no packed list', (key) => direct.set(key, Buffer.from([0xc1, 0xff]))],
    ['has another type', (key) => direct.multi().del(key).rpush(key, 'x').exec()],
  ];

  it.each(DAMAGES)('a value that %s counts as absent, and affects no other task', async (_what, damage) => {
    const q = queue();
    await q.enqueueSome(4);
    const [first, second] = [await q.take(), await q.take()];
    await damage(await keyOf(`task:${second.id}`));
    const end = ({ id, token }: { id: string; token: string }) => q.commit({ ack: { taskId: id, token, result: '1' } });
    const claim = opened.engine.tasks.claim('default', claimOf('q', 1), 'a claim');
    const [one, two, three] = await Promise.allSettled([end(first), end(second), claim]);
    expect(one).toMatchObject({ status: 'fulfilled' });
    expect(two).toMatchObject({ status: 'rejected', reason: { code: 'TASK_NOT_FOUND' } });
    expect(three).toMatchObject({ status: 'fulfilled', value: { tasks: [{ queue: 'q' }] } });
  });

  it.each(DAMAGES)('a first task whose value %s does not block its queue', async (_what, damage) => {
    const q = queue();
    const [head, ...others] = await q.enqueueSome(3);
    await damage(await keyOf(`task:${head}`));
    const all = await Promise.all([q.takeIds(1), q.takeIds(1)]);
    expect(all.flat().toSorted()).toEqual(others.toSorted());
    expect(await membersOf('ready')).toEqual([]);
  });

  it('a sweep with damaged tasks comes to its end', async () => {
    const q = queue();
    const [spent, open] = [await q.enqueue({ maxAttempts: 1, leaseMs: 100 }), await q.enqueue({ leaseMs: 100 })];
    const damaged = await q.enqueue({ leaseMs: 100 });
    await q.takeIds(3);
    const later = await q.enqueue({ start: { delayMs: 50 } });
    await direct.set(await keyOf(`task:${damaged}`), '');
    opened.clock.advance(1000);
    await opened.engine.sweep();
    expect((await q.get(spent)).status).toBe('dead');
    expect(await membersOf('dead')).toEqual([spent]);
    expect((await membersOf('ready')).toSorted()).toEqual([open, later].toSorted());
    expect(await membersOf('leased')).toEqual([]);
    for (const id of [open, later]) expect((await q.get(id)).status).toBe('ready');
  });

  it('a queue whose keys have another type affects no other queue', async () => {
    const [bad, good] = [queue('bad'), queue('good')];
    await Promise.all([bad.enqueue(), good.enqueueSome(2)]);
    const [held, done] = [await bad.take(), await good.take()];
    const key = await keyOf('queue:leased:bad');
    await direct.set(key, 'x');
    let heard = 0;
    const stop = opened.engine.onChange('default', 'queue good', () => heard++);
    await until(() => heard > 0, 'hints are heard of');
    const before = heard;
    await Promise.allSettled([bad.extend(held), good.release(done)]);
    await until(() => heard > before, 'a hint comes for the queue that has something again');
    stop();
    expect((await good.get(done.id)).status).toBe('ready');
    expect(await membersOf('leased', 'good')).toEqual([]);
    expect(await membersOf('ready', 'good')).toHaveLength(2);
  });

  it('a task that was deleted, and whose id is used again for another queue, is delivered once', async () => {
    const [one, two] = [queue('one'), queue('two')];
    const id = await one.enqueue();
    await direct.del(await keyOf(`task:${id}`));
    await two.enqueue({ id });
    const taken = await Promise.all([one.takeIds(1), two.takeIds(1)]);
    expect(taken).toEqual([[], [id]]);
  });

  it.each(['delayed', 'settings'])(
    'a queue whose %s another program has replaced is named in the list, beside the others',
    async (kind) => {
      for (const name of ['a', 'b', 'c']) await queue(name).enqueue({ start: { delayMs: 1000 } });
      const key = await keyOf(`queue:${kind}:b`);
      await direct.set(key, 'x');
      const page = await opened.engine.tasks.listQueues('default', { prefix: '', limit: 10 });
      expect(page.queues.map(({ name, delayed }) => [name, delayed])).toEqual([
        ['a', 1],
        ['c', 1],
      ]);
      expect([page.unreadable, page.next]).toEqual([['b'], undefined]);
      const first = await opened.engine.tasks.listQueues('default', { prefix: '', after: 'a', limit: 1 });
      expect(first).toEqual({ queues: [], unreadable: ['b'], next: 'b' });
      await expect(opened.engine.tasks.findQueue('default', 'b')).rejects.toMatchObject({ code: 'STORE_KEY_TAKEN' });
    },
  );

  describe.each(['delayed', 'leased', 'ready', 'settings'])('a queue whose %s another program has replaced', (kind) => {
    it('delays no sweep of other queues, of workflows and of the feed, and is told once', async () => {
      const warned: string[] = [];
      const tell = (_level: string, message: unknown) => void warned.push(String(message));
      Logger.overrideLogger({ log() {}, warn: (said) => tell('warn', said), error: (said) => tell('error', said) });
      try {
        const tenant = new TestTenant(opened.engine, 'default');
        for (const name of ['aaa', 'zzz']) await queue(name).enqueue({ start: { delayMs: 60_000 } });
        await tenant.put('a', {}, { ttl: 60_000 });
        await direct.set(`${(await keyOf('queue:delayed:aaa')).replace(/delayed:aaa$/, '')}${kind}:aaa`, 'x');
        opened.clock.advance(60_000);
        expect(await opened.engine.sweep()).toBe(1);
        expect(await queue('zzz').depth()).toMatchObject({ ready: 1, delayed: 0 });
        // Sweeps go on, and pass the damaged queue by for a while.
        await queue('zzz').enqueue({ start: { delayMs: 5000 } });
        const before = await scriptsRun();
        for (let second = 0; second < 10; second++) {
          opened.clock.advance(1000);
          await opened.engine.sweep();
        }
        expect(await queue('zzz').depth()).toMatchObject({ ready: 2, delayed: 0 });
        expect((await scriptsRun()) - before).toBeLessThan(60);
        expect(warned.filter((line) => line.includes('aaa')).length).toBe(1);
      } finally {
        Logger.overrideLogger(['error']);
      }
    });

    it('is swept again a while after it was put right', async () => {
      await queue('aaa').enqueue({ start: { delayMs: 60_000 } });
      const key = `${(await keyOf('queue:delayed:aaa')).replace(/delayed:aaa$/, '')}${kind}:aaa`;
      const had = (await direct.exists(key)) === 1;
      if (had) await direct.rename(key, 'beside');
      await direct.set(key, 'x');
      opened.clock.advance(60_000);
      await opened.engine.sweep();
      await direct.del(key);
      if (had) await direct.rename('beside', key);
      opened.clock.advance(60_000);
      await opened.engine.sweep();
      expect(await queue('aaa').depth()).toMatchObject({ ready: 1, delayed: 0 });
    });
  });

  it('a workflow that cannot be removed delays no sweep of others, nor of queues', async () => {
    const tenant = new TestTenant(opened.engine, 'default');
    for (const id of ['a', 'b']) await tenant.put(id, { status: 'open' }, { ttl: 60_000 });
    await queue('q').enqueue({ start: { delayMs: 60_000 } });
    const key = await keyOf('workflow_history:a').catch(() => keyOf('workflow_meta:a'));
    await direct.del(key);
    await direct.hset(key, 'x', 'y');
    opened.clock.advance(60_000);
    await opened.engine.sweep();
    expect(await tenant.find('b')).toBeUndefined();
    expect(await queue('q').depth()).toMatchObject({ ready: 1 });
  });
});
