import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { refusalOf } from '../support/refusal.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestTenant } from '../support/tenant.js';
import { eventsOf } from './cases/feed.js';
import { openReplica, type Replica } from './redis-under-test.js';
import { testOptions } from './engine-under-test.js';
import { testIndex } from '../support/parts.js';

describe('the feed in Redis', () => {
  let redis: RedisProcess;
  let client: Redis;
  let replica: Replica;
  beforeAll(async () => {
    redis = await startRedisProcess();
    client = new Redis(redis.port, '127.0.0.1');
    replica = await openReplica(redis.port, { options: testOptions, index: testIndex, namespace: '' });
  });
  afterAll(async () => {
    await replica.close();
    await client.quit();
    await redis.stop();
  });
  const tenant = () => new TestTenant(replica.engine, `t-${randomUUID()}`);
  const typesOf = async ({ engine, name }: TestTenant) =>
    (await eventsOf(engine, name)).map(({ type, fields }) => `${type} ${fields['version'] ?? ''}`.trim());

  it('is another one when the store was restored from an older copy, also when it has gone on since', async () => {
    const { engine, name } = tenant();
    const key = `{${name}}:waymark:events`;
    const write = (id: string) => new TestTenant(engine, name).put(id);
    await write('a');
    const known = await engine.lastEventId(name);
    const copy = await client.dumpBuffer(key);
    await write('lost');
    const ahead = await engine.lastEventId(name);
    await client.restore(key, 0, copy as Buffer, 'REPLACE');
    expect(await refusalOf(engine.readFeed(name, ahead, 10))).toMatchObject({ code: 'FEED_RESET' });
    await write('b');
    expect(await refusalOf(engine.readFeed(name, ahead, 10))).toMatchObject({ code: 'FEED_RESET' });
    // A reader that had not seen the lost events has missed nothing.
    const events = await engine.readFeed(name, known, 10);
    expect(events.map(({ fields }) => fields)).toMatchObject([{ id: 'b' }]);
  });

  it('is read in pieces of a megabyte, and shows all events in order', async () => {
    const one = tenant();
    const { engine, name } = one;
    const start = await engine.lastEventId(name);
    const payloadOf = (n: number) => JSON.stringify(`${n} ${'x'.repeat(60_000)}`);
    const larger = JSON.stringify(`0 ${'x'.repeat(1_500_000)}`);
    await one.commit({ publish: [{ channel: 'c', type: 'x', payload: larger }] });
    for (let n = 1; n < 60; n++) await one.commit({ publish: [{ channel: 'c', type: 'x', payload: payloadOf(n) }] });
    const read = async (after: string | undefined, limit: number) => {
      await client.config('RESETSTAT');
      const events = await engine.readFeed(name, after, limit);
      const stats = await client.info('commandstats');
      const calls = [...stats.matchAll(/^cmdstat_(?:eval|evalsha):calls=(\d+)/gm)];
      return { events, calls: calls.reduce((sum, [, count]) => sum + Number(count), 0) };
    };
    for (const after of [start, undefined]) {
      const { events, calls } = await read(after, 500);
      expect(events.map(({ fields }) => parseInt((fields['payload'] as string).slice(1), 10))).toEqual(
        Array.from({ length: 60 }, (_, n) => n),
      );
      expect(calls).toBeGreaterThanOrEqual(4);
    }
    const { events } = await read(start, 30);
    expect(events).toHaveLength(30);
    expect((await read(events.at(-1)?.id, 500)).events).toHaveLength(30);
  });

  it('is another one when the store has lost everything', async () => {
    const one = tenant();
    await one.put('a');
    const place = await one.engine.lastEventId(one.name);
    await client.flushall();
    expect(await refusalOf(one.engine.readFeed(one.name, place, 10))).toMatchObject({ code: 'FEED_RESET' });
    await one.put('a');
    expect(await refusalOf(one.engine.readFeed(one.name, place, 10))).toMatchObject({ code: 'FEED_RESET' });
    const next = await one.engine.lastEventId(one.name);
    expect(next.split('-')[2]).not.toBe(place.split('-')[2]);
    expect(await typesOf(one)).toEqual(['workflow.created 1']);
  });

  it('is another one when only its stream is gone', async () => {
    const one = tenant();
    await one.put('a');
    const place = await one.engine.lastEventId(one.name);
    await client.del(`{${one.name}}:waymark:events`);
    expect(await refusalOf(one.engine.readFeed(one.name, place, 10))).toMatchObject({ code: 'FEED_RESET' });
    const next = await one.engine.lastEventId(one.name);
    await one.put('a');
    expect(await one.engine.readFeed(one.name, next, 10)).toHaveLength(1);
  });

  it('tells what was found of other programs: values they wrote, replaced and deleted', async () => {
    const one = tenant();
    const key = `{${one.name}}:document_workflow:a`;
    await client.set(key, '{"status":"theirs"}');
    await one.put('a');
    await client.set(key, '{"status":"theirs again"}');
    await one.find('a');
    await client.set(key, '{"status":"and again"}');
    await one.put('a');
    await client.del(key);
    await one.put('a');
    await client.del(key);
    await one.list({ includeState: true });
    await one.list({ includeState: true });
    expect(await typesOf(one)).toEqual([
      'workflow.adopted 1',
      'workflow.updated 2',
      'workflow.adopted 3',
      'workflow.adopted 4',
      'workflow.updated 5',
      'workflow.deleted',
      'workflow.created 1',
      'workflow.deleted',
    ]);
  });

  it('tells the expiry of a workflow that Redis has removed by itself, once, with several who sweep', async () => {
    const one = tenant();
    await one.put('a', {}, { ttl: 1 });
    for (let i = 0; (await one.find('a')) !== undefined; i++) if (i > 10_000) throw new Error('it does not expire');
    await Promise.all(Array.from({ length: 5 }, () => replica.engine.sweep()));
    expect(await typesOf(one)).toEqual(['workflow.created 1', 'workflow.expired']);
  });

  it('costs a reader one command for each page', async () => {
    const one = tenant();
    await one.put('a');
    const place = await one.engine.lastEventId(one.name);
    await one.engine.readFeed(one.name, place, 10);
    const count = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
    const before = await count();
    for (let i = 0; i < 10; i++) await one.engine.readFeed(one.name, place, 10);
    expect(await count()).toBe(before + 10);
  });
});
