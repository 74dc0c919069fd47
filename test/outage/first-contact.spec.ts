import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rightsOf, startAcl } from '../support/redis-kinds/acl.js';
import { startTls } from '../support/redis-kinds/tls.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { openService, type OpenService } from '../support/open-service.js';
import { startService } from '../support/service-process.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

describe('A start with settings that Redis refuses', () => {
  const endOf = (env: Record<string, string>) =>
    openService({ REDIS_SOCKET_CONNECT_TIMEOUT: '5s', ...env }).then(
      async (service) => {
        await service.close();
        return 'it serves';
      },
      ({ message }: Error) => message,
    );

  it('ends the process', async () => {
    const redis = await startRedisProcess('--requirepass', 'secret');
    const start = startService({ REDIS_URL: `redis://:wrong@127.0.0.1:${redis.port}` });
    await expect(start).rejects.toThrow(/ended with code 1:[^]*cannot start[^]*refuses the user or password/);
    await redis.stop();
  });

  it.each(['memory', 'none'])('has the reason: credentials (REDIS_FALLBACK=%s)', async (fallback) => {
    const redis = await startRedisProcess('--requirepass', 'secret');
    const [wrong, none] = await Promise.all([
      endOf({ REDIS_URL: `redis://:wrong@127.0.0.1:${redis.port}`, REDIS_FALLBACK: fallback }),
      endOf({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, REDIS_FALLBACK: fallback }),
    ]);
    await redis.stop();
    expect(wrong).toMatch(/cannot be used with these settings: it refuses the user or password/);
    expect(none).toMatch(/cannot be used with these settings: it requires a password/);
  });

  it('has the reason: a right that the user lacks', async () => {
    const redis = await startAcl([...rightsOf('ns-'), '-evalsha', '-eval']);
    const end = await endOf(redis.env);
    await redis.stop();
    expect(end).toMatch(/its user lacks a right [^]*NOPERM/);
  });

  it('has the reason: TLS', async () => {
    const [tls, plain] = await Promise.all([startTls(), startRedisProcess()]);
    const ends = await Promise.all([
      endOf({ REDIS_URL: `redis://127.0.0.1:${tls.port}` }),
      endOf({ REDIS_URL: `rediss://127.0.0.1:${plain.port}` }),
      endOf({ REDIS_URL: `rediss://127.0.0.1:${tls.port}` }),
    ]);
    await Promise.all([tls.stop(), plain.stop()]);
    const [plainToTls, tlsToPlain, unknownAuthority] = ends;
    expect(plainToTls).toContain('it speaks TLS on this port');
    expect(tlsToPlain).toContain('it speaks no TLS on this port');
    expect(unknownAuthority).toContain('REDIS_TLS_CA');
  });
});

describe('A start while Redis cannot be reached', () => {
  let redis: RedisProcess;
  let proxy: TcpProxy;
  let url: string;

  beforeAll(async () => {
    redis = await startRedisProcess();
    proxy = await startProxy(redis.port);
    url = `redis://127.0.0.1:${proxy.port}`;
  });
  afterAll(async () => {
    await proxy.close();
    await redis.stop();
  });

  const put = (service: OpenService) => service.call('PUT', '/v1/workflows/w', { state: { n: 1 } });
  const ready = async (service: OpenService) => (await service.call('GET', '/health/ready')).status;
  const storageOf = async (service: OpenService) => (await service.call('GET', '/health')).json.details.storage;

  it('serves from memory, says that it has never connected, and is ready from the first contact on', async () => {
    proxy.down();
    const service = await openService({ REDIS_URL: url });
    const answer = await put(service);
    expect([answer.status, answer.headers.get('x-waymark-storage')]).toEqual([201, 'detached; volatile']);
    expect(await ready(service)).toBe(503);
    const health = await service.call('GET', '/health');
    expect([health.status, health.json.status]).toEqual([200, 'degraded']);
    expect(health.json.details.storage.warnings.join()).toContain('never connected');
    proxy.up();
    await until(async () => (await ready(service)) === 200, 'it is ready');
    proxy.down();
    await until(async () => (await storageOf(service)).mode === 'detached', 'it is detached');
    expect(await ready(service)).toBe(200);
    await service.close();
  });

  it.each<readonly [string, (address: string) => Readonly<Record<string, string>>]>([
    ['an unknown host', () => ({ REDIS_URL: 'redis://no-such-host.invalid:6379' })],
    ['sentinels', (address) => ({ REDIS_SENTINELS: address, REDIS_SENTINEL_MASTER: 'master' })],
    ['nodes of a Cluster', (address) => ({ REDIS_CLUSTER_NODES: address, REDIS_NAMESPACE: '{all}' })],
  ])('does so for %s too', async (_of, env) => {
    proxy.down();
    const service = await openService(env(`127.0.0.1:${proxy.port}`));
    expect([(await put(service)).status, await ready(service)]).toEqual([201, 503]);
    await service.close();
  });

  it('is ready if its journal shows an earlier contact, or READY_WITHOUT_REDIS is set', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'waymark-contact-'));
    proxy.up();
    const env = { REDIS_URL: url, DATA_DIR: dataDir };
    await (await openService(env)).close();
    proxy.down();
    const again = await openService(env);
    const without = await openService({ REDIS_URL: url, READY_WITHOUT_REDIS: 'true' });
    expect([await ready(again), await ready(without)]).toEqual([200, 200]);
    await Promise.all([again.close(), without.close()]);
    await rm(dataDir, { recursive: true, force: true });
  });
});
