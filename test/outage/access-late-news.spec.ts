import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AS_OPERATOR, OPERATOR_TOKEN } from '../support/operator.js';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

describe('A replica that changes who may do what, while messages of Redis are late', () => {
  let redis: RedisProcess;
  let proxy: TcpProxy;
  let service: OpenService;
  beforeAll(async () => {
    redis = await startRedisProcess();
    proxy = await startProxy(redis.port);
    service = await openService({
      REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
      ACCESS_CACHE_TTL: '10m',
      ADMIN_TOKEN: OPERATOR_TOKEN,
    });
  });
  afterAll(async () => {
    await service.close();
    await proxy.close();
    await redis.stop();
  });

  const asOperator = async (method: string, path: string, body?: object) => {
    const isOfTenant = path.startsWith('/v1/keys');
    const headers = { ...AS_OPERATOR, ...(isOfTenant && { 'waymark-tenant': 'acme' }) };
    const { status, json } = await service.call(method, path, body, headers);
    expect([path, Math.floor(status / 100)]).toEqual([path, 2]);
    return json as { readonly id: string; readonly key: string };
  };
  const statusOf = async (token: string) =>
    (await service.call('GET', '/v1/whoami', undefined, { authorization: `Bearer ${token}` })).status;

  it('applies its own change to the next request', async () => {
    await asOperator('PUT', '/v1/tenants/acme', {});
    const { id, key } = await asOperator('POST', '/v1/keys', { name: 'x', role: 'reader' });
    expect(await statusOf(key)).toBe(200);
    proxy.muteSubscriptions();
    await asOperator('PATCH', '/v1/tenants/acme', { status: 'suspended' });
    expect(await statusOf(key)).toBe(403);
    await asOperator('PATCH', '/v1/tenants/acme', { status: 'active' });
    expect(await statusOf(key)).toBe(200);
    await asOperator('POST', `/v1/keys/${id}/revoke`);
    expect(await statusOf(key)).toBe(401);
  });
});
