import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Eraser } from '../../src/access/tenants/eraser.js';
import { Tenants } from '../../src/access/tenants/tenants.js';
import { MemoryEngine } from '../../src/engine/memory/memory-engine.js';
import { ACCESS_TENANT, accessTenantOf } from '../../src/engine/profile.js';
import { examine } from '../../src/engine/redis/doctor/doctor.js';
import { changesChannel, prefixOf } from '../../src/engine/redis/keys.js';
import { TenantFeed } from '../../src/feed/tenant-feed.js';
import { Semaphore } from '../../src/http/semaphore.js';
import { Ledger } from '../../src/migration/ledger.js';
import { migrate } from '../../src/migration/migrate.js';
import { TestClock } from '../support/clock.js';
import { put, testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';
import { eraseAll, fillWithHidden, readInEveryWay } from './cases/erasing.js';
import { testOptions } from './engine-under-test.js';
import { configFor, openReplica } from './redis-under-test.js';

Logger.overrideLogger(['error']);

const HOUR = 3_600_000;

describe('the erasure of a tenant in Redis', () => {
  let server: RedisProcess;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis(server.port, '127.0.0.1');
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  const open = (namespace: string, clock: TestClock) =>
    openReplica(server.port, { options: testOptions, index: testIndex, namespace, clock: clock.read });

  /** All keys of the server that belong to the tenant or to its hidden tenant, by their beginning. */
  async function keysOf(namespace: string, tenant: string): Promise<string[]> {
    const prefixes = [tenant, accessTenantOf(tenant)].map((name) => prefixOf(namespace, name));
    const keys: string[] = [];
    let cursor = '0';
    do {
      const [next, some] = await redis.scan(cursor, 'COUNT', 1000);
      keys.push(...some.filter((key) => prefixes.some((prefix) => key.startsWith(prefix))));
      cursor = next;
    } while (cursor !== '0');
    return keys;
  }

  it.each(['', 'plain', '{tag}', 'a{tag}b'])('leaves no key, in the namespace "%s" (invariant 28)', async (name) => {
    const namespace = name === '' ? '' : `${name}${randomUUID()}`;
    const clock = new TestClock();
    const { engine, close } = await open(namespace, clock);
    try {
      const [acme, other] = ['acme', 'xacme'].map((tenant) => new TestTenant(engine, tenant)) as [
        TestTenant,
        TestTenant,
      ];
      await fillWithHidden({ clock }, acme);
      await fillWithHidden({ clock }, other);
      // Values of other programs, and keys that no index names.
      await redis.set(`${prefixOf(namespace, 'acme')}document_workflow:theirs`, '{"status":"x"}');
      await redis.set(`${prefixOf(namespace, 'acme')}waymark:limit:tenant:x`, '1', 'PX', 100_000);
      await redis.rpush(`${prefixOf(namespace, 'acme')}waymark:moved:x`, 'of a move that did not end');
      const before = (await keysOf(namespace, 'acme')).length;
      const others = (await keysOf(namespace, 'xacme')).length;
      expect(before).toBeGreaterThan(40);

      const place = await engine.lastEventId('acme');
      const { removed } = await eraseAll(engine, 'acme', 1000);
      expect(await keysOf(namespace, 'acme')).toEqual([]);
      expect(removed).toBe(before);
      expect(await keysOf(namespace, 'xacme')).toHaveLength(others);
      await readInEveryWay(engine, 'acme', place);
      await examine(configFor(server.port, namespace));
      expect(await keysOf(namespace, 'acme')).toEqual([]);
    } finally {
      await close();
    }
  });

  it('goes on in another process, whatever was left, with sweeps in between', async () => {
    const namespace = `ns-${randomUUID()}`;
    const clock = new TestClock();
    const first = await open(namespace, clock);
    const tenant = new TestTenant(first.engine, 'acme');
    for (let at = 0; at < 1000; at += 50) {
      await tenant.commit({ puts: Array.from({ length: 50 }, (_, i) => put(`w-${at + i}`, {}, { ttl: 1000 })) });
    }
    await fillWithHidden({ clock }, tenant);
    const before = (await keysOf(namespace, 'acme')).length;
    for (let i = 0; i < 5; i++) await first.engine.erase('acme', 200);
    await first.close();
    const left = (await keysOf(namespace, 'acme')).length;
    expect(left).toBeLessThan(before);
    expect(left).toBeGreaterThan(0);

    const [second, third] = [await open(namespace, clock), await open(namespace, clock)];
    try {
      // Expired ones whose keys are partly gone: a sweep tells of them, which makes a feed again.
      clock.advance(1000);
      let isDone = false;
      while (!isDone) {
        [{ isDone }] = await Promise.all([second.engine.erase('acme', 200), third.engine.sweep()]);
      }
      expect(await keysOf(namespace, 'acme')).toEqual([]);
      // Nothing is left that a later sweep could tell of.
      clock.advance(3_600_000);
      await third.engine.sweep();
      expect(await keysOf(namespace, 'acme')).toEqual([]);
      expect(await redis.zscore(`${namespace}:waymark:tenants`, 'acme')).toBeNull();
    } finally {
      await Promise.all([second.close(), third.close()]);
    }
  });

  it('is not undone by the reader of the feed that has lost its last client', async () => {
    const namespace = `ns-${randomUUID()}`;
    const clock = new TestClock();
    const { engine, close } = await open(namespace, clock);
    let reads = 0;
    const read = engine.readFeed.bind(engine);
    engine.readFeed = (...args) => read(...args).finally(() => reads++);
    const feed = new TenantFeed(engine, 'acme', new Semaphore(1), { delivered: () => undefined });
    try {
      await new TestTenant(engine, 'acme').put('a', {});
      const outlet = { deliver: () => undefined, untilReady: () => Promise.resolve(true), live: 0 };
      const options = { filter: {}, outlet, since: undefined, onLoss: () => undefined };
      feed.listeners = 1;
      const stop = await feed.subscribe(options, () => false);
      stop();
      feed.listeners = 0;
      await eraseAll(engine, 'acme', 1000);
      const before = reads;
      // Hints wake the reader; each wakes it once.
      await until(async () => {
        await redis.publish(changesChannel(prefixOf(namespace, 'acme')), 'feed');
        return reads > before + 2;
      }, 'the reader has read the feed again');
      expect(await keysOf(namespace, 'acme')).toEqual([]);
    } finally {
      feed.end();
      await close();
    }
  });

  it('is finished where the tenant was moved to before, by the service there', async () => {
    const namespace = `ns-${randomUUID()}`;
    const clock = new TestClock();
    const source = new MemoryEngine({ options: testOptions, index: testIndex, clock: clock.read });
    const { engine: target, close } = await open(namespace, clock);
    const ledger = new Ledger(undefined);
    const observer = { moved() {}, compared() {} };
    const move = () =>
      migrate({ from: source.moving, to: target.moving, ledger, onConflict: 'fail', observer, onPhase() {} });
    const times = { cacheTtlMs: 1000 };
    const erasers = [new Eraser(source, times, clock.read)];
    const wake = async () => {
      await erasers.at(-1)?.wake();
      clock.advance(HOUR);
      await erasers.at(-1)?.wake();
    };
    try {
      const tenants = new Tenants(source);
      for (const name of ['acme', 'kept']) {
        await tenants.put(name, 'operator', undefined, { status: 'active' });
        await new TestTenant(source, name).put('a', {}, { ttl: null });
        await new TestTenant(source, accessTenantOf(name)).put('key:1', {}, { ttl: null });
      }
      expect(await move()).toMatchObject({ different: [] });
      // Erased and gone at the source before the next run.
      await tenants.erase('acme', 'operator', undefined);
      await wake();
      expect(await move()).toMatchObject({ different: [] });
      const kept = await keysOf(namespace, 'kept');
      expect(await keysOf(namespace, 'acme')).not.toEqual([]);
      // A service starts there.
      erasers.push(new Eraser(target, times, clock.read));
      await wake();
      expect(await keysOf(namespace, 'acme')).toEqual([]);
      expect(await keysOf(namespace, 'kept')).toEqual(kept);
      expect(await new TestTenant(target, ACCESS_TENANT).ids()).toEqual(['erased:acme', 'tenant:kept']);

      // Erased at the target while the source still has it: the mark has moved too.
      await tenants.erase('kept', 'operator', undefined);
      await move();
      await wake();
      expect(await keysOf(namespace, 'kept')).toEqual([]);
    } finally {
      await Promise.all(erasers.map((eraser) => eraser.close()));
      await Promise.all([source.close(), close()]);
    }
  });
});
