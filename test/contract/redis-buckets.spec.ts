import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { takeFrom, type Rate, type Take } from '../../src/engine/bucket.js';
import { TestClock } from '../support/clock.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { testOptions } from './engine-under-test.js';
import { Random } from './fuzz/random.js';
import { openReplica, type Replica } from './redis-under-test.js';

const TAKES = 10_000;
const BUCKETS = 20_000;
const MAX_BYTES = 120;
const MAX_BYTES_WITH_TABLES = 168;

describe('buckets of rate limits in Redis', () => {
  const clock = new TestClock();
  let server: RedisProcess;
  let redis: Redis;
  const replicas: Replica[] = [];
  const open = async (namespace: string, withClock: boolean) => {
    const parts = { options: testOptions, index: testIndex, namespace };
    const replica = await openReplica(server.port, { ...parts, ...(withClock && { clock: clock.read }) });
    replicas.push(replica);
    return replica.engine;
  };

  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis({ host: '127.0.0.1', port: server.port });
  });

  afterAll(async () => {
    for (const replica of replicas) await replica.close();
    redis.disconnect();
    await server.stop();
  });

  it(`give what the function gives, in ${TAKES} random takes (invariant 29)`, async () => {
    const seed = 20_260_101;
    const random = new Random(seed);
    const stored = await open('fuzz', true);
    const buckets = new Map<string, number | undefined>();
    const expectedOf = (take: Take) => {
      const { full, taken } = takeFrom(buckets.get(take.bucket), Math.floor(clock.ms * 1000), take);
      buckets.set(take.bucket, full);
      return taken;
    };
    const rate = (): Rate => ({
      limit: random.pick([1, 7, 60, 60, 997, 6000, 59_999]),
      windowMs: random.pick([1000, 60_000, 60_000, 3_600_000]),
      burst: random.pick([1, 10, 10, 50, 200]),
    });
    let rates = Array.from({ length: 8 }, rate);
    const take = (): Take => {
      const which = random.below(rates.length);
      const [least, back] = [1 + random.below(50), random.chance(0.15) ? random.below(20) : 0];
      return {
        bucket: `b${which}`,
        rate: rates[which] as Rate,
        want: back > 0 && random.chance(0.5) ? 0 : least + random.pick([0, 0, random.below(50)]),
        least: random.chance(0.6) ? 1 : least,
        back,
        ...(random.chance(0.5) && { backByMs: clock.ms + random.below(3) - 1 }),
      };
    };
    let granted = 0;
    for (let taken = 0; taken < TAKES;) {
      if (random.chance(0.02)) rates = rates.map((one) => (random.chance(0.3) ? rate() : one));
      clock.advance(random.weighted({ none: 2, some: 6, back: 1 } as const) === 'back' ? -random.below(20_000) : 0);
      clock.advance(random.pick([0, 1, random.below(3000), random.below(1000) / 1000, random.below(90_000)]));
      const takes = Array.from({ length: 1 + random.below(6) }, take);
      const actual = await stored.take('t', takes);
      expect({ seed, taken, takes, replies: actual }).toEqual({ seed, taken, takes, replies: takes.map(expectedOf) });
      taken += takes.length;
      granted += actual.filter((one) => one.granted > 0).length;
    }
    // Neither all nor none.
    expect(granted).toBeGreaterThan(TAKES / 10);
    expect(granted).toBeLessThan((TAKES * 9) / 10);
  });

  it(`take at most ${MAX_BYTES} bytes each, and are gone when they are full`, async () => {
    const engine = await open('', false);
    const usedBytes = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    const rate = { limit: 60, windowMs: 60_000, burst: 10 };
    // Sixteen characters of a digest stand for the subject.
    const bucket = (n: number) => `user:${n.toString(36).padStart(16, '-')}`;
    const takeAll = async (from: number, count: number, more: Partial<Take> = {}) => {
      for (let n = from; n < from + count; n += 500) {
        const takes = Array.from({ length: 500 }, (_, i) => ({
          bucket: bucket(n + i),
          rate,
          want: 5,
          least: 1,
          ...more,
        }));
        await engine.take('default', takes);
      }
    };
    await takeAll(1_000_000, 500);
    const before = await usedBytes();
    await takeAll(0, BUCKETS);
    expect(await redis.call('MEMORY', 'USAGE', `waymark:limit:${bucket(1)}`)).toBeLessThanOrEqual(MAX_BYTES);
    // With its share of the tables of keys and of expiries, which may be half empty.
    const bytes = ((await usedBytes()) - before) / BUCKETS;
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES_WITH_TABLES);
    expect(bytes).toBeGreaterThan(40);
    const left = await redis.pttl(`waymark:limit:${bucket(1)}`);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(5000);
    await takeAll(0, BUCKETS, { want: 0, least: 0, back: 5 });
    expect(await redis.exists(...Array.from({ length: 100 }, (_, n) => `waymark:limit:${bucket(n)}`))).toBe(0);
  });

  it('are not written by a take that is refused', async () => {
    const engine = await open('refused', false);
    const rate = { limit: 1, windowMs: 86_400_000, burst: 1 };
    const take = async () => (await engine.take('t', [{ bucket: 'b', rate, want: 1, least: 1 }]))[0]?.granted;
    expect(await take()).toBe(1);
    const writes = async () => Number(/cmdstat_set:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]);
    const before = await writes();
    expect([await take(), await take()]).toEqual([0, 0]);
    expect(await writes()).toBe(before);
  });
});
