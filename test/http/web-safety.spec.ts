import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { routeNames } from '../../src/access/routes.js';
import { openService, type OpenService } from '../support/open-service.js';
import { rawRequest } from '../support/raw-request.js';

const TOKEN = 'a-token-of-some-length';
const APP = 'https://app.example.com';
const SAFE = ['GET', 'HEAD'];
const LINK = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

const routes = routeNames.map((name) => name.split(' ') as [string, string]);
/** A path of a route, with the ids that the cases use. */
const pathOf = (url: string) => url.replace(/:version|:from|:to|:n\b/g, '1').replace(/:[a-zA-Z]+/g, 'kept');

const FOREIGN: readonly Record<string, string>[] = [
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: 'http://localhost:1', 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
];

describe.each(['open', 'keys'] as const)('in the mode %s', (mode) => {
  let service: OpenService;
  let port: number;
  let origin: string;
  const own: Record<string, string> = mode === 'keys' ? { authorization: `Bearer ${TOKEN}` } : {};
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    service.call(method, path, body, { ...own, ...headers });
  const raw = (head: string, lines: readonly string[]) => {
    const credential = mode === 'keys' ? [`Authorization: Bearer ${TOKEN}`] : [];
    return rawRequest(port, `${[head, ...lines, ...credential, 'Connection: close'].join('\r\n')}\r\n\r\n`);
  };

  beforeAll(async () => {
    service = await openService({ ORIGINS: APP, ...(mode === 'keys' && { ADMIN_TOKEN: TOKEN }) });
    const url = new URL(await service.app.getUrl());
    ({ origin } = url);
    port = Number(url.port);
    expect((await call('PUT', '/v1/workflows/kept', { state: { n: 1 } })).status).toBe(201);
    expect((await call('POST', '/v1/queues/kept/tasks', { id: 'kept', payload: 1 })).status).toBe(201);
  });
  afterAll(() => service.close());

  it('a page of another origin changes nothing by any route', async () => {
    for (const [method, url] of routes.filter(([name]) => !SAFE.includes(name))) {
      for (const headers of FOREIGN) {
        const { status, json } = await call(method, pathOf(url), undefined, headers);
        expect([method, url, headers, status, json.code]).toEqual([method, url, headers, 403, 'CROSS_SITE']);
      }
    }
    expect((await call('GET', '/v1/workflows/kept')).json.version).toBe(1);
    expect((await call('GET', '/v1/tasks/kept')).json).toMatchObject({ status: 'ready', attempt: 0 });
    expect((await call('GET', '/v1/queues/kept')).json).toMatchObject({ paused: false });
    expect((await call('GET', '/v1/workflows/count')).json.count).toBe(1);
  });

  it('nor does it read, or hold streams and polls open; following a link is allowed', async () => {
    for (const path of [
      '/v1/workflows/kept',
      '/v1/events',
      '/v1/tasks/kept/events',
      '/health',
      '/status',
      '/nowhere',
    ]) {
      for (const headers of FOREIGN)
        expect([path, (await call('GET', path, undefined, headers)).status]).toEqual([path, 403]);
    }
    const lines = [`Host: localhost:${port}`, ...Object.entries(LINK).map((line) => line.join(': '))];
    expect((await raw('GET /v1/workflows/kept HTTP/1.1', lines)).status).toBe(200);
    expect((await raw('POST /v1/queues/kept/pause HTTP/1.1', [...lines, 'Content-Length: 0'])).status).toBe(403);
  });

  it('its own pages and programs act', async () => {
    const headers = { origin, 'sec-fetch-site': 'same-origin' };
    expect((await call('POST', '/v1/workflows/kept/touch', undefined, headers)).status).toBe(204);
    expect((await call('POST', '/v1/workflows/kept/touch')).status).toBe(204);
  });

  it('a page of ORIGINS asks first, acts, and reads the headers of the answer', async () => {
    const asked = { origin: APP, 'access-control-request-method': 'PUT', 'sec-fetch-site': 'cross-site' };
    // A browser asks without a credential.
    const preflight = await service.call('OPTIONS', '/v1/workflows/kept', undefined, asked);
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(APP);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT');
    for (const name of ['Authorization', 'X-API-Key', 'Content-Type', 'If-Match', 'Idempotency-Key'])
      expect(preflight.headers.get('access-control-allow-headers')).toContain(name);
    const headers = { origin: APP, 'sec-fetch-site': 'cross-site' };
    const answers = [
      await call('PUT', '/v1/workflows/app', { state: 1 }, headers),
      await call('GET', '/v1/workflows/none', undefined, headers),
      await call('POST', '/v1/channels/none/messages', {}, headers),
      await service.call('GET', '/v1/workflows/app', undefined, { ...headers, authorization: 'Bearer wrong' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 404, 422, 401]);
    for (const answer of answers) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(APP);
      expect(answer.headers.get('vary')).toBe('Origin');
      expect(answer.headers.has('access-control-allow-credentials')).toBe(false);
      for (const name of ['ETag', 'Location', 'Link', 'Retry-After', 'X-Request-Id', 'X-Waymark-Storage', 'RateLimit'])
        expect(answer.headers.get('access-control-expose-headers')).toContain(name);
    }
    await call('DELETE', '/v1/workflows/app');
  });

  it('a page of ORIGINS follows the feed', async () => {
    const url = `${origin}/v1/events?since=0`;
    const headers = { ...own, origin: APP, accept: 'text/event-stream' };
    const abort = new AbortController();
    const stream = await fetch(url, { headers, signal: abort.signal });
    expect([stream.status, stream.headers.get('access-control-allow-origin')]).toEqual([200, APP]);
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    abort.abort();
  });

  it('the question of another page gets no leave', async () => {
    const asked = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' };
    const answer = await service.call('OPTIONS', '/v1/workflows/kept', undefined, asked);
    expect([answer.status, answer.headers.has('access-control-allow-origin')]).toEqual([403, false]);
    expect((await call('OPTIONS', '/v1/workflows/kept')).headers.get('allow')).toContain('PUT');
  });

  it('a host name that was made to point here is refused on every route, reads too', async () => {
    for (const [method, url] of routes) {
      const { status } = await raw(`${method} ${pathOf(url)} HTTP/1.1`, [
        `Host: evil.example:${port}`,
        `Origin: http://evil.example:${port}`,
        'Content-Length: 0',
      ]);
      expect([method, url, status]).toEqual([method, url, 421]);
    }
    const answer = await raw('GET /v1/workflows/kept HTTP/1.1', [`Host: evil.example:${port}`]);
    expect(answer.text).toContain('"code":"HOST_NOT_ALLOWED"');
  });

  it('the host is that of an absolute target, and is given once', async () => {
    const get = async (target: string, ...hosts: string[]) => {
      const lines = hosts.map((host) => `Host: ${host}`);
      return (await raw(`GET ${target} HTTP/1.1`, lines)).status;
    };
    const path = '/v1/workflows/kept';
    expect(await get(path, 'localhost')).toBe(200);
    expect(await get(`http://localhost:${port}${path}`, 'evil.example')).toBe(200);
    expect(await get(`http://evil.example${path}`, 'localhost')).toBe(421);
    expect(await get(path, 'localhost', 'localhost')).toBe(400);
    expect(await get(path, 'localhost', 'evil.example')).toBe(400);
    expect(await get(path, 'evil.example', 'localhost')).toBe(400);
    expect(await get(path)).toBe(400);
    expect(await get(path, '')).toBe(421);
    expect(await get(path, 'localhost@evil.example')).toBe(421);
  });
});

