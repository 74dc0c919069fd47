import { request } from 'node:http';
import { beforeAll, expect, it } from '@jest/globals';
import { routeNames } from '../../src/access/routes.js';
import { newKeyId, newToken } from '../../src/access/token.js';
import { describeService, type Service } from '../support/describe-service.js';
import { OPERATOR_TOKEN } from '../support/operator.js';
import { until } from '../support/until.js';

const PUBLIC = ['GET /health/live', 'GET /health/ready', 'GET /status'];
/** For every caller; what its body asks for is checked later. */
const ANYBODY = ['GET /v1/whoami', 'POST /v1/commits', 'GET /v1/limits', 'GET /v1/tenant'];

const READER = [
  /^GET \/(health|metrics|openapi\.json|asyncapi\.yaml|docs.*|examples\/live\.html)$/,
  /^GET \/v1\/(workflows|queues|tasks|events)/,
  /^POST \/v1\/workflows\/batch-get$/,
];
const WORKER = [
  /^GET \/v1\/(workflows|queues|tasks)/,
  /^(POST|PUT|PATCH|DELETE) \/v1\/workflows/,
  /^POST \/v1\/queues\/:queue\/claims$/,
  /^POST \/v1\/tasks\/(:id\/(heartbeat|progress|complete|fail|release)|batch-complete)$/,
  /^POST \/v1\/agents\/:id\/status$/,
  /^POST \/v1\/channels\/:channel\/messages$/,
  /^POST \/v1\/limits\/:name\/(take|give)$/,
];
const WRITER = [
  ...WORKER,
  /^POST \/v1\/queues\/:queue\/tasks(\/batch)?$/,
  /^POST \/v1\/tasks\/:id\/cancel$/,
  /^GET \/v1\/events$/,
  /^(GET|POST) \/(v1\/routing|api\/routing\/test|v1\/agents)$/,
];
const OPERATOR_ONLY = /^\w+ \/v1\/(export|import|admin\/|tenants)/;
/** Who may ask what, written down a second time. */
const MAY: Readonly<Record<string, (route: string) => boolean>> = {
  reader: (route) => READER.some((one) => one.test(route)),
  worker: (route) => WORKER.some((one) => one.test(route)),
  writer: (route) => WRITER.some((one) => one.test(route)),
  admin: (route) => !OPERATOR_ONLY.test(route),
};

interface Sent {
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
}

/** Sends the path as it is: a client like fetch would tidy it. No body is sent, whatever the headers promise. */
function send(service: Service, method: string, path: string, { token, headers = {} }: Sent = {}) {
  const { hostname, port } = new URL(service.url);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise<{ status: number; code: string }>((resolve, reject) => {
    const asked = request({ hostname, port, method, path, headers: { ...headers, ...authorization } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        text += piece;
        // Streams go on.
        if (answer.statusCode === 200) asked.destroy();
      });
      answer.on('close', () => {
        const isProblem = answer.headers['content-type']?.includes('problem+json') === true;
        resolve({ status: answer.statusCode as number, code: isProblem && text !== '' ? JSON.parse(text).code : '' });
        asked.destroy();
      });
    });
    asked.on('error', reject);
    if (headers['content-length'] === undefined) asked.end();
    else asked.flushHeaders();
  });
}

const [methodOf, urlOf] = [0, 1].map((i) => (route: string) => route.split(' ')[i] as string) as [
  (route: string) => string,
  (route: string) => string,
];
/** The url of a route with something in place of its parameters. */
const pathOf = (route: string) => urlOf(route).replace(/:\w+/g, 'x').replace('*', 'x');

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
      for (const route of PUBLIC) expect((await send(service, 'GET', urlOf(route))).status).toBe(200);
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
        const isServed = ANYBODY.includes(route) || MAY[role]?.(route) === true;
        if (isServed) expect([route, status === 401 || status === 403, code]).toEqual([route, false, code]);
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
