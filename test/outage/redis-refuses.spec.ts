import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const PATH = '/v1/workflows/w';

describe('a Redis that answers and refuses', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let service: OpenService;

  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
    service = await openService({ REDIS_URL: `redis://127.0.0.1:${redis.port}` });
    expect((await put()).status).toBe(201);
  });
  afterAll(async () => {
    await service.close();
    direct.disconnect();
    await redis.stop();
  });

  const put = () => service.call('PUT', PATH, { state: { n: 1 } });
  const get = () => service.call('GET', PATH);
  const storage = async () => (await get()).headers.get('x-waymark-storage');
  const ready = () => service.call('GET', '/health/ready');

  it('all writes for want of replicas leaves reads, and the service is not ready', async () => {
    await direct.config('SET', 'min-replicas-to-write', '1');
    expect((await put()).status).toBe(503);
    expect((await get()).status).toBe(200);
    const refused = await ready();
    expect([refused.status, refused.json.details.storage]).toEqual([
      503,
      { status: 'down', engine: 'redis', refusesWrites: true },
    ]);
    const { details } = (await service.call('GET', '/health')).json;
    expect(details.storage.warnings).toContainEqual(expect.stringMatching(/^Redis refuses writes: NOREPLICAS/));

    await direct.config('SET', 'min-replicas-to-write', '0');
    expect((await ready()).status).toBe(200);
    expect((await put()).status).toBe(200);
  });

  it('all writes still shows a task whose lease is over, as it is stored', async () => {
    await service.call('POST', '/v1/queues/q/tasks', { id: 'a', payload: 1 });
    const claim = await service.call('POST', '/v1/queues/q/claims', { leaseMs: 1000 });
    await direct.config('SET', 'min-replicas-to-write', '1');
    const ends = Date.parse(claim.json.tasks[0].leaseExpiresAt);
    await until(() => Date.now() > ends, 'the lease is over');
    const shown = await service.call('GET', '/v1/tasks/a');
    expect([shown.status, shown.json.status]).toEqual([200, 'leased']);
    await direct.config('SET', 'min-replicas-to-write', '0');
    expect((await service.call('GET', '/v1/tasks/a')).json).toMatchObject({ status: 'ready', attempt: 1 });
  });

  it('writes for want of memory keeps the service ready, since deletes and ends of tasks go on', async () => {
    await direct.config('SET', 'maxmemory', '1mb');
    expect((await put()).json.code).toBe('STORE_FULL');
    expect((await ready()).status).toBe(200);
    await direct.config('SET', 'maxmemory', '0');
  });

  it('everything while a script runs counts as away: the service goes on detached', async () => {
    // For readers of held copies.
    expect(await storage()).toBe('redis');
    await direct.config('SET', 'lua-time-limit', '10');
    const other = direct.duplicate();
    const ended = other.eval('while true do end', 0).catch((error: Error) => error.message);
    try {
      await until(async () => (await storage()) === 'detached; volatile', 'it is detached');
      const [read, written] = [await get(), await put()];
      expect([read.status, written.status]).toEqual([200, 200]);
      expect(written.headers.get('x-waymark-storage')).toBe('detached; volatile');
      const { status, json } = await ready();
      expect([status, json.status]).toEqual([200, 'degraded']);
    } finally {
      await direct.script('KILL');
      expect(await ended).toContain('killed');
      other.disconnect();
    }
    await until(async () => (await storage()) === 'redis', 'it is attached again');
    expect((await get()).json.version).toBeGreaterThan(1);
  });

  it('tells probes nothing of its version, its memory or its settings', async () => {
    expect((await ready()).json.details.storage).toEqual({
      status: 'up',
      engine: 'redis',
      condition: expect.any(String),
    });
    expect((await service.call('GET', '/health')).json.details.storage).toHaveProperty('redisVersion');
  });
});