describe('open access on loopback', () => {
  let service: OpenService;
  let port: number;
  beforeAll(async () => {
    service = await openService({});
    port = Number(new URL(await service.app.getUrl()).port);
    await service.call('PUT', '/v1/workflows/kept', { state: 'private' });
  });
  afterAll(() => service.close());

  it.each([
    { 'x-forwarded-for': '127.0.0.1' },
    { 'x-forwarded-host': 'localhost' },
    { forwarded: 'for=127.0.0.1' },
    { via: '1.1 proxy' },
    { 'x-real-ip': '127.0.0.1' },
    { 'x-client-ip': '127.0.0.1' },
    { 'x-envoy-external-address': '127.0.0.1' },
    { 'cf-ray': '1' },
  ])('does not take what a proxy passes on: %j', async (headers) => {
    for (const path of ['/v1/workflows/kept', '/v1/export', '/metrics', '/health', '/docs', '/nowhere']) {
      const { status, json } = await service.call('GET', path, undefined, headers as Record<string, string>);
      expect([path, status, json.code]).toEqual([path, 401, 'UNAUTHENTICATED']);
      expect(json.detail).toContain('through a proxy');
    }
    expect((await service.call('GET', '/status', undefined, headers as Record<string, string>)).status).toBe(200);
  });

  it('does not take HTTP/1.0, as proxies speak it', async () => {
    const answer = await rawRequest(port, 'GET /v1/workflows/kept HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n');
    expect([answer.status, answer.text.includes('private')]).toEqual([401, false]);
    expect((await rawRequest(port, 'GET /status HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n')).status).toBe(200);
  });

  const canBeNobody = process.platform === 'linux' && process.getuid?.() === 0;
  (canBeNobody ? it : it.skip)('does not take the programs of another user', async () => {
    const code = `fetch('http://127.0.0.1:${port}/v1/workflows/kept').then(async (answer) => console.log(answer.status, await answer.text()))`;
    const run = async (uid: number) => {
      const child = spawn(process.execPath, ['-e', code], {
        uid,
        gid: uid,
        cwd: '/',
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await once(child, 'close');
      return text;
    };
    expect(await run(65534)).toMatch(/^401 .*another user/);
    expect(await run(0)).toMatch(/^200 .*private/);
  });

  it('does not take a request whose sender is gone before it is known', async () => {
    const before = (await service.call('GET', '/v1/workflows/kept')).json.version;
    const body = '{"state":"overwritten"}';
    const head = `PUT /v1/workflows/kept HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    for (let i = 0; i < 20; i++) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(`${head}\r\n\r\n${body}`, () => (i % 2 === 0 ? socket.resetAndDestroy() : socket.destroy()));
      await once(socket, 'close');
    }
    if (process.platform === 'linux')
      expect((await service.call('GET', '/v1/workflows/kept')).json.version).toBe(before);
  });
});

describe('behind a trusted proxy', () => {
  const forwarded = {
    authorization: `Bearer ${TOKEN}`,
    'x-forwarded-host': 'api.example.com',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '203.0.113.7',
  };
  const statuses = async (proxies: string) => {
    const service = await openService({
      ADMIN_TOKEN: TOKEN,
      ALLOWED_HOSTS: 'api.example.com',
      TRUSTED_PROXIES: proxies,
    });
    const status = async (headers: Record<string, string>) =>
      (await service.call('PUT', '/v1/workflows/kept', { state: 1 }, { ...forwarded, ...headers })).status;
    const found = [
      await status({ origin: 'https://api.example.com' }),
      await status({ origin: 'http://api.example.com' }),
      await status({ origin: 'https://evil.example' }),
      await status({ 'x-forwarded-host': 'evil.example' }),
      // The proxy added the last one.
      await status({ 'x-forwarded-host': 'evil.example, api.example.com', origin: 'https://api.example.com' }),
    ];
    await service.close();
    return found;
  };

  it('the host that it names counts', async () => {
    expect(await statuses('127.0.0.0/8')).toEqual([201, 403, 403, 421, 200]);
  });

  it('headers of any other peer mean nothing', async () => {
    expect(await statuses('10.0.0.0/8')).toEqual([403, 403, 403, 201, 403]);
    expect(await statuses('')).toEqual([403, 403, 403, 201, 403]);
  });
});

describe('the address of a caller', () => {
  const operator = { authorization: `Bearer ${TOKEN}` };
  const opened = async (env: Record<string, string>) => {
    const service = await openService({ ADMIN_TOKEN: TOKEN, ...env });
    const key = { name: 'office', role: 'reader', ips: ['203.0.113.0/24'] };
    const { key: token } = (await service.call('POST', '/v1/keys', key, operator)).json;
    const from = async (headers: Record<string, string>, authorization = `Bearer ${token}`) =>
      (await service.call('GET', '/v1/workflows', undefined, { authorization, ...headers })).status;
    return { service, from };
  };

  it('decides about keys with an address list: behind a trusted proxy the one that it saw', async () => {
    const { service, from } = await opened({ TRUSTED_PROXIES: '127.0.0.1' });
    expect(await from({ 'x-forwarded-for': '203.0.113.9' })).toBe(200);
    expect(await from({ forwarded: 'for="203.0.113.9:4711"' })).toBe(200);
    expect(await from({ 'x-forwarded-for': '203.0.113.9, 198.51.100.1' })).toBe(403);
    expect(await from({ 'x-forwarded-for': '198.51.100.1', forwarded: 'for=203.0.113.9' })).toBe(403);
    expect(await from({})).toBe(403);
    await service.close();
  });

  it('is the peer where no proxy is trusted, whatever the request says', async () => {
    const { service, from } = await opened({});
    for (const name of ['x-forwarded-for', 'x-real-ip', 'x-client-ip'])
      expect([name, await from({ [name]: '203.0.113.9' })]).toEqual([name, 403]);
    // Strangers cannot make a new limit of each request.
    const statuses = new Set<number>();
    for (let i = 0; i < 20; i++) statuses.add(await from({ 'x-forwarded-for': `198.51.100.${i}` }, ''));
    expect([...statuses].sort()).toEqual([401, 429]);
    await service.close();
  });

  it('counts as one within a /56 of IPv6', async () => {
    const { service, from } = await opened({ TRUSTED_PROXIES: '127.0.0.1' });
    const statuses = async (address: (i: number) => string) => {
      const seen = [];
      for (let i = 0; i < 20; i++) seen.push(await from({ 'x-forwarded-for': address(i) }, ''));
      return [...new Set(seen)].sort();
    };
    expect(await statuses((i) => `2001:db8:1:2${i.toString(16).padStart(2, '0')}::${i}`)).toEqual([401, 429]);
    expect(await statuses((i) => `2001:db8:2:${i.toString(16)}00::1`)).toEqual([401]);
    await service.close();
  });
});
