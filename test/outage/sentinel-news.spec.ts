import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { ScriptedSentinel } from '../support/scripted-sentinel.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

describe('a replica that asks a sentinel for the master', () => {
  let servers: [RedisProcess, RedisProcess];
  let sentinel: ScriptedSentinel;
  let service: OpenService;

  beforeAll(async () => {
    servers = [await startRedisProcess(), await startRedisProcess()];
    sentinel = await ScriptedSentinel.start(servers[0].port);
    service = await openService({
      REDIS_SENTINELS: `127.0.0.1:${sentinel.port}`,
      REDIS_SENTINEL_MASTER: 'the-master',
      REDIS_FALLBACK: 'none',
    });
  });

  afterAll(async () => {
    await service.close();
    await sentinel.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('still connects when the sentinel reports another master before it answers', async () => {
    const write = async () => (await service.call('PUT', '/v1/workflows/w', { state: 1 })).status;
    expect(await write()).toBe(201);
    await sentinel.subscribed();
    const asked = sentinel.holdAnswers();
    await servers[0].kill();
    await asked;
    await sentinel.switchTo(servers[1].port);
    sentinel.answer();
    await until(async () => (await write()) === 201, 'the new master takes writes', 30_000);
  });
});
