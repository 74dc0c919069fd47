import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { accessTenantOf } from '../../src/engine/profile.js';
import { prefixOf, tenantsKey } from '../../src/engine/redis/keys.js';
import { call, bearer, tenantWithKey } from '../support/migration-load.js';
import { AS_OPERATOR, OPERATOR_TOKEN } from '../support/operator.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

const TENANTS = 10_000;
const RESTORED_AT_ONCE = 1000;
const MAX_CALLS_PER_SECOND = 2;
/** Idle tenants are swept in groups, one a minute. */
const MEASURED_MS = 60_000;
const TIMEOUT_MS = 600_000;
/** As monitoring asks. */
const SCRAPE_MS = 10_000;
/** Mean time between two sweeps of an idle tenant. */
const ROUND_MS = 9 * 60 * 60 * 1000;
const GROUP_MS = 60_000;

describe(`A replica with ${TENANTS} idle tenants`, () => {
  let server: RedisProcess;
  let redis: Redis;
  let service: ServiceProcess;
  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis(server.port, '127.0.0.1');
    service = await startService({
      REDIS_URL: `redis://127.0.0.1:${server.port}`,
      ADMIN_TOKEN: OPERATOR_TOKEN,
    });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await service.stop();
    redis.disconnect();
    await server.stop();
  });

  /** Gives other tenants copies of all keys of this one, and of its hidden tenant. */
  async function copyTenant(tenant: string, copies: readonly string[]): Promise<void> {
    const template: { readonly hidden: boolean; readonly name: string; readonly value: Buffer }[] = [];
    for (const hidden of [false, true]) {
      const prefix = prefixOf('', hidden ? accessTenantOf(tenant) : tenant);
      for (const key of (await redis.keys('*')).filter((one) => one.startsWith(prefix))) {
        const [value, ttl] = await Promise.all([redis.dumpBuffer(key), redis.pttl(key)]);
        // Keys that expire do not exist in an idle tenant.
        if (ttl < 0) template.push({ hidden, name: key.slice(prefix.length), value });
      }
    }
    for (let at = 0; at < copies.length; at += RESTORED_AT_ONCE) {
      const pipeline = redis.pipeline();
      for (const copy of copies.slice(at, at + RESTORED_AT_ONCE)) {
        for (const { hidden, name, value } of template)
          pipeline.restore(prefixOf('', hidden ? accessTenantOf(copy) : copy) + name, 0, value);
      }
      await pipeline.exec();
    }
  }

  it(
    `makes at most ${MAX_CALLS_PER_SECOND} store calls a second, whatever it is for (invariant 26)`,
    async () => {
      const { url } = service;
      const key = await tenantWithKey(url, 'acme');
      const use = () => call(url, 'PUT', '/v1/workflows/w', { state: {}, ttlSeconds: null }, bearer(key));
      expect((await use()).status).toBe(201);
      await call(url, 'POST', '/v1/queues/q/tasks', { payload: 1 }, bearer(key));
      const names = Array.from({ length: TENANTS }, (_, i) => `t-${i}`);
      await copyTenant('acme', names);
      // As after a day: every tenant is due once in a while, at a time of its own. None has an announced write.
      const all = names.flatMap((name) => [name, accessTenantOf(name)]);
      const start = Date.now();
      const dueMs = (i: number) => Math.ceil((start + (i / all.length) * ROUND_MS) / GROUP_MS) * GROUP_MS;
      const dues = all.flatMap((name, i) => [String(dueMs(i)), name]);
      await redis.zadd(tenantsKey(''), ...dues);

      // A client of the feed, a key that was verified, a limit that was taken from.
      const listening = new AbortController();
      const events = await fetch(`${url}/v1/events`, {
        headers: { ...bearer(key), accept: 'text/event-stream' },
        signal: listening.signal,
      });
      expect(events.status).toBe(200);
      expect((await use()).status).toBe(200);

      // The statistics of Redis also count the commands inside of scripts, so each command is looked at.
      const calls = new Map<string, number>();
      const monitor = await redis.monitor();
      monitor.on('monitor', (_time: string, [command = '']: string[], source: string) => {
        if (source !== 'lua') calls.set(command.toLowerCase(), (calls.get(command.toLowerCase()) ?? 0) + 1);
      });
      try {
        const swept = async () => (await redis.zcount(tenantsKey(''), '-inf', Date.now())) === 0;
        await until(swept, 'the sweeper keeps up');
        calls.clear();
        const measured = performance.now();
        let own = 0;
        while (performance.now() - measured < MEASURED_MS) {
          for (const path of ['/metrics', '/health'])
            expect((await call(url, 'GET', path, undefined, AS_OPERATOR).catch(() => ({ status: 200 }))).status).toBe(
              200,
            );
          own++;
          await sleep(SCRAPE_MS);
        }
        const seconds = (performance.now() - measured) / 1000;
        // That of `until`.
        calls.delete('zcount');
        const sum = [...calls.values()].reduce((total, count) => total + count, 0);
        process.stdout.write(
          `${TENANTS} idle tenants, each with a hidden one: ${(sum / seconds).toFixed(2)} store calls/s with ${own} scrapes, ` +
            `${JSON.stringify(Object.fromEntries(calls))}\n`,
        );
        expect(calls.size).toBeGreaterThan(0);
        expect(sum / seconds).toBeLessThanOrEqual(MAX_CALLS_PER_SECOND);
      } finally {
        listening.abort();
        monitor.disconnect();
      }
    },
    TIMEOUT_MS,
  );
});
