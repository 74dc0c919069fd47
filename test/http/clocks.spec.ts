import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { openService, type OpenService } from '../support/open-service.js';
import { ForkingRedis } from '../support/forking-redis.js';
import { WITH_OPERATOR, AS_OPERATOR } from '../support/operator.js';
import { startRedisProcess } from '../support/redis-process.js';
import { canShiftClocks, startShiftedRedis } from '../support/shifted-redis.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

/** Longer than a busy machine needs. */
const PATIENT = { REDIS_SOCKET_TIMEOUT: '20s', REDIS_SOCKET_CONNECT_TIMEOUT: '20s' };

// Attach reads the environment of the process.
Object.assign(process.env, PATIENT);

const ends: (() => unknown)[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const end of ends.splice(0).toReversed()) await end();
});

/** Moves the clock of this process, which is that of the service. */
function setClock(byMs: number): void {
  const now = Date.now.bind(Date);
  jest.spyOn(Date, 'now').mockImplementation(() => now() + byMs);
}

async function serve(env: Readonly<Record<string, string>>): Promise<OpenService> {
  const service = await openService({ ...PATIENT, ...env });
  ends.push(() => service.close());
  return service;
}

async function commandsOf(redis: Redis): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);
}

describe('a service whose clock is ahead of that of Redis', () => {
  it('asks a few times while a request waits for a workflow that is about to expire there', async () => {
    const server = await startRedisProcess();
    ends.push(() => server.stop());
    const redis = new Redis({ host: '127.0.0.1', port: server.port });
    ends.push(() => redis.disconnect());
    const service = await serve({ REDIS_URL: `redis://127.0.0.1:${server.port}` });
    const { json } = await service.call('PUT', '/v1/workflows/w', { state: 1, ttlSeconds: 60 });
    setClock(120_000);
    const before = await commandsOf(redis);
    const headers = { prefer: 'wait=3', 'if-none-match': json.etag };
    const answer = await service.call('GET', '/v1/workflows/w', undefined, headers);
    expect(answer.status).toBe(304);
    expect((await commandsOf(redis)) - before).toBeLessThan(100);
  });
});

describe('an embedded service whose clock is set back', () => {
  it('still ends leases', async () => {
    const service = await serve({});
    await service.call('POST', '/v1/queues/q/tasks', { payload: 1 });
    const claim = () => service.call('POST', '/v1/queues/q/claims', { leaseMs: 1000, waitMs: 0 });
    expect((await claim()).status).toBe(200);
    setClock(-2 * 3_600_000);
    await until(async () => (await claim()).status === 200, 'the task is claimed again');
  });
});

describe('a service that moves to a Redis with another clock', () => {
  it.each([
    ['ahead', -120_000],
    ['behind', 120_000],
  ])('leaves leases and deadlines the time they have left, with Redis %s', async (_name, skewMs) => {
    const server = await startRedisProcess();
    ends.push(() => server.stop());
    const redis = new Redis({ host: '127.0.0.1', port: server.port });
    ends.push(() => redis.disconnect());
    setClock(skewMs);
    const service = await serve({ ...WITH_OPERATOR, LOG_LEVEL: 'fatal' });
    const call = (method: string, path: string, body?: unknown) => service.call(method, path, body, AS_OPERATOR);
    await call('PUT', '/v1/workflows/w', { state: 1, ttlSeconds: 100 });
    await call('POST', '/v1/queues/q/tasks', { payload: 1 });
    const [task] = (await call('POST', '/v1/queues/q/claims', { leaseMs: 60_000 })).json.tasks;
    await call('POST', '/v1/admin/attach', { redisUrl: `redis://127.0.0.1:${server.port}` });
    const status = async () => (await call('GET', '/v1/admin/attach')).json;
    await until(async () => ['done', 'failed'].includes((await status()).phase), 'the move is over');
    expect(await status()).toMatchObject({ phase: 'done', error: null });
    const leftMs = await redis.pttl('document_workflow:w');
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(100_000);
    expect((await call('GET', '/v1/workflows/w')).status).toBe(200);
    const empty = await call('POST', '/v1/queues/q/claims', { waitMs: 0 });
    expect(empty.status).toBe(204);
    expect(Number(empty.headers.get('x-next-due-ms'))).toBeLessThanOrEqual(60_000);
    const { leaseToken } = task as { leaseToken: string };
    expect((await call('POST', `/v1/tasks/${task.id}/heartbeat`, { leaseToken })).status).toBe(200);
  });
});

(canShiftClocks ? describe : describe.skip)('the health and the metrics of a service', () => {
  const HOUR = 3_600_000;
  const storageOf = async (service: OpenService) => {
    const { json } = await service.call('GET', '/health');
    return json.details.storage as { warnings: string[]; clockSkewMs: number | null; timeAheadMs: number };
  };
  const warningsOf = async (service: OpenService) => (await storageOf(service)).warnings.join('\n');

  it('tell of a replica of Redis whose clock is behind', async () => {
    const redis = await ForkingRedis.start(undefined, (...more) => startShiftedRedis(-HOUR, ...more));
    ends.push(() => redis.stop());
    const service = await serve({ REDIS_URL: `redis://127.0.0.1:${redis.port}` });
    const warning = /^the clock of the replica 127\.0\.0\.1:\d+ is 3600 s behind that of this service: synchronise/m;
    await until(async () => warning.test(await warningsOf(service)), 'the warning is there', 20_000);
    expect(await warningsOf(service)).not.toContain(`clock of 127.0.0.1:${redis.port}`);
    expect((await storageOf(service)).clockSkewMs).toBeGreaterThan(HOUR - 1000);
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    const aheadOf = (role: string) =>
      Number(new RegExp(`^waymark_redis_clock_ahead_seconds\\{.*role="${role}"\\} (.+)$`, 'm').exec(metrics)?.[1]);
    expect(Math.round(aheadOf('replica'))).toBe(-3600);
    expect(Math.round(aheadOf('master'))).toBe(0);
  });

  it('tell of a clock of their own that differs', async () => {
    const server = await startRedisProcess();
    ends.push(() => server.stop());
    setClock(-120_000);
    const service = await serve({ REDIS_URL: `redis://127.0.0.1:${server.port}` });
    const warning = new RegExp(
      `^the clock of 127\\.0\\.0\\.1:${server.port} is 1(19\\.\\d|20) s ahead of that of this service`,
      'm',
    );
    await until(async () => warning.test(await warningsOf(service)), 'the warning is there', 20_000);
  });

  it('tell of a clock of Redis that was set back', async () => {
    const server = await startShiftedRedis(0);
    ends.push(() => server.stop());
    const service = await serve({ REDIS_URL: `redis://127.0.0.1:${server.port}` });
    await service.call('PUT', '/v1/workflows/w', { state: 1 });
    expect(await storageOf(service)).toMatchObject({ timeAheadMs: 0 });
    server.shift(-HOUR);
    const warning = /^time goes on 3(5\d\d\.\d|600) s ahead of the clock of Redis/m;
    await until(async () => warning.test(await warningsOf(service)), 'the warning is there', 20_000);
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(Number(/^waymark_redis_time_ahead_seconds (.+)$/m.exec(metrics)?.[1])).toBeGreaterThan(3500);
  });
});
