import { expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { LastUsed } from '../../src/access/keys/last-used.js';
import { Config } from '../../src/config/config.js';
import { Engine } from '../../src/engine/engine.js';
import { accessTenantOf } from '../../src/engine/profile.js';
import { prefixOf } from '../../src/engine/redis/keys.js';
import { describeService, type Answer, type Service } from '../support/describe-service.js';
import { OPERATIONS } from '../support/operations.js';
import { OPERATOR_TOKEN } from '../support/operator.js';
import { until } from '../support/until.js';

const codeOf = ({ status, json }: Answer) => [status, json?.code];
const inside = (tenant: string) => ({ headers: { 'waymark-tenant': tenant } });

let names = 0;
/** A new tenant with a key of its administrator. */
async function tenantWithKey(service: Service): Promise<{ readonly name: string; readonly token: string }> {
  const name = `tenant-${++names}`;
  expect((await service.put(`/v1/tenants/${name}`, {})).status).toBe(201);
  const made = await service.post('/v1/keys', { name: 'admin', role: 'admin' }, inside(name));
  return { name, token: made.json.key };
}

/** What the store has of a tenant and of its hidden tenant: names of keys in Redis, of tenants in memory. */
async function leftOf(service: Service, tenant: string): Promise<readonly string[]> {
  const { redis: config } = service.app.get(Config);
  const names = [tenant, accessTenantOf(tenant)];
  if (config === undefined)
    return (await service.app.get(Engine).moving.listTenants()).filter((name) => names.includes(name));
  const redis = new Redis({ host: config.host, port: config.port });
  try {
    const keys = await redis.keys(`*${tenant}*`);
    return keys.filter((key) => names.some((name) => key.startsWith(prefixOf(config.namespace, name))));
  } finally {
    redis.disconnect();
  }
}

describeService(
  'Tenants',
  (service) => {
    it('are made by operators, and their keys work', async () => {
      const { name, token } = await tenantWithKey(service);
      expect(token).toMatch(new RegExp(`^wmk_${name}_`));
      expect((await service.get('/v1/whoami', { token })).json).toMatchObject({ tenant: name, role: 'admin' });
      const again = await service.put(`/v1/tenants/${name}`, { status: 'active' });
      expect([again.status, again.json]).toMatchObject([200, { name, status: 'active', limits: {} }]);
      expect((await service.get(`/v1/tenants/${name}`)).json).toEqual(again.json);
      expect(codeOf(await service.put('/v1/tenants/x', {}, { token }))).toEqual([403, 'INSUFFICIENT_SCOPE']);
    });

    it('do not exist unless they were made, except one', async () => {
      expect(codeOf(await service.get('/v1/tenants/nobody'))).toEqual([404, 'TENANT_NOT_FOUND']);
      expect(codeOf(await service.post('/v1/keys', { name: 'x' }, inside('nobody')))).toEqual([
        404,
        'TENANT_NOT_FOUND',
      ]);
      expect((await service.get('/v1/tenants/default')).json).toMatchObject({ name: 'default', status: 'active' });
      expect(codeOf(await service.call('PATCH', '/v1/tenants/nobody', { json: {} }))).toEqual([
        404,
        'TENANT_NOT_FOUND',
      ]);
      for (const name of ['.access', 'Upper', 'a:b', 'x'.repeat(64)])
        expect(codeOf(await service.put(`/v1/tenants/${name}`, {}))).toEqual([422, 'INVALID_ID']);
    });

    it('see only what is theirs, also under the same ids', async () => {
      const [one, two] = [await tenantWithKey(service), await tenantWithKey(service)];
      const path = `/v1/workflows/${service.id()}`;
      for (const { name, token } of [one, two])
        expect((await service.put(path, { state: name }, { token })).status).toBe(201);
      for (const { name, token } of [one, two]) {
        expect((await service.get(path, { token })).json.state).toBe(name);
        expect((await service.get(path, inside(name))).json.state).toBe(name);
        expect((await service.get('/v1/workflows', { token })).json.items).toHaveLength(1);
        const { items } = (await service.get('/v1/keys', { token })).json;
        expect(items.map((key: { tenant: string }) => key.tenant)).toEqual([name]);
      }
      expect((await service.get(path)).status).toBe(404);
    });

    it('are suspended at once, keep their data, and come back', async () => {
      const { name, token } = await tenantWithKey(service);
      const path = `/v1/workflows/${service.id()}`;
      await service.put(path, { state: 1 }, { token });
      const change = (status: string) => service.call('PATCH', `/v1/tenants/${name}`, { json: { status } });
      expect((await change('suspended')).json.status).toBe('suspended');
      expect(codeOf(await service.get(path, { token }))).toEqual([403, 'TENANT_SUSPENDED']);
      // Operators still see what is there.
      expect((await service.get(path, inside(name))).json.state).toBe(1);
      expect((await change('active')).json.status).toBe('active');
      expect((await service.get(path, { token })).json.state).toBe(1);
    });

    it('that always exists is never suspended', async () => {
      for (const method of ['PUT', 'PATCH'])
        expect(codeOf(await service.call(method, '/v1/tenants/default', { json: { status: 'suspended' } }))).toEqual([
          422,
          'INVALID_BODY',
        ]);
      const limits = { quick: { limit: 600, windowMs: 1000, burst: 5, per: 'tenant', mode: 'enforce' } };
      expect((await service.call('PATCH', '/v1/tenants/default', { json: { limits } })).json.limits).toEqual(limits);
      expect((await service.get('/v1/tenants')).json.items.map(({ name }: { name: string }) => name)).toContain(
        'default',
      );
      expect((await service.call('PATCH', '/v1/tenants/default', { json: { limits: {} } })).json.limits).toEqual({});
    });

    it('have limits of their own, which hold at once', async () => {
      const { name, token } = await tenantWithKey(service);
      const limits = { read: { limit: 1, windowMs: 60_000, burst: 1 } };
      const path = `/v1/workflows/${service.id()}`;
      expect((await service.get(path, { token })).status).toBe(404);
      const changed = await service.call('PATCH', `/v1/tenants/${name}`, { json: { limits } });
      expect(changed.json.limits).toEqual({
        read: { limit: 1, windowMs: 60_000, burst: 1, per: 'tenant', mode: 'enforce' },
      });
      expect((await service.get(path, { token })).status).toBe(404);
      expect(codeOf(await service.get(path, { token }))).toEqual([429, 'RATE_LIMITED']);
      const wrong = await service.call('PATCH', `/v1/tenants/${name}`, { json: { limits: { read: { limit: 0 } } } });
      expect(codeOf(wrong)).toEqual([422, 'INVALID_BODY']);
      expect(wrong.json.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(
        expect.arrayContaining(['/limits/read/limit', '/limits/read/windowMs']),
      );
    });

    it('change under conditions', async () => {
      const name = `tenant-${++names}`;
      const put = (headers: Record<string, string>, json: object = {}) =>
        service.call('PUT', `/v1/tenants/${name}`, { headers, json });
      expect(codeOf(await put({ 'if-match': '"abcdefghijkl-1"' }))).toEqual([412, 'VERSION_CONFLICT']);
      const made = await put({ 'if-none-match': '*' });
      expect(made.status).toBe(201);
      expect(codeOf(await put({ 'if-none-match': '*' }))).toEqual([412, 'ALREADY_EXISTS']);
      const tag = made.headers.get('etag') as string;
      const changed = await put({ 'if-match': tag }, { status: 'suspended' });
      expect(changed.status).toBe(200);
      expect((await put({ 'if-match': tag })).status).toBe(412);
      expect((await service.get(`/v1/tenants/${name}`)).headers.get('etag')).toBe(changed.headers.get('etag'));
    });

    it('are listed in pages', async () => {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Answer = await service.get(`/v1/tenants?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`);
        seen.push(...page.json.items.map(({ name }: { name: string }) => name));
        cursor = page.json.nextCursor;
      } while (cursor !== null);
      expect(seen).toEqual(
        (await service.get('/v1/tenants?limit=1000')).json.items.map(({ name }: { name: string }) => name),
      );
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.length).toBeGreaterThan(3);
    });

    it('have settings, kept digit by digit, which their administrators change', async () => {
      const { name, token } = await tenantWithKey(service);
      expect((await service.get('/v1/tenant', { token })).json).toEqual({
        name,
        status: 'active',
        limits: {},
        settings: {},
      });
      const patch = (body: string, headers: Record<string, string> = {}) =>
        service.call('PATCH', '/v1/tenant/settings', {
          token,
          body,
          headers: { 'content-type': 'application/merge-patch+json', ...headers },
        });
      const first = await patch('{"ratio":1.50,"region":"eu","gone":null}');
      expect([first.status, first.text]).toEqual([200, '{"ratio":1.50,"region":"eu"}']);
      const tag = first.headers.get('etag') as string;
      const second = await patch('{"region":null,"deep":{"a":1}}', { 'if-match': tag });
      expect(second.text).toBe('{"ratio":1.50,"deep":{"a":1}}');
      expect((await patch('{}', { 'if-match': tag })).status).toBe(412);
      const shown = await service.get('/v1/tenant', { token });
      expect(shown.text).toContain('"settings":{"ratio":1.50,"deep":{"a":1}}');
      expect(shown.headers.get('etag')).toBe(second.headers.get('etag'));
      expect((await patch('[]')).status).toBe(422);
      const reader = await service.post('/v1/keys', { name: 'reader', role: 'reader' }, { token });
      expect((await service.get('/v1/tenant', { token: reader.json.key })).json.name).toBe(name);
      const refused = await service.call('PATCH', '/v1/tenant/settings', { token: reader.json.key, json: {} });
      expect(codeOf(refused)).toEqual([403, 'INSUFFICIENT_SCOPE']);
    });

    it('are erased with everything they have, and their name is free again', async () => {
      const [gone, other] = [await tenantWithKey(service), await tenantWithKey(service)];
      const path = `/v1/workflows/${service.id()}`;
      for (const { name, token } of [gone, other]) {
        await service.put(path, { state: name }, { token });
        await service.post('/v1/queues/q/tasks', { payload: 1 }, { token });
        await service.call('PATCH', '/v1/tenant/settings', { token, json: { a: 1 } });
        await service.app.get(LastUsed).flush();
      }
      expect((await service.call('DELETE', `/v1/tenants/${gone.name}`)).status).toBe(202);
      // Refused from then on, whatever is still there.
      expect(codeOf(await service.get(path, { token: gone.token }))).toEqual([401, 'INVALID_CREDENTIAL']);
      expect(codeOf(await service.get('/v1/whoami', inside(gone.name)))).toEqual([404, 'TENANT_NOT_FOUND']);
      const shown = await service.get(`/v1/tenants/${gone.name}`);
      expect([shown.json.status, typeof shown.json.left]).toEqual(['erasing', 'number']);
      expect(codeOf(await service.put(`/v1/tenants/${gone.name}`, {}))).toEqual([409, 'ALREADY_EXISTS']);
      expect(codeOf(await service.call('PATCH', `/v1/tenants/${gone.name}`, { json: { status: 'active' } }))).toEqual([
        409,
        'ALREADY_EXISTS',
      ]);
      expect((await service.call('DELETE', `/v1/tenants/${gone.name}`)).status).toBe(202);
      await until(async () => (await service.get(`/v1/tenants/${gone.name}`)).status === 404, 'the tenant is erased');
      expect((await service.call('DELETE', `/v1/tenants/${gone.name}`)).status).toBe(204);
      expect(await leftOf(service, gone.name)).toEqual([]);
      expect(await leftOf(service, other.name)).not.toEqual([]);
      expect((await service.get(path, { token: other.token })).json.state).toBe(other.name);

      expect((await service.put(`/v1/tenants/${gone.name}`, {})).status).toBe(201);
      expect((await service.get(path, { token: gone.token })).status).toBe(401);
      const again = await service.post('/v1/keys', { name: 'again', role: 'admin' }, inside(gone.name));
      expect((await service.get(path, { token: again.json.key })).status).toBe(404);
      expect((await service.get('/v1/tenant', { token: again.json.key })).json.settings).toEqual({});
      expect((await service.get('/v1/keys', { token: again.json.key })).json.items).toHaveLength(1);
    });

    it('that always exists is not erased', async () => {
      expect(codeOf(await service.call('DELETE', '/v1/tenants/default'))).toEqual([422, 'INVALID_ID']);
    });

    it('exercise every operation there is', () => {
      expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.tenants]));
    });
  },
  { ADMIN_TOKEN: OPERATOR_TOKEN, RATE_LIMIT_ENABLED: 'false', ACCESS_CACHE_TTL: '1s' },
);
