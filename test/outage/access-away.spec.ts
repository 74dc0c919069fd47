import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AS_OPERATOR, OPERATOR_TOKEN } from '../support/operator.js';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const CACHE_MS = 1000;

describe.each(['memory', 'none'])('Keys while Redis is unreachable, with the fallback %s', (fallback) => {
  let redis: RedisProcess;
  let proxy: TcpProxy;
  let service: OpenService;
  beforeAll(async () => {
    redis = await startRedisProcess();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    proxy = await startProxy(redis.port);
    service = await openService({
      REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
      REDIS_FALLBACK: fallback,
      // Longer than a busy machine takes: the proxy refuses at once.
      REDIS_SOCKET_TIMEOUT: '30s',
      ACCESS_CACHE_TTL: `${CACHE_MS}ms`,
      ADMIN_TOKEN: OPERATOR_TOKEN,
      RATE_LIMIT_ENABLED: 'false',
    });
  });
  afterEach(async () => {
    await service.close();
    await proxy.close();
  });

  const make = async (body: object = {}) => {
    const asked = { name: 'x', role: 'reader', ...body };
    const { status, json } = await service.call('POST', '/v1/keys', asked, AS_OPERATOR);
    expect([status, json]).toEqual([201, expect.anything()]);
    return json as { id: string; key: string };
  };
  const ask = (token: string) => service.call('GET', '/v1/whoami', undefined, { authorization: `Bearer ${token}` });
  const leave = async () => {
    proxy.down();
    const list = () => service.call('GET', '/v1/keys', undefined, AS_OPERATOR);
    await until(async () => (await list()).status === 503, 'Redis is away');
  };

  it('go on if they were verified here, and others are neither accepted nor refused', async () => {
    const [known, unknown] = [await make(), await make()];
    expect((await ask(known.key)).status).toBe(200);
    await leave();
    const leftAt = performance.now();
    // Longer than it is believed without a look at the store.
    while (performance.now() - leftAt < 2 * CACHE_MS) expect((await ask(known.key)).status).toBe(200);
    const refused = await ask(unknown.key);
    expect([refused.status, refused.json.code]).toEqual([503, 'ACCESS_UNKNOWN']);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await ask(OPERATOR_TOKEN)).status).toBe(200);
    for (const [method, path, body] of [
      ['POST', '/v1/keys', { name: 'x' }],
      ['POST', `/v1/keys/${known.id}/revoke`, undefined],
      ['PUT', '/v1/tenants/acme', {}],
    ] as const)
      expect([path, (await service.call(method, path, body, AS_OPERATOR)).status]).toEqual([path, 503]);
    proxy.up();
    await until(async () => (await ask(unknown.key)).status === 200, 'the unknown key is verified');
  });

  it('end at their own expiry', async () => {
    const short = await make({ ttlSeconds: 3 });
    expect((await ask(short.key)).status).toBe(200);
    await leave();
    await until(async () => (await ask(short.key)).status !== 200, 'the key ends');
    const { status, json } = await ask(short.key);
    expect([status, json.code]).toEqual([503, 'ACCESS_UNKNOWN']);
    proxy.up();
    await until(
      async () => (await ask(short.key)).json.code === 'CREDENTIAL_EXPIRED',
      'the store says that it expired',
    );
  });

  it('that were revoked elsewhere meanwhile are refused when Redis is back', async () => {
    const { id, key } = await make();
    const other = await openService({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, ADMIN_TOKEN: OPERATOR_TOKEN });
    try {
      expect((await ask(key)).status).toBe(200);
      await leave();
      await other.call('POST', `/v1/keys/${id}/revoke`, undefined, AS_OPERATOR);
      expect((await ask(key)).status).toBe(200);
      proxy.up();
      await until(async () => (await ask(key)).status === 401, 'the revocation is heard');
    } finally {
      await other.close();
    }
  });
});
