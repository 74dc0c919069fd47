import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

const LOST = /Redis has lost its data/;

describe.each(['memory', 'none'])('a Redis that has lost everything, with REDIS_FALLBACK=%s', (fallback) => {
  let redis: RedisProcess;
  let service: ServiceProcess;

  beforeAll(async () => {
    redis = await startRedisProcess();
    service = await startService({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, REDIS_FALLBACK: fallback });
  });

  afterAll(async () => {
    await service.stop();
    await redis.stop();
  });

  const put = () =>
    fetch(`${service.url}/v1/workflows/w`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"state":{}}',
    });
  const isServed = async () => (await fetch(`${service.url}/v1/workflows/w`)).status === 200;
  /** Warnings about storage. None while Redis is away, since the report is about that then. */
  const warnings = async () => {
    const report = (await (await fetch(`${service.url}/health`)).json()) as {
      readonly details: { readonly storage: { readonly warnings?: readonly string[] } };
    };
    return report.details.storage.warnings?.filter((warning) => LOST.test(warning)) ?? [];
  };
  const errors = () =>
    service
      .log()
      .split('\n')
      .filter((line) => LOST.test(line) && line.includes('"level":50'));

  it('is an error in the log and a warning in /health', async () => {
    await put();
    await until(isServed, 'the workflow is served');
    expect([await warnings(), errors()]).toEqual([[], []]);

    const direct = new Redis({ host: '127.0.0.1', port: redis.port });
    await direct.flushall();
    direct.disconnect();
    expect(await warnings()).toEqual([expect.stringMatching(LOST)]);
    await until(() => errors().length === 1, 'the log says so');

    await until(async () => (await put()).status < 300, 'the store takes writes');
    await redis.kill();
    await redis.restart();
    await until(() => errors().length === 2, 'the restart without files is noticed');
    await until(async () => (await warnings()).length === 1, 'the warning is shown');
    expect(errors()).toHaveLength(2);
  });
});
