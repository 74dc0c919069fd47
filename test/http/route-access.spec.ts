import { beforeAll, expect, it } from '@jest/globals';
import { routeNames } from '../../src/access/routes.js';
import { newKeyId, newToken } from '../../src/access/token.js';
import { describeService, type Service } from '../support/describe-service.js';
import { OPERATOR_TOKEN } from '../support/operator.js';
import { MAY, mayAsk, methodOf, pathOf, PUBLIC, urlOf } from '../support/route-table.js';
import { sendAsIs, type SentAsIs } from '../support/send-as-is.js';
import { until } from '../support/until.js';

async function send(service: Service, method: string, path: string, sent: SentAsIs = {}) {
  const { status, code } = await sendAsIs(service.url, method, path, sent);
  return { status, code };
}

describeService(
  'Every route',
  (service) => {
    const routes = routeNames.filter((route) => !PUBLIC.includes(route));
    const credentials: Record<string, { readonly token: string; readonly code: string }> = {};
    const keys: Record<string, string> = {};

    beforeAll(async () => {
      const make = async (body: object) => (await service.post('/v1/keys', body)).json as { id: string; key: string };
      for (const role of Object.keys(MAY)) keys[role] = (await make({ name: role, role })).key;
      const { id } = await make({ name: 'good', role: 'admin' });
      const expired = await make({ name: 'expired', role: 'admin', ttlSeconds: 1 });
      const revoked = await make({ name: 'revoked', role: 'admin' });
      await service.post(`/v1/keys/${revoked.id}/revoke`, undefined);
      const invalid = (token: string) => ({ token, code: 'INVALID_CREDENTIAL' });
      Object.assign(credentials, {
        rubbish: invalid('rubbish'),
        'of an unknown key': invalid(newToken({ kind: 'key', tenant: 'default', id: newKeyId() })),
        'with a wrong secret': invalid(newToken({ kind: 'key', tenant: 'default', id })),
        'of an unknown operator': invalid(newToken({ kind: 'operator', id: newKeyId() })),
        'of an unknown tenant': invalid(newToken({ kind: 'key', tenant: 'nobody', id })),
        revoked: invalid(revoked.key),
        expired: { token: expired.key, code: 'CREDENTIAL_EXPIRED' },
      });
      await until(async () => (await service.get('/v1/whoami', { token: expired.key })).status === 401, 'it expires');
    });

    it('asks for a credential', async () => {
      for (const route of routes) {
        expect([route, await send(service, methodOf(route), pathOf(route))]).toEqual([
          route,
          { status: 401, code: 'UNAUTHENTICATED' },
        ]);
        if (methodOf(route) === 'GET') expect((await send(service, 'HEAD', pathOf(route))).status).toBe(401);
      }
      for (const route of PUBLIC)
        expect((await send(service, 'GET', urlOf(route).replace(':type', 'lease-lost'))).status).toBe(200);
    });

    it('refuses one that is bad, in one way', async () => {
      for (const route of routes) {
        for (const [name, { token, code }] of Object.entries(credentials))
          expect([route, name, await send(service, methodOf(route), pathOf(route), { token })]).toEqual([
            route,
            name,
            { status: 401, code },
          ]);
      }
    });

    it.each(Object.keys(MAY))('serves the role %s what it may, and nothing else', async (role) => {
      const token = keys[role];
      for (const route of routes) {
        const { status, code } = await send(service, methodOf(route), pathOf(route), { token });
        if (mayAsk(role, route)) expect([route, status === 401 || status === 403, code]).toEqual([route, false, code]);
        else expect([route, status, code]).toEqual([route, 403, 'INSUFFICIENT_SCOPE']);
      }
    });

    it('is served to operators', async () => {
      for (const route of routes) {
        const { status } = await send(service, methodOf(route), pathOf(route), { token: OPERATOR_TOKEN });
        expect([route, status === 401 || status === 403]).toEqual([route, false]);
      }
    });

    it('is not reached by another spelling', async () => {
      const reader = keys['reader'];
      for (const [method, path] of [
        ['PUT', '/v1/workflows/%78'],
        ['PUT', '/v1/%77orkflows/x'],
        ['PUT', '/v1/workflows/../workflows/x'],
        ['PUT', '/v1/workflows/%2e%2e/workflows/x'],
        ['PUT', '/v1/workflows/x/.'],
        ['PUT', '/v1//workflows/x'],
        ['PUT', '//v1/workflows/x'],
        ['PUT', '/v1/workflows/x/'],
        ['PUT', '/v1/workflows/x;a=b'],
        ['PUT', '/v1/workflows;/x'],
        ['PUT', '/V1/WORKFLOWS/x'],
        ['PUT', '/v1/workflows/x?'],
        ['PUT', '/v1/workflows/x#y'],
        ['PUT', '/health/live/../../v1/workflows/x'],
        ['PUT', '/health/live%2f..%2f..%2fv1%2fworkflows%2fx'],
        ['PUT', '/status'],
        ['PUT', '\\v1\\workflows\\x'],
        ['OPTIONS', '/v1/workflows/x'],
        ['OPTIONS', '*'],
        ['PURGE', '/v1/workflows/x'],
        ['GET', '/v1/export/'],
        ['GET', '/v1/%65xport'],
        ['GET', '/V1/EXPORT'],
      ] as const) {
        const stranger = await send(service, method, path);
        expect([path, [400, 401].includes(stranger.status), stranger.status]).toEqual([path, true, stranger.status]);
        const { status } = await send(service, method, path, { token: reader });
        const isHarmless = status === 400 || status === 403 || status === 404 || status === 405 || method === 'OPTIONS';
        expect([path, isHarmless, status]).toEqual([path, true, status]);
      }
      expect((await service.get('/v1/workflows/x')).status).toBe(404);
    });

    it('is refused before its body arrives', async () => {
      const headers = { 'content-type': 'application/json', 'content-length': String(1024 * 1024) };
      for (const [token, status] of [
        [undefined, 401],
        ['rubbish', 401],
        [keys['reader'], 403],
      ] as const) {
        expect((await send(service, 'PUT', '/v1/workflows/x', { token, headers })).status).toBe(status);
        expect((await send(service, 'POST', '/v1/import', { token, headers })).status).toBe(status);
      }
    });
  },
  { ADMIN_TOKEN: OPERATOR_TOKEN, EXAMPLES: 'true', RATE_LIMIT_ENABLED: 'false' },
  true,
);
