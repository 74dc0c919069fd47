import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { accessTenantOf, Profiles } from '../../src/engine/profile.js';
import type { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { SweepSchedule } from '../../src/engine/redis/sweep-schedule.js';
import { TakenKeys } from '../../src/engine/redis/taken-keys.js';
import { TestClock } from '../support/clock.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestQueue } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { scaled } from '../support/scale.js';
import { until } from '../support/until.js';
import { testOptions } from './engine-under-test.js';
import { configFor, openReplica, type Replica } from './redis-under-test.js';

Logger.overrideLogger(['error']);

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TENANTS = scaled({ short: 2000, long: 10_000 });

describe('sweeps of many tenants in Redis', () => {
  let server: RedisProcess;
  let redis: Redis;
  let namespace: string;
  let clock: TestClock;
  let open: Replica[];

  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis(server.port, '127.0.0.1');
  });
  beforeEach(() => {
    namespace = `ns-${randomUUID()}`;
    clock = new TestClock();
    open = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((replica) => replica.close()));
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  const replica = async (given: Partial<typeof testOptions> = {}) => {
    const options = { ...testOptions, ...given };
    const opened = await openReplica(server.port, { options, index: testIndex, namespace, clock: clock.read });
    open.push(opened);
    return opened.engine;
  };
  /** Every call of the engine that sweeps is one script. */
  const calls = async () => {
    const stats = await redis.info('commandstats');
    return ['evalsha', 'eval'].reduce(
      (sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
      0,
    );
  };
  const dueOf = async (tenant: string) => Number(await redis.zscore(`${namespace}:waymark:tenants`, tenant));
  /** Sweeps as often as a replica does, for `ms` of its clock. Returns the calls. */
  const passing = async (engine: { sweep(): Promise<number> }, ms: number, stepMs: number) => {
    const before = await calls();
    for (let passed = 0; passed < ms; passed += stepMs) {
      clock.advance(stepMs);
      await engine.sweep();
    }
    return (await calls()) - before;
  };

  it(`cost less than 2 calls a second with ${TENANTS} idle tenants, hidden ones included (invariant 26)`, async () => {
    const engine = await replica();
    for (let at = 0; at < TENANTS; at += 500) {
      const writes = Array.from({ length: 500 }, async (_, i) => {
        const name = i % 2 === 0 ? `t-${at + i}` : accessTenantOf(`t-${at + i - 1}`);
        await new TestTenant(engine, name).put('a', {}, { ttl: null });
        await new TestTenant(engine, name).put('a', {}, { ttl: null });
      });
      await Promise.all(writes);
    }
    expect(await redis.zcard(`${namespace}:waymark:tenants`)).toBe(TENANTS);
    // Every tenant is swept until none may have unannounced writes.
    await passing(engine, 5 * MINUTE, 30 * SECOND);

    const idleMs = 10 * MINUTE;
    const idle = await passing(engine, idleMs, SECOND);
    // Each tenant is swept every few hours all the same.
    const dayMs = 24 * HOUR;
    const day = await passing(engine, dayMs, 30 * SECOND);
    const perSecond = (count: number, ms: number) => count / (ms / SECOND);
    process.stdout.write(
      `sweeps of ${TENANTS} idle tenants: ${perSecond(idle, idleMs).toFixed(2)} calls/s when swept every second, ` +
        `${perSecond(day, dayMs).toFixed(2)} calls/s over a day\n`,
    );
    expect(perSecond(idle, idleMs)).toBeLessThanOrEqual(1.1);
    expect(perSecond(day, dayMs)).toBeLessThan(1.5);
  });

  it('come in groups where nothing is due, and on time where something is (invariant 26)', async () => {
    const engine = await replica();
    for (let i = 0; i < 20; i++) await new TestTenant(engine, `idle-${i}`).put('a', {}, { ttl: null });
    await new TestTenant(engine, 'busy').put('a', {}, { ttl: 90 * MINUTE + 1 });
    const { ms } = clock;
    await passing(engine, 5 * MINUTE, 30 * SECOND);
    const dues = await Promise.all(Array.from({ length: 20 }, (_, i) => dueOf(`idle-${i}`)));
    for (const due of dues) expect([due % MINUTE, due > clock.ms + HOUR]).toEqual([0, true]);
    expect(new Set(dues).size).toBeGreaterThan(1);
    expect(await dueOf('busy')).toBe(ms + 90 * MINUTE + 1);
  });

  it('cost the same for one tenant as without the others', async () => {
    const engine = await replica();
    const of = async (count: number) => {
      for (let i = 0; i < count; i++) await new TestTenant(engine, `idle-${i}`).put('a', {}, { ttl: null });
      await passing(engine, 5 * MINUTE, 30 * SECOND);
      await new TestTenant(engine, 'one').put('a', {}, { ttl: null });
      return passing(engine, 5 * MINUTE, 10 * SECOND);
    };
    const alone = await of(0);
    expect(await of(200)).toBe(alone);
  });

  it('find what another replica writes while a tenant is being swept', async () => {
    const [one, two] = [await replica(), await replica()];
    const tenant = new TestTenant(two, 'acme');
    await tenant.put('late', {}, { ttl: HOUR });
    const start = clock.ms;
    // Whatever the first replica has found just before: the writes of the second one are announced.
    for (let i = 0; i < 50; i++) {
      await Promise.all([one.sweep(), tenant.put(`early-${i}`, {}, { ttl: MINUTE })]);
      clock.advance(10 * SECOND);
    }
    expect(await dueOf('acme')).toBeLessThanOrEqual(clock.ms + 30 * SECOND);
    for (let i = 0; i < 10; i++) {
      clock.advance(30 * SECOND);
      await one.sweep();
    }
    expect(await redis.zrange(`${namespace}:{acme}:document_workflow_index:updated`, '0', '-1')).toEqual(['late']);
    expect(await dueOf('acme')).toBe(start + HOUR);
  });

  it('are soon followed by another one where a tenant may have been written meanwhile, and else not', async () => {
    const engine = await replica();
    const connections = new RedisConnections(configFor(server.port, namespace));
    await connections.open();
    try {
      const profiles = new Profiles(testOptions, testIndex);
      const context = {
        namespace,
        options: testOptions,
        profiles,
        retryWindowMs: 30_000,
        now: () => String(clock.ms),
        taken: new TakenKeys(),
      };
      const schedule = new SweepSchedule(connections, context, clock.read);
      const dueMs = clock.ms + HOUR;
      const sweep = async (meanwhile: () => Promise<unknown>) => {
        const { tenants, sinceMs } = await schedule.takeDue(10);
        expect(tenants).toEqual(['acme']);
        expect((await schedule.takeDue(10)).tenants).toEqual([]);
        await meanwhile();
        await schedule.settle(sinceMs, new Map([['acme', dueMs]]));
        return dueOf('acme');
      };
      const tenant = new TestTenant(engine, 'acme');
      await tenant.put('a', {}, { ttl: null });
      clock.advance(10 * MINUTE);
      // A new announcement, and then a write under one that was made before the sweep began.
      expect(await sweep(() => tenant.put('b', {}, { ttl: MINUTE }))).toBe(clock.ms + 30 * SECOND);
      clock.advance(30 * SECOND);
      expect(await sweep(() => tenant.put('b', {}, { ttl: MINUTE }))).toBe(clock.ms + 30 * SECOND);
      clock.advance(10 * MINUTE);
      expect(await sweep(async () => clock.advance(10 * SECOND))).toBe(dueMs);
      // What is due by the sweep's own account comes first.
      clock.advance(dueMs - clock.ms);
      expect(await sweep(() => tenant.put('c', {}))).toBe(clock.ms + SECOND);
    } finally {
      await connections.close();
    }
  });

  it('are announced again after the announcement has ended, and not for every write', async () => {
    const engine = await replica();
    const tenant = new TestTenant(engine, 'acme');
    await tenant.put('a', {}, { ttl: null });
    const perWrite = async (count: number, pauseMs: number) => {
      const before = await calls();
      for (let i = 0; i < count; i++) {
        clock.advance(pauseMs);
        await tenant.put('a', {}, { ttl: null });
      }
      return ((await calls()) - before) / count;
    };
    // Renewed once in 20 seconds, in the background.
    expect(await perWrite(100, SECOND)).toBeLessThan(1.2);
    expect(await perWrite(10, 10 * MINUTE)).toBe(2);
    await passing(engine, 10 * MINUTE, 30 * SECOND);
    expect(await dueOf('acme')).toBeGreaterThan(clock.ms + HOUR);
    await tenant.put('b', {}, { ttl: SECOND });
    expect(await dueOf('acme')).toBe(clock.ms + 30 * SECOND);
  });

  it('of a replica that was lost in the middle are made by another one', async () => {
    const [one, two] = [await replica(), await replica()];
    const tenant = new TestTenant(one, 'acme');
    await tenant.put('a', {}, { ttl: MINUTE });
    await passing(one, 5 * MINUTE, 30 * SECOND);
    await tenant.put('b', {}, { ttl: HOUR });
    await passing(one, 5 * MINUTE, 30 * SECOND);
    clock.advance(HOUR);
    // As `takeDue` leaves it when the process ends right behind it.
    await redis.zadd(`${namespace}:waymark:tenants`, clock.ms + 30 * SECOND, 'acme');
    expect(await two.sweep()).toBe(0);
    clock.advance(30 * SECOND);
    expect(await two.sweep()).toBe(1);
  });

  it('begin with every tenant that an earlier version has registered', async () => {
    const engine = await replica();
    await new TestTenant(engine, 'acme').put('a', {}, { ttl: MINUTE });
    // Earlier versions stored the time of the registration, and no announcements.
    await redis.del(`${namespace}:waymark:tenants:active`);
    await redis.zadd(`${namespace}:waymark:tenants`, Date.now(), 'acme');
    clock.advance(MINUTE);
    expect(await (await replica()).sweep()).toBe(1);
  });

  /** Names without tasks or times, as an earlier version has left them. */
  const nameQueues = (tenant: string, count: number) =>
    redis.zadd(
      `${namespace}:{${tenant}}:waymark:queues`,
      ...Array.from({ length: count }, (_, i) => [0, `q-${i}`]).flat(),
    );

  it('cost the same for a few names of queues without tasks as for many', async () => {
    const costOf = async (tenant: string, count: number) => {
      const engine = await replica();
      await new TestTenant(engine, tenant).put('a', {}, { ttl: null });
      await nameQueues(tenant, count);
      await passing(engine, 5 * MINUTE, 30 * SECOND);
      const writing = async () => {
        const before = await calls();
        for (let i = 0; i < 20; i++) {
          await new TestTenant(engine, tenant).put('a', { i }, { ttl: null });
          clock.advance(30 * SECOND);
          await engine.sweep();
        }
        return (await calls()) - before;
      };
      return [await writing(), await passing(engine, HOUR, 30 * SECOND)];
    };
    // The first calls of scripts load them.
    await costOf('first', 3);
    const [few, many] = [await costOf('few', 3), await costOf('many', 3000)];
    // Other tenants may be swept meanwhile.
    for (const [i, cost] of many.entries()) expect(cost).toBeLessThan((few[i] as number) + 20);
    // A day later the names end, many of them with each call.
    const engine = await replica();
    const day = await passing(engine, 48 * HOUR, HOUR);
    expect(day).toBeLessThan(500);
    const left = ['many', 'few', 'first'].map((tenant) => redis.exists(`${namespace}:{${tenant}}:waymark:queues`));
    expect(await Promise.all(left)).toEqual([0, 0, 0]);
    expect(await redis.keys(`${namespace}:*queue*`)).toEqual([]);
  });

  it('find the due tasks of queues that an earlier version has left', async () => {
    const engine = await replica();
    const names = Array.from({ length: 60 }, (_, i) => `q-${i}`);
    for (const name of names) await new TestQueue(engine, 'acme', name).enqueue({ start: { delayMs: HOUR } });
    await redis.del(`${namespace}:{acme}:waymark:queue:times`);
    await passing(engine, HOUR, 30 * MINUTE);
    const ready = await Promise.all(names.map((name) => new TestQueue(engine, 'acme', name).depth()));
    expect(ready.filter((depth) => depth.ready === 1).length).toBe(60);
  });

  it('of two replicas cost hardly more than those of one', async () => {
    const both = [await replica(), await replica()];
    for (let i = 0; i < 40; i++) {
      await new TestTenant(both[0] as RedisEngine, `t-${i}`).put('a', {}, { ttl: 30 * MINUTE });
    }
    await passing(both[0] as RedisEngine, 5 * MINUTE, 30 * SECOND);
    clock.advance(HOUR);
    const before = await calls();
    const swept = await Promise.all(both.map((engine) => engine.sweep()));
    expect((swept[0] as number) + (swept[1] as number)).toBe(40);
    // One sweep of each tenant, and for each replica the calls around its sweeps.
    expect((await calls()) - before).toBeLessThanOrEqual(40 + 2 * 3);
  });

  it('trim the feed of a tenant that nobody writes any more', async () => {
    const engine = await replica({ feed: { maxEvents: 1000, maxAgeMs: 500 } });
    const tenant = new TestTenant(engine, 'acme');
    for (let i = 0; i < 20; i++) await tenant.put('a', { i }, { ttl: null });
    const length = () => redis.xlen(`${namespace}:{acme}:waymark:events`);
    expect(await length()).toBe(20);
    await until(async () => {
      clock.advance(MINUTE);
      await engine.sweep();
      return (await length()) === 1;
    }, 'only the last event is left');
    await passing(engine, 5 * MINUTE, 30 * SECOND);
    expect(await dueOf('acme')).toBeGreaterThan(clock.ms + HOUR);
  });

  it('go on with a Redis that is full, since they free memory', async () => {
    const engine = await replica();
    const tenant = new TestTenant(engine, 'acme');
    await tenant.put('a', { text: 'x'.repeat(1000) }, { ttl: HOUR });
    await passing(engine, 5 * MINUTE, 30 * SECOND);
    await redis.config('SET', 'maxmemory', '1');
    try {
      clock.advance(HOUR);
      expect(await engine.sweep()).toBe(1);
      clock.advance(10 * MINUTE);
      // A commit that only deletes needs an announcement.
      await expect(tenant.delete('a')).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
  });
});
