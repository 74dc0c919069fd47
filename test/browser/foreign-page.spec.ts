import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium, type Browser, type Page } from 'playwright-core';
import { WebSockets } from '../../src/feed/web-sockets.js';
import { findChromium } from '../support/find-program.js';
import { openService } from '../support/open-service.js';

const executablePath = findChromium();
if (executablePath === undefined) process.stdout.write('foreign pages: skipped, no chromium on the PATH\n');
const described = executablePath === undefined ? describe.skip : describe;

/** Resolves to loopback in the browser, as after DNS rebinding. */
const EVIL = 'evil.test';

/** What a page can send without asking first, and what it has to ask for. */
const REQUESTS = [
  ['POST', '/v1/queues/kept/pause'],
  ['POST', '/v1/queues/kept/claims'],
  ['POST', '/v1/queues/kept/claims', 'text/plain', '{"leaseMs":60000}'],
  ['POST', '/v1/tasks/kept/cancel'],
  ['POST', '/v1/workflows/kept/touch'],
  ['POST', '/v1/workflows/kept/fork'],
  ['PUT', '/v1/workflows/kept', 'application/json', '{"state":"overwritten"}'],
  ['DELETE', '/v1/workflows/kept'],
] as const;

/** Runs in the page. Gives what it could see of each attempt. */
const ATTACK = `async ({ url, socketUrls, requests }) => {
  const seen = [];
  const note = async (what, attempt) => seen.push([what, await attempt.catch((error) => error.name)]);
  for (const [method, path, type, body] of requests) {
    const headers = type === undefined ? {} : { 'content-type': type };
    const isSimple = method === 'POST';
    await note(method + ' ' + path, fetch(url + path, { method, headers, body, mode: isSimple ? 'no-cors' : 'cors' })
      .then((answer) => answer.type === 'opaque' ? 'opaque' : answer.status));
  }
  const form = document.createElement('form');
  const frame = document.createElement('iframe');
  frame.name = 'frame';
  document.body.append(frame, form);
  Object.assign(form, { method: 'POST', action: url + '/v1/queues/kept/pause', target: 'frame' });
  const loaded = new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }));
  form.submit();
  await loaded;
  await note('read', fetch(url + '/v1/workflows/kept').then(async (answer) => [answer.status, await answer.text()]));
  await note('stream', new Promise((resolve) => {
    const source = new EventSource(url + '/v1/events?since=0');
    source.onopen = () => resolve('open');
    source.onerror = () => (source.close(), resolve('refused'));
  }));
  for (const socketUrl of socketUrls) {
    await note('socket', new Promise((resolve) => {
      const socket = new WebSocket(socketUrl);
      socket.onopen = () => (socket.close(), resolve('open'));
      socket.onerror = () => resolve('refused');
    }));
  }
  return seen;
}`;

type Seen = readonly (readonly [what: string, result: unknown])[];

