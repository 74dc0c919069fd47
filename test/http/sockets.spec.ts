import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it } from '@jest/globals';
import { Listeners } from '../../src/waiting/listeners.js';
import { WebSockets } from '../../src/feed/web-sockets.js';
import { Draining } from '../../src/lifecycle/draining.js';
import { describeService, WORKFLOWS, type Service } from '../support/describe-service.js';
import { met, TestSocket } from '../support/socket-client.js';
import { until } from '../support/until.js';

describeService(
  'WebSockets',
  (service: Service) => {
    const open: TestSocket[] = [];
    afterEach(() => {
      for (const socket of open.splice(0)) {
        expect(socket.flaws).toEqual([]);
        socket.terminate();
      }
    });
    const dial = async (path = '/ws', options?: ConstructorParameters<typeof TestSocket>[1]) => {
      const socket = new TestSocket(service.url.replace('http', 'ws') + path, options);
      open.push(socket);
      return socket.opened();
    };
    const ownPort = () => `ws://localhost:${service.app.get(WebSockets).port}`;
    const subscribe = async (socket: TestSocket, channel: string, since?: string) => {
      const before = socket.messages.length;
      socket.send({ type: 'subscribe', channel, since });
      await until(() => socket.messages.length > before, 'an answer');
      expect(socket.messages[before]).toMatchObject({ type: 'subscribed', channel });
      return socket.messages[before].id as string;
    };
    const publish = async (channel: string, type: string, payload: unknown) =>
      (await service.post(`/v1/channels/${channel}/messages`, { type, payload })).json.eventId as string;

    it('carry what is published to a channel, exactly as it was published, at the root of the own port too', async () => {
      const older = new TestSocket(ownPort());
      open.push(older);
      const sockets = [await older.opened(), await dial()];
      for (const socket of sockets) await subscribe(socket, 'task:routing');
      const payload = { taskId: 't', agent: 'claude', complexityScore: 0.5, reason: 'r', timestamp: 'now' };
      const id = await publish('task:routing', 'routing_decision', payload);
      await publish('agent:status', 'agent_status', {});
      await publish('task:routing', 'last', null);
      for (const socket of sockets) {
        await until(() => socket.events.length === 2, 'both messages');
        expect(socket.events[0]).toEqual({
          type: 'routing_decision',
          payload,
          id,
          at: expect.any(String),
          channel: 'task:routing',
        });
      }
    });

    it('carry what happens to one workflow, to one task, and to all workflows', async () => {
      const [a, b] = [service.id(), service.id()];
      const [one, task, all, both] = [await dial(), await dial(), await dial(), await dial()];
      await subscribe(one, `workflow:${a}`);
      await subscribe(task, `task:${a}-t`);
      await subscribe(all, 'workflows');
      for (const channel of [`workflow:${a}`, 'workflows', `task:${a}-t`, 'c']) await subscribe(both, channel);
      const { json } = await service.put(`${WORKFLOWS}/${a}`, { state: {} });
      await service.post(`/v1/queues/${a}/tasks`, { workflowId: a, id: `${a}-t`, payload: 1 });
      await service.put(`${WORKFLOWS}/${b}`, { state: {} });
      await service.call('DELETE', `${WORKFLOWS}/${a}`);
      await publish('c', 'last', 'x'.repeat(60_000));
      await until(() => both.events.length === 5 && all.events.length === 3, 'all of it');
      const seen = (socket: TestSocket) => socket.events.map(({ type }) => type);
      expect(seen(one)).toEqual(['workflow.created', 'task.enqueued', 'workflow.deleted']);
      expect(seen(task)).toEqual(['task.enqueued']);
      expect(seen(all)).toEqual(['workflow.created', 'workflow.created', 'workflow.deleted']);
      expect(seen(both)).toEqual(['workflow.created', 'task.enqueued', 'workflow.created', 'workflow.deleted', 'last']);
      expect(one.events[0].payload).toEqual({ workflowId: a, version: 1, etag: json.etag });
      const ids = both.events.map(({ id }) => id);
      expect(ids.toSorted()).toEqual(ids);
    });

    it('go on behind a place, and say when it is none', async () => {
      const socket = await dial();
      const channel = service.id();
      const start = await subscribe(socket, channel);
      for (let i = 0; i < 3; i++) await publish(channel, 'n', i);
      await until(() => socket.events.length === 3, 'three');
      const other = await dial();
      await subscribe(other, channel, start);
      await until(() => other.events.length === 3, 'three again');
      expect(other.events).toEqual(socket.events);
      await subscribe(other, channel, socket.events[1].id);
      await until(() => other.events.length === 4, 'the last again');
      other.send({ type: 'unsubscribe', channel });
      await until(() => other.messages.at(-1).type === 'unsubscribed', 'an answer');
      const lost = await dial();
      await subscribe(lost, channel, 'no place');
      await until(() => lost.messages.length === 2, 'a reset');
      expect(lost.messages[1]).toMatchObject({ type: 'reset', channel, code: 'FEED_RESET' });
      await publish(channel, 'n', 3);
      await until(() => lost.events.length === 1 && socket.events.length === 4, 'what comes next');
      expect(other.events).toHaveLength(4);
    });

    it('answer to what is wrong, and bear it', async () => {
      const socket = await dial();
      const bad = [
        '{',
        '[]',
        'null',
        '{"type":"publish"}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","channel":".x"}',
      ];
      const channels = ['workflow:a\nb', 'task:a/b', 'x'.repeat(129), `workflow:${'x'.repeat(201)}`, 'a\n', ''];
      for (const text of bad) socket.send(text);
      for (const channel of channels) socket.send({ type: 'subscribe', channel });
      socket.send({ type: 'subscribe', channel: 'c', since: 1 });
      socket.send({ type: 'ping', extra: 'is let pass' });
      await until(() => socket.messages.length === 14, 'all answers');
      expect(socket.messages.map(({ type }) => type)).toEqual([...Array.from({ length: 13 }, () => 'error'), 'pong']);
    });

    it('are closed by who says too much, or what is no text', async () => {
      const [fast, large, binary] = [await dial(), await dial(), await dial()];
      for (let i = 0; i < 60; i++) fast.send({ type: 'ping' });
      large.send('x'.repeat(64 * 1024 + 1));
      binary.send(Buffer.from('{"type":"ping"}'));
      await until(() => [fast, large, binary].every(({ isClosed }) => isClosed), 'all are closed');
      expect([fast.code, large.code, binary.code]).toEqual([1008, 1009, 1003]);
      expect(fast.messages.at(-1)).toMatchObject({ type: 'error', code: 'TOO_MANY_MESSAGES' });
    });

    interface Dialled {
      readonly origin?: string;
      readonly host?: string;
      readonly path?: string;
      readonly port?: number;
    }
    const handshake = async ({ origin, host, path = '/ws', port = Number(new URL(service.url).port) }: Dialled) => {
      const socket = connect(port, '127.0.0.1');
      const head = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
      head.push('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', `Host: ${host ?? '127.0.0.1'}:${port}`);
      if (origin !== undefined) head.push(`Origin: ${origin}`);
      socket.write(`GET ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
      const [first] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return Number(first.toString().split(' ')[1]);
    };
    const FOREIGN = ['http://evil.example', 'null', 'http://app.example.com', 'http://localhost.evil.example', 'x'];
    const OTHER_PORTS = ['http://localhost:5173', 'http://127.0.0.1'];

    it('are opened by pages of this service and of allowed origins only', async () => {
      for (const origin of [undefined, service.url, 'https://app.example.com'])
        expect([origin, await handshake({ ...(origin && { origin }) })]).toEqual([origin, 101]);
      for (const origin of [...FOREIGN, ...OTHER_PORTS])
        expect([origin, await handshake({ origin })]).toEqual([origin, 403]);
      expect(await handshake({ path: '/other' })).toBe(404);
    });

    it('are opened at the own port by pages on any port of this host, too', async () => {
      const at = { port: service.app.get(WebSockets).port as number, path: '/' };
      for (const origin of [service.url, 'https://app.example.com', ...OTHER_PORTS])
        expect([origin, await handshake({ ...at, origin })]).toEqual([origin, 101]);
      for (const origin of FOREIGN) expect([origin, await handshake({ ...at, origin })]).toEqual([origin, 403]);
    });

    it('are refused under a host name that was made to point here', async () => {
      const port = Number(new URL(service.url).port);
      const rebound = { host: 'evil.example', origin: `http://evil.example:${port}` };
      expect(await handshake(rebound)).toBe(421);
      expect(await handshake({ host: 'evil.example' })).toBe(421);
      const own = service.app.get(WebSockets).port as number;
      expect(await handshake({ host: 'evil.example', port: own, path: '/' })).toBe(421);
    });

    it('do not stand in the way of requests that offer another protocol', async () => {
      const { port } = new URL(service.url);
      const socket = connect(Number(port), '127.0.0.1');
      const id = service.id();
      const body = '{"state":{"n":1}}';
      const head = [
        `Host: 127.0.0.1:${port}`,
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: x',
      ];
      socket.write(
        `PUT ${WORKFLOWS}/${id} HTTP/1.1\r\n${head.join('\r\n')}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      socket.write(body.slice(0, 5));
      socket.write(body.slice(5));
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      await until(() => answer.includes('"version":1'), 'an answer');
      expect(answer).toMatch(/^HTTP\/1.1 201 /);
      // The connection stays open.
      socket.write(`GET ${WORKFLOWS}/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      await until(() => answer.includes('HTTP/1.1 200 '), 'another answer');
      socket.destroy();
    });

    it('leave pipelined requests that offer another protocol, each in its turn', async () => {
      const { port } = new URL(service.url);
      const id = service.id();
      const { headers } = await service.put(`${WORKFLOWS}/${id}/state`, { n: 1 });
      const offers = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n';
      const get = (path: string, more: string) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${more}\r\n`;
      const waits = `If-None-Match: ${headers.get('etag')}\r\nPrefer: wait=1\r\n`;
      const requests = [
        get(`${WORKFLOWS}/${id}/state`, waits),
        get(`${WORKFLOWS}/${id}/state`, offers),
        get('/status', ''),
        get(`${WORKFLOWS}/${id}`, offers),
        get('/status', 'Connection: close\r\n'),
      ];
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(requests.join(''));
      const answers = await text(socket);
      expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual([304, 200, 200, 200, 200].map((status) => `HTTP/1.1 ${status}`));
      expect(answers).toMatch(/\{"n":1\}[^]*"status":"ok"[^]*"version":1[^]*"status":"ok"/);
    });

    it('bear a hundred subscriptions each, and no more', async () => {
      const socket = await dial();
      const start = await subscribe(socket, 'c-0');
      for (let i = 1; i <= 100; i++) {
        socket.send({ type: 'subscribe', channel: `c-${i}`, since: start });
        // Below the limit of messages per second.
        if (i % 15 === 0) await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      await until(() => socket.messages.length === 101, 'all answers');
      const refused = socket.messages.filter(({ type }) => type === 'error');
      expect(refused).toMatchObject([{ code: 'TOO_MANY_SUBSCRIPTIONS', channel: 'c-100' }]);
    });

    it('are cut off when their client does not read, without growing, and others are not', async () => {
      const [slow, other] = [await dial(), await dial()];
      const channel = service.id();
      const start = await subscribe(slow, channel);
      await subscribe(other, channel);
      slow.pause();
      const before = service.app.get(Listeners).now.websocket;
      const payload = 'x'.repeat(60_000);
      let sent = 0;
      while (service.app.get(Listeners).now.websocket === before) {
        await publish(channel, 'n', [++sent, payload]);
        await until(() => other.events.length === sent, 'the other one has it');
        if (sent > 1000) throw new Error('a client that does not read is never cut off');
      }
      slow.resume();
      await until(() => slow.isClosed, 'the slow one is closed');
      const rest = await dial();
      await subscribe(rest, channel, slow.events.at(-1)?.id ?? start);
      await until(() => slow.events.length + rest.events.length === sent, 'the rest arrives');
      expect([...slow.events, ...rest.events].map(({ payload: [n] }) => n)).toEqual(
        Array.from({ length: sent }, (_, i) => i + 1),
      );
    });

    it('are described by the AsyncAPI document, every message of which was met', async () => {
      expect((await service.get('/asyncapi.yaml')).text).toMatch(/^asyncapi: 3\./);
      const needed = ['subscribed', 'unsubscribed', 'pong', 'event', 'published', 'reset', 'error'];
      expect(needed.filter((name) => !met.has(name))).toEqual([]);
    });

    // Last case: the service shuts down in it.
    it('are told to come back when the service goes away', async () => {
      const sockets = [await dial(), await dial()];
      service.app.get(Draining).begin();
      await until(() => sockets.every(({ isClosed }) => isClosed), 'all are closed');
      expect(sockets.map(({ code }) => code)).toEqual([1001, 1001]);
      const late = new TestSocket(`${service.url.replace('http', 'ws')}/ws`);
      await until(() => late.isClosed, 'a late one is refused');
    });
  },
  { WEBSOCKET_PORT: '0', ORIGINS: 'https://app.example.com', FEED_BUFFER_BYTES: '65536' },
);
