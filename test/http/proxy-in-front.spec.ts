import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { routeNames } from '../../src/access/routes.js';
import { nginxBin, serverWith, startNginx, type NginxProcess } from '../support/nginx-process.js';
import { openService, type OpenService } from '../support/open-service.js';

const PUBLIC = ['/health/live', '/health/ready', '/status', '/problems/:type'];
const canBeNobody = process.platform === 'linux' && process.getuid?.() === 0;
const MARKER = 'a-secret-in-the-store';

if (nginxBin === undefined)
  process.stdout.write('a proxy in front: skipped, no nginx found and none could be fetched; set NGINX_BIN\n');

describe('a service without ADMIN_TOKEN', () => {
  let service: OpenService;
  let port: number;

  beforeAll(async () => {
    service = await openService({});
    port = Number(new URL(await service.app.getUrl()).port);
    await service.call('PUT', '/v1/workflows/kept', { state: MARKER });
    await service.call('POST', '/v1/queues/kept/tasks', { id: 'kept', payload: MARKER });
  });
  const relays: ChildProcess[] = [];
  afterAll(async () => {
    for (const relay of relays) {
      relay.kill('SIGKILL');
      await once(relay, 'exit');
    }
    await service.close();
  });

  /** Every route, with a right body where one is needed. */
  async function expectNothingReached(url: string): Promise<void> {
    const before = (await service.call('GET', '/v1/workflows/kept')).json;
    for (const name of [...routeNames, 'GET /nowhere']) {
      const [method = '', route = ''] = name.split(' ');
      const path = route
        .replace(':type', 'lease-lost')
        .replace(/:version|:from|:to|:n\b/g, '1')
        .replace(/:[a-zA-Z]+/g, 'kept');
      const body = method === 'GET' ? {} : { headers: { 'content-type': 'application/json' }, body: '{"state":1}' };
      const answer = await fetch(url + path, { method, ...body });
      const text = await answer.text();
      expect([name, answer.status]).toEqual([name, PUBLIC.includes(route) ? 200 : 401]);
      expect(text).not.toContain(MARKER);
    }
    for (const accept of ['application/json', 'text/event-stream'])
      expect((await fetch(`${url}/v1/events?since=0`, { headers: { accept } })).status).toBe(401);
    expect((await service.call('GET', '/v1/workflows/kept')).json).toEqual(before);
    expect((await service.call('GET', '/v1/tasks/kept')).json).toMatchObject({ status: 'ready', attempt: 0 });
  }

  const described = nginxBin === undefined ? describe.skip : describe;
  described.each([
    ['nothing but proxy_pass', 'proxy_pass http://127.0.0.1:PORT;', true],
    ['a host of loopback', 'proxy_pass http://127.0.0.1:PORT; proxy_set_header Host localhost;', true],
    [
      'HTTP/1.1 and lasting connections',
      'proxy_pass http://127.0.0.1:PORT; proxy_http_version 1.1; proxy_set_header Connection "";',
      // Its headers are those of any program: only its user gives it away.
      canBeNobody,
    ],
  ])('behind nginx with %s', (_case, location, isTold) => {
    let nginx: NginxProcess;
    beforeAll(async () => {
      nginx = await startNginx(serverWith(location.replace('PORT', String(port))));
    });
    afterAll(() => nginx.stop());

    (isTold ? it : it.skip)('gives away nothing and does nothing', () => expectNothingReached(nginx.url));
  });

  (canBeNobody ? it : it.skip)('gives away nothing through a bare relay that runs as another user', async () => {
    const code = `require('node:net').createServer((client) => {
      const service = require('node:net').connect(${port}, '127.0.0.1');
      client.pipe(service).pipe(client);
      for (const socket of [client, service]) socket.on('error', () => (client.destroy(), service.destroy()));
    }).listen(0, '127.0.0.1', function () { process.stdout.write(String(this.address().port)); })`;
    const relay: ChildProcess = spawn(process.execPath, ['-e', code], {
      uid: 65534,
      gid: 65534,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [relayPort] = (await once(relay.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    relays.push(relay);
    // A caller can write a host of loopback himself.
    await expectNothingReached(`http://localhost:${String(relayPort)}`);
    const socket = new WebSocket(`ws://localhost:${String(relayPort)}/ws`);
    let heard = '';
    socket.on('message', (data) => (heard += String(data)));
    socket.on('error', () => undefined);
    socket.on('open', () => socket.send('{"type":"subscribe","channel":"workflows","since":"0"}'));
    await once(socket, 'close');
    expect(heard).not.toMatch(/subscribed|kept/);
  });
});

(nginxBin === undefined ? describe.skip : describe)('the proxy of docs/network.md', () => {
  const TOKEN = 'a-token-of-some-length';
  const ORIGIN = 'http://api.example.com';
  let service: OpenService;
  let nginx: NginxProcess;

  beforeAll(async () => {
    const env = { ADMIN_TOKEN: TOKEN, ALLOWED_HOSTS: 'api.example.com', TRUSTED_PROXIES: '127.0.0.1' };
    service = await openService(env);
    const page = readFileSync(new URL('../../docs/network.md', import.meta.url), 'utf8');
    const [, server = ''] = /```nginx\n([^]*?)```/.exec(page) ?? [];
    nginx = await startNginx(server.replace('127.0.0.1:3000', new URL(await service.app.getUrl()).host));
  });
  afterAll(async () => {
    await nginx.stop();
    await service.close();
  });

  /** As a client that knows the service by its public name. */
  const asked = (lines: Record<string, string> = {}, method = 'GET', path = '/v1/workflows') =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { host: 'api.example.com', authorization: `Bearer ${TOKEN}`, ...lines };
      request(nginx.url + path, { method, headers }, resolve)
        .on('error', reject)
        .end();
    });

  it('passes requests, pages of its own name, streams and WebSockets', async () => {
    expect((await asked()).statusCode).toBe(200);
    expect((await asked({ host: 'evil.example' })).statusCode).toBe(421);
    const touch = ['POST', '/v1/queues/q/pause'] as const;
    expect((await asked({ origin: ORIGIN, 'sec-fetch-site': 'same-origin' }, ...touch)).statusCode).toBe(200);
    expect((await asked({ origin: 'http://evil.example' }, ...touch)).statusCode).toBe(403);
    const stream = await asked({ accept: 'text/event-stream' }, 'GET', '/v1/events?since=0');
    expect(String((await once(stream, 'data'))[0])).toContain('retry:');
    stream.destroy();
    const headers = { host: 'api.example.com', authorization: `Bearer ${TOKEN}` };
    const socket = new WebSocket(`${nginx.url.replace('http', 'ws')}/ws`, { headers, origin: ORIGIN });
    await once(socket, 'open');
    socket.terminate();
  });

  it('tells the address of the caller, who cannot choose it', async () => {
    const make = async (ips: string[]) => {
      const key = { name: ips.join(), role: 'reader', ips };
      return (await service.call('POST', '/v1/keys', key, { authorization: `Bearer ${TOKEN}` })).json.key as string;
    };
    const [here, elsewhere] = [await make(['203.0.113.0/24']), await make(['127.0.0.0/8'])];
    const headers = { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' };
    expect((await asked({ ...headers, authorization: `Bearer ${here}` })).statusCode).toBe(403);
    expect((await asked({ ...headers, authorization: `Bearer ${elsewhere}` })).statusCode).toBe(200);
  });
});
