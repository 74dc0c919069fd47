import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';

Logger.overrideLogger(false);

describe('a Redis that is demoted to a replica', () => {
  let servers: RedisProcess[];
  let direct: Redis;
  let service: OpenService;

  beforeAll(async () => {
    servers = [await startRedisProcess(), await startRedisProcess()];
    direct = new Redis({ host: '127.0.0.1', port: servers[0]?.port as number });
    service = await openService({ REDIS_URL: `redis://127.0.0.1:${servers[0]?.port}` });
  });

  afterAll(async () => {
    await service.close();
    direct.disconnect();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('counts as unreachable from the first write that it refuses', async () => {
    await service.call('PUT', '/v1/workflows/before', { state: 1 });
    await direct.call('REPLICAOF', '127.0.0.1', String(servers[1]?.port));
    const written = await service.call('PUT', '/v1/workflows/after', { state: 2 });
    expect([written.status, written.headers.get('x-waymark-storage')]).toEqual([201, 'detached; volatile']);
  });
});