described('A page of another origin in a real browser', () => {
  let elsewhere: Server;
  let browser: Browser;
  let port: number;

  beforeAll(async () => {
    elsewhere = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>page</title><body></body>');
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    ({ port } = elsewhere.address() as AddressInfo);
    browser = await chromium.launch({
      executablePath: executablePath as string,
      args: [
        '--no-sandbox',
        `--host-resolver-rules=MAP ${EVIL} 127.0.0.1`,
        // Newer browsers ask their user first; the service must not depend on that.
        '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
      ],
    });
  });
  afterAll(async () => {
    await browser?.close();
    elsewhere.close();
  });

  /** A service with a workflow, a task and a queue; and what has become of them. */
  async function prepared(env: Record<string, string> = {}) {
    const service = await openService({ WEBSOCKET_PORT: '0', ...env });
    const { port: own } = new URL(await service.app.getUrl());
    await service.call('PUT', '/v1/workflows/kept', { state: 'as it was' });
    await service.call('POST', '/v1/queues/kept/tasks', { id: 'kept', payload: 1 });
    const stateOf = async () => {
      const [workflow, task, queue, all] = await Promise.all(
        ['/v1/workflows/kept', '/v1/tasks/kept', '/v1/queues/kept', '/v1/workflows'].map(
          async (path) => (await service.call('GET', path)).json,
        ),
      );
      return { workflow, task: [task.status, task.attempt], paused: queue.paused, count: all.items.length };
    };
    return { service, own, stateOf, sockets: [own, service.app.get(WebSockets).port] };
  }

  async function attacked(page: Page, url: string, sockets: readonly (string | number | undefined)[]): Promise<Seen> {
    const { hostname } = new URL(url);
    const [main, second] = sockets;
    const socketUrls = [`ws://${hostname}:${main}/ws`, `ws://${hostname}:${second}/`];
    return page.evaluate(`(${ATTACK})(${JSON.stringify({ url, socketUrls, requests: REQUESTS })})`);
  }

  async function pageAt(url: string): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(url);
    return page;
  }

  const results = (seen: Seen, what: string) => seen.filter(([name]) => name === what).map(([, result]) => result);

  it.each([EVIL, '127.0.0.1', 'localhost'])(
    'changes and reads nothing from http://%s on another port',
    async (host) => {
      const { service, own, stateOf, sockets } = await prepared();
      const before = await stateOf();
      const page = await pageAt(`http://${host}:${port}/`);
      const seen = await attacked(page, `http://127.0.0.1:${own}`, sockets);
      expect(await stateOf()).toEqual(before);
      // The simple requests were sent, and their answers hidden by the browser.
      expect(seen.filter(([, result]) => result === 'opaque')).toHaveLength(6);
      for (const [what, result] of seen) expect([what, result]).not.toEqual([what, expect.any(Number)]);
      expect(results(seen, 'read')).toEqual(['TypeError']);
      expect(results(seen, 'stream')).toEqual(['refused']);
      // Pages of the same host may follow the feed at the port that was opened for them.
      expect(results(seen, 'socket')).toEqual(['refused', host === EVIL ? 'refused' : 'open']);
      await page.close();
      await service.close();
    },
  );

  it('changes and reads nothing under a name that was made to point here', async () => {
    const { service, own, stateOf, sockets } = await prepared();
    const before = await stateOf();
    const page = await browser.newPage();
    const url = `http://${EVIL}:${own}`;
    // The page itself came from elsewhere, before its name was given this address.
    await page.route(`${url}/`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><body></body>' }),
    );
    await page.goto(`${url}/`);
    const seen = await attacked(page, url, sockets);
    expect(await stateOf()).toEqual(before);
    const statuses = seen.filter(([, result]) => typeof result === 'number').map(([, status]) => status);
    expect(statuses).toEqual(REQUESTS.map(() => 421));
    expect(results(seen, 'read')).toEqual([[421, expect.not.stringContaining('as it was')]]);
    expect(results(seen, 'stream')).toEqual(['refused']);
    expect(results(seen, 'socket')).toEqual(['refused', 'refused']);
    await page.close();
    await service.close();
  });

  it('changes, reads and follows what it likes when ORIGINS names it', async () => {
    const origin = `http://${EVIL}:${port}`;
    const { service, own, stateOf, sockets } = await prepared({ ORIGINS: origin });
    const page = await pageAt(`${origin}/`);
    const seen = await attacked(page, `http://127.0.0.1:${own}`, sockets);
    expect(await stateOf()).toMatchObject({ paused: true });
    expect(results(seen, 'PUT /v1/workflows/kept')).toEqual([200]);
    expect(results(seen, 'DELETE /v1/workflows/kept')).toEqual([204]);
    expect(results(seen, 'stream')).toEqual(['open']);
    expect(results(seen, 'socket')).toEqual(['open', 'open']);
    await page.close();
    await service.close();
  });
});
