import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { routeNames } from '../../src/access/routes.js';
import { newKeyId, newToken } from '../../src/access/token.js';
import { fastDirectory } from '../support/fast-directory.js';
import { openService, type OpenService } from '../support/open-service.js';
import { AS_OPERATOR, OPERATOR_TOKEN } from '../support/operator.js';
import { MAY, mayAsk, methodOf, pathOf, PUBLIC } from '../support/route-table.js';
import { sendAsIs, type AnsweredAsIs, type SentAsIs } from '../support/send-as-is.js';

/** Spellings that some servers read as the same path. */
const SPELLINGS: Readonly<Record<string, (path: string) => string>> = {
  'a letter encoded': (path) => path.replace(/[a-z](?=[^/]*$)/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
  'all letters encoded': (path) =>
    path.replace(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`),
  'slashes encoded': (path) => `/${path.slice(1).replaceAll('/', '%2f')}`,
  'a dot': (path) => `/.${path}`,
  'a dot encoded': (path) => `/%2e${path}`,
  'two dots encoded': (path) => `/health/live/%2e%2e/%2e%2e${path}`,
  'two dots': (path) => `/status/..${path}`,
  'two slashes in front': (path) => `/${path}`,
  'two slashes within': (path) => path.replace(/\/(?=[^/]*$)/, '//'),
  'a slash at the end': (path) => `${path}/`,
  'a semicolon at the end': (path) => `${path};a=b`,
  'a semicolon within': (path) => path.replace(/\/(?=[^/]*$)/, ';/'),
  'upper case': (path) => path.toUpperCase(),
  'a question mark': (path) => `${path}?`,
  'a query of a probe': (path) => `${path}?/health/live`,
  'a hash': (path) => `${path}#/health/live`,
  'a NUL encoded': (path) => `${path}%00`,
  backslashes: (path) => path.replaceAll('/', '\\'),
  'the whole address': (path) => `http://127.0.0.1${path}`,
  'an address of somebody else': (path) => `http://operator@example.com${path}`,
};

/** Headers by which some servers change path, method or caller. */
const HEADERS: Readonly<Record<string, string>> = {
  'x-original-url': '/health/live',
  'x-rewrite-url': '/health/live',
  'x-forwarded-prefix': '/health/live',
  'x-http-method-override': 'HEAD',
  'x-method-override': 'HEAD',
  'x-forwarded-for': '127.0.0.1',
  'x-real-ip': '127.0.0.1',
  'x-remote-user': 'operator',
  'x-forwarded-user': 'operator',
  'proxy-authorization': `Bearer ${OPERATOR_TOKEN}`,
  cookie: `__Host-waymark=${OPERATOR_TOKEN}; authorization=${OPERATOR_TOKEN}`,
  'x-waymark-tenant': '.access',
};

const MEGABYTE = String(1024 * 1024);

describe('every route under attack', () => {
  let service: OpenService;
  let url: string;
  const routes = routeNames.filter((route) => !PUBLIC.includes(route));
  const withBody = routes.filter((route) => /^(POST|PUT|PATCH) /.test(route));
  const keys: Record<string, string> = {};
  let revoked = '';
  let id = '';

  const operate = async (method: string, path: string, body?: object) =>
    (await service.call(method, path, body, AS_OPERATOR)).json;
  const make = (body: object): Promise<{ id: string; key: string }> => operate('POST', '/v1/keys', body);

  beforeAll(async () => {
    service = await openService(
      {
        DATA_DIR: await fastDirectory('waymark-attacks-'),
        ADMIN_TOKEN: OPERATOR_TOKEN,
        EXAMPLES: 'true',
        RATE_LIMIT_ENABLED: 'false',
      },
      { docs: true },
    );
    url = (await service.app.getUrl()).replace('[::1]', '127.0.0.1');
    for (const role of Object.keys(MAY)) keys[role] = (await make({ name: role, role })).key;
    const made = await make({ name: 'revoked', role: 'admin' });
    [revoked, id] = [made.key, made.id];
    await operate('POST', `/v1/keys/${id}/revoke`);
  });
  afterAll(() => service.close());

  const send = (method: string, path: string, sent?: SentAsIs) => sendAsIs(url, method, path, sent);

  /** The key of the role that has most scopes, but not that of the route. */
  const almost = (route: string): string | undefined => {
    const role = Object.keys(MAY).findLast((one) => !mayAsk(one, route));
    return role === undefined ? undefined : keys[role];
  };

  it.each(Object.entries(SPELLINGS))(
    'asks for a credential and a scope, spelled with %s (invariant 32)',
    async (_, spell) => {
      for (const route of routes) {
        const [method, path] = [methodOf(route), spell(pathOf(route))];
        const stranger = await send(method, path);
        expect([route, path, stranger.code, [400, 401, 421].includes(stranger.status)]).toEqual([
          route,
          path,
          stranger.code,
          true,
        ]);
        const token = almost(route);
        if (token === undefined) continue;
        const { status, code } = await send(method, path, { token });
        expect([route, path, status, code, [400, 403, 404, 405, 421].includes(status)]).toEqual([
          route,
          path,
          status,
          code,
          true,
        ]);
      }
    },
  );

  it('asks for a credential and a scope with HEAD, OPTIONS and other methods', async () => {
    for (const route of routes) {
      const path = pathOf(route);
      for (const method of ['HEAD', 'OPTIONS'])
        for (const token of [undefined, revoked])
          expect([method, route, (await send(method, path, { token })).status]).toEqual([method, route, 401]);
      for (const method of ['TRACE', 'PROPFIND']) {
        const { status } = await send(method, path);
        // The HTTP parser does not pass on each of them.
        expect([method, route, [400, 401].includes(status)]).toEqual([method, route, true]);
      }
      const token = almost(route);
      if (methodOf(route) === 'GET' && token !== undefined)
        expect([route, (await send('HEAD', path, { token })).status]).toEqual([route, 403]);
    }
  });

  it('is not opened by headers that others trust', async () => {
    for (const route of routes) {
      const stranger = await send(methodOf(route), pathOf(route), { headers: HEADERS });
      expect([route, stranger.status]).toEqual([route, 401]);
      const token = almost(route);
      if (token === undefined) continue;
      const { status, code } = await send(methodOf(route), pathOf(route), { headers: HEADERS, token });
      expect([route, status, code]).toEqual([route, 403, 'INSUFFICIENT_SCOPE']);
    }
  });

  it('is refused before its body arrives, long or without an end', async () => {
    const types = { 'content-type': 'application/json' };
    for (const route of withBody) {
      const [method, path] = [methodOf(route), pathOf(route)];
      for (const more of [{ 'content-length': MEGABYTE }, { 'transfer-encoding': 'chunked' }]) {
        const sent = { headers: { ...types, ...more }, body: '{"a":' };
        for (const token of [undefined, 'rubbish', revoked])
          expect([route, more, (await send(method, path, { ...sent, token })).status]).toEqual([route, more, 401]);
        const token = almost(route);
        if (token !== undefined)
          expect([route, more, (await send(method, path, { ...sent, token })).status]).toEqual([route, more, 403]);
      }
    }
  });

  it('gives an unknown, a wrong, a replaced and a revoked key one and the same answer', async () => {
    const key = await make({ name: 'rotated', role: 'admin' });
    await operate('POST', `/v1/keys/${key.id}/rotate`, { graceSeconds: 0 });
    const gone = await make({ name: 'gone', role: 'admin' });
    await operate('DELETE', `/v1/keys/${gone.id}`);
    const token = (tenant: string, one: string) => newToken({ kind: 'key', tenant, id: one });
    const refused = {
      revoked,
      replaced: key.key,
      deleted: gone.key,
      'unknown id': token('default', newKeyId()),
      'wrong secret': token('default', key.id),
      'wrong secret of a revoked key': token('default', id),
      'id of another tenant': token('other', key.id),
      'unknown operator': newToken({ kind: 'operator', id: newKeyId() }),
      'key id as operator': newToken({ kind: 'operator', id: key.id }),
      'wrong sum': `${key.key.slice(0, -1)}${key.key.endsWith('0') ? '1' : '0'}`,
      rubbish: 'rubbish',
    };
    const shown = ({ status, text, headers }: AnsweredAsIs) => {
      const { 'x-request-id': requestId, date: _date, 'x-waymark-storage': _storage, ...rest } = headers;
      return { status, headers: rest, text: text.replaceAll(String(requestId), 'id') };
    };
    for (const route of ['GET /v1/whoami', 'PUT /v1/workflows/x', 'GET /v1/export', 'POST /v1/keys']) {
      const answers = new Map<string, unknown>();
      for (const [name, one] of Object.entries(refused))
        answers.set(name, shown(await send(methodOf(route), pathOf(route), { token: one })));
      const [first] = answers.values();
      for (const [name, answer] of answers) expect([name, answer]).toEqual([name, first]);
      expect(first).toMatchObject({ status: 401 });
    }
  });

  it('left nothing behind', async () => {
    for (const path of ['/v1/workflows', '/v1/queues']) expect((await operate('GET', path)).items).toEqual([]);
    const { items } = await operate('GET', '/v1/tenants');
    expect(items.map(({ tenant }: { tenant: string }) => tenant).filter((tenant: string) => tenant === 'x')).toEqual(
      [],
    );
  });
});
