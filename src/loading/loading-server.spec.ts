import { afterEach, describe, expect, it } from '@jest/globals';
import { Agent, createServer, request, type IncomingMessage, type Server } from 'node:http';
import { Loading } from './loading.js';
import { LoadingServer } from './loading-server.js';

describe('the port of a service that loads', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function started() {
    const loading = new Loading({ info: () => undefined } as never);
    const loader = await LoadingServer.listen({ createServer }, loading, 0, '127.0.0.1');
    const successor = createServer((_request, response) => response.end('served'));
    servers.push(successor);
    return { loading, loader, successor, url: `http://127.0.0.1:${loader.address.port}` };
  }

  it('says that the process lives, and how far it is', async () => {
    const { loading, loader, successor, url } = await started();
    loading.report(0.42);
    const live = await fetch(`${url}/health/live`);
    expect([live.status, await live.json()]).toMatchObject([200, { status: 'ok' }]);
    for (const path of ['/health/ready?x=1', '/health']) {
      const ready = await fetch(url + path);
      expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '1']);
      const storage = { status: 'down', engine: 'memory', isLoading: true, percent: 42 };
      expect(await ready.json()).toMatchObject({ status: 'error', details: { storage } });
    }
    await loader.handOver(successor);
  });

  it('refuses all else with a problem, and the time to come back', async () => {
    const { loading, loader, successor, url } = await started();
    loading.report(0.42);
    const headers = { 'x-request-id': 'mine', 'content-type': 'application/json' };
    const refused = await fetch(`${url}/v1/workflows/a`, { method: 'PUT', headers, body: '{"state":1}' });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(await refused.json()).toMatchObject({
      code: 'STORE_LOADING',
      type: '/problems/store-loading',
      instance: 'mine',
      percent: 42,
    });
    const head = await fetch(`${url}/v1/workflows/a`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([503, '']);
    await loader.handOver(successor);
  });

  it('is handed over: later connections and open ones are served, and it is free after the successor', async () => {
    const { loader, successor, url } = await started();
    // A connection that is open and has sent nothing yet.
    const agent = new Agent();
    const early = request(`${url}/early`, { agent });
    const answered = new Promise<IncomingMessage>((resolve, reject) =>
      early.on('response', resolve).on('error', reject),
    );
    await new Promise((resolve) => early.once('socket', (socket) => socket.once('connect', resolve)));
    await fetch(`${url}/health/live`);
    await loader.handOver(successor);
    early.end();
    expect((await answered).statusCode).toBe(200);
    (await answered).resume();
    expect(await (await fetch(url)).text()).toBe('served');
    agent.destroy();
    successor.closeAllConnections();
    await new Promise((resolve) => successor.close(resolve));
    await expect(fetch(url)).rejects.toThrow();
  });
});
