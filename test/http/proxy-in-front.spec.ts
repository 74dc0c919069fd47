import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { routeNames } from '../../src/access/routes.js';
import { nginxBin, startNginx, type NginxProcess } from '../support/nginx-process.js';
import { openService, type OpenService } from '../support/open-service.js';

const PUBLIC = ['/health/live', '/health/ready', '/status'];
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
  afterAll(() => service.close());

  /** Every route, with a right body where one is needed. */
  async function expectNothingReached(url: string): Promise<void> {
    const before = (await service.call('GET', '/v1/workflows/kept')).json;
    for (const name of [...routeNames, 'GET /nowhere']) {
      const [method = '', route = ''] = name.split(' ');
      const path = route.replace(/:version|:from|:to|:n\b/g, '1').replace(/:[a-zA-Z]+/g, 'kept');
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
      nginx = await startNginx(location.replace('PORT', String(port)));
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
    // A caller can write a host of loopback himself.
    await expectNothingReached(`http://localhost:${String(relayPort)}`);
    const socket = new WebSocket(`ws://localhost:${String(relayPort)}/ws`);
    let heard = '';
    socket.on('message', (data) => (heard += String(data)));
    socket.on('error', () => undefined);
    socket.on('open', () => socket.send('{"type":"subscribe","channel":"workflows","since":"0"}'));
    await once(socket, 'close');
    expect(heard).not.toMatch(/subscribed|kept/);
    relay.kill('SIGKILL');
    await once(relay, 'exit');
  });
});
