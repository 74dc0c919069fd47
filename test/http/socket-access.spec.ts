import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { JWTPayload } from 'jose';
import { Listeners } from '../../src/waiting/listeners.js';
import { WebSockets } from '../../src/feed/web-sockets.js';
import { LiveCallers } from '../../src/waiting/live-callers.js';
import { describeService, type Service } from '../support/describe-service.js';
import { TestIssuer } from '../support/issuer.js';
import { TestSocket } from '../support/socket-client.js';
import { until } from '../support/until.js';

const ADMIN_TOKEN = 'a-token-of-some-length';
/** Tokens hold this long after their end. */
const TOLERANCE_S = 30;
const issuer = await TestIssuer.start('ES256');
afterAll(() => issuer.stop());

const sign = (claims: JWTPayload = {}) => issuer.sign({ org_id: 'default', ...claims });
/** A token that is refused in so many seconds. */
const signUntil = (seconds: number) => sign({ exp: Math.floor(Date.now() / 1000) - TOLERANCE_S + seconds });
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describeService(
  'Credentials of live connections',
  (service: Service) => {
    const open: TestSocket[] = [];
    beforeAll(() => void (service.token = ADMIN_TOKEN));
    afterEach(() => {
      for (const socket of open.splice(0)) {
        expect(socket.flaws).toEqual([]);
        socket.terminate();
      }
    });
    const dial = (path = '/ws', ...given: [options?: object, protocols?: string[]]) => {
      const socket = new TestSocket(service.url.replace('http', 'ws') + path, ...given);
      open.push(socket);
      return socket;
    };
    const refusalOf = async (...given: Parameters<typeof dial>) => {
      const socket = dial(...given);
      await until(() => socket.refusal !== undefined, 'a refusal');
      const { status, body } = socket.refusal as NonNullable<typeof socket.refusal>;
      const document = JSON.parse(body) as { readonly status: number; readonly code: string };
      expect(document.status).toBe(status);
      return [status, document.code];
    };
    const closed = async (socket: TestSocket) => {
      await until(() => socket.isClosed, 'the end of the connection');
      return [socket.code, socket.messages.at(-1)?.code];
    };
    const subscribed = async (socket: TestSocket) => {
      socket.send({ type: 'subscribe', channel: 'c' });
      await until(() => socket.messages.at(-1)?.type === 'subscribed', 'a subscription');
      return socket;
    };

    it('come with the upgrade, in a header or as a subprotocol that is not repeated, on both ports', async () => {
      const token = await sign();
      const own = `ws://127.0.0.1:${service.app.get(WebSockets).port}`;
      for (const base of [service.url.replace('http', 'ws') + '/ws', own]) {
        const sockets = [
          new TestSocket(base, bearer(token)),
          new TestSocket(base, { headers: { 'x-api-key': token } }),
          new TestSocket(base, {}, [`waymark.bearer.${token}`, 'waymark.v1']),
          new TestSocket(base, bearer(ADMIN_TOKEN)),
        ];
        open.push(...sockets);
        for (const socket of sockets) await subscribed(await socket.opened());
        expect(sockets.map(({ protocol }) => protocol)).toEqual(['', '', 'waymark.v1', '']);
        expect(sockets.flatMap(({ messages }) => messages.map(({ type }) => type))).not.toContain('authenticated');
      }
    });

    it('come as the first message, and everything that follows waits for them', async () => {
      const socket = await dial().opened();
      socket.send({ type: 'auth', token: await sign({ exp: 4_000_000_000 }) });
      socket.send({ type: 'subscribe', channel: 'c' });
      socket.send({ type: 'ping' });
      await until(() => socket.messages.length === 3, 'all answers');
      expect(socket.messages[0]).toEqual({
        type: 'authenticated',
        tenant: 'default',
        by: 'ada',
        expiresAt: '2096-10-02T07:06:40.000Z',
      });
      expect(socket.messages.map(({ type }) => type).toSorted()).toEqual(['authenticated', 'pong', 'subscribed']);
    });

    it('are refused with the upgrade by an answer of HTTP', async () => {
      expect(await refusalOf('/ws', bearer('wrong'))).toEqual([401, 'INVALID_CREDENTIAL']);
      expect(await refusalOf('/ws', bearer(await signUntil(0)))).toEqual([401, 'CREDENTIAL_EXPIRED']);
      expect(await refusalOf('/ws', {}, ['waymark.v1', 'waymark.bearer.wrong'])).toEqual([401, 'INVALID_CREDENTIAL']);
      // A page would fail to connect if no subprotocol were selected.
      expect(await refusalOf('/ws', {}, [`waymark.bearer.${await sign()}`])).toEqual([400, 'BAD_REQUEST']);
      expect(await refusalOf('/ws', bearer(await sign({ scope: 'workflows:read' })))).toEqual([
        403,
        'INSUFFICIENT_SCOPE',
      ]);
      const elsewhere = { headers: { authorization: `Bearer ${await sign()}`, 'waymark-tenant': 'other' } };
      expect(await refusalOf('/ws', elsewhere)).toEqual([403, 'INSUFFICIENT_SCOPE']);
    });

    it('are refused in a URL, also good ones', async () => {
      const token = await sign();
      for (const query of [`access_token=${token}`, `token=${token}`, 'key=wmk_default_x', `%74oken=${token}`])
        expect(await refusalOf(`/ws?${query}`, bearer(token))).toEqual([400, 'CREDENTIAL_IN_URL']);
    });

    it('are refused as a message by a close code, and so is any message before them', async () => {
      const send = async (...messages: unknown[]) => {
        const socket = await dial().opened();
        for (const message of messages) socket.send(message);
        return closed(socket);
      };
      const token = await sign({ waymark_role: 'worker' });
      expect(await send({ type: 'auth', token: 'wrong' }, { type: 'subscribe', channel: 'c' })).toEqual([
        4401,
        'INVALID_CREDENTIAL',
      ]);
      expect(await send({ type: 'auth', token })).toEqual([4403, 'INSUFFICIENT_SCOPE']);
      expect(await send({ type: 'subscribe', channel: 'c' })).toEqual([4401, 'UNAUTHENTICATED']);
      expect(await send({ type: 'ping' })).toEqual([4401, 'UNAUTHENTICATED']);
    });

    it('are asked for again when a message is none, and are never repeated', async () => {
      const socket = await dial().opened();
      for (const token of [undefined, 1, '', 'a b', 'a\n', 'x'.repeat(16_385)]) socket.send({ type: 'auth', token });
      await until(() => socket.messages.length === 6, 'six errors');
      expect(new Set(socket.messages.map(({ code }) => code))).toEqual(new Set(['INVALID_MESSAGE']));
      socket.send({ type: 'auth', token: await sign() });
      await until(() => socket.messages.at(-1)?.type === 'authenticated', 'a welcome');
    });

    it('must come within 5 s', async () => {
      const startedAt = performance.now();
      const socket = await dial().opened();
      expect(await closed(socket)).toEqual([4401, 'UNAUTHENTICATED']);
      expect(performance.now() - startedAt).toBeGreaterThan(4900);
    });

    it('end a WebSocket, a stream and a waiting request when they expire', async () => {
      const token = await signUntil(3);
      const [byHeader, byMessage] = [dial('/ws', bearer(token)), dial()];
      await subscribed(await byHeader.opened());
      (await byMessage.opened()).send({ type: 'auth', token });
      const stream = fetch(`${service.url}/v1/events`, bearer(token)).then((response) => response.text());
      const startedAt = performance.now();
      const poll = await service.get('/v1/events?wait=60', { token });
      expect(poll).toMatchObject({ status: 200, json: { events: [] } });
      expect(await stream).toMatch(/\nevent: refused\ndata: {"code":"CREDENTIAL_EXPIRED","detail":".+"}\n\n$/);
      expect(await closed(byHeader)).toEqual([4401, 'CREDENTIAL_EXPIRED']);
      expect(await closed(byMessage)).toEqual([4401, 'CREDENTIAL_EXPIRED']);
      expect(performance.now() - startedAt).toBeLessThan(30_000);
      expect((await service.get('/v1/events?wait=0', { token })).json.code).toBe('CREDENTIAL_EXPIRED');
    });

    it('end a WebSocket, a stream and a waiting request when their key is revoked or loses its scope', async () => {
      const make = async () => (await service.post('/v1/keys', { name: 'live', role: 'reader' })).json;
      const [revoked, changed] = [await make(), await make()];
      const live = async (token: string) => {
        const socket = await subscribed(await dial('/ws', bearer(token)).opened());
        const response = await fetch(`${service.url}/v1/events`, bearer(token));
        const poll = service.get('/v1/events?wait=60', { token });
        await until(() => service.app.get(Listeners).now.poll > 0, 'the poll waits');
        return async () => [await closed(socket), (await response.text()).split('\n').at(-3), (await poll).status];
      };
      const endsOf = [await live(revoked.key), await live(changed.key)] as const;
      await service.post(`/v1/keys/${revoked.id}/revoke`, undefined);
      await service.call('PATCH', `/v1/keys/${changed.id}`, { json: { role: 'worker' } });
      expect(await endsOf[0]()).toEqual([
        [4401, 'INVALID_CREDENTIAL'],
        expect.stringContaining('"code":"INVALID_CREDENTIAL"'),
        200,
      ]);
      expect(await endsOf[1]()).toEqual([
        [4403, 'INSUFFICIENT_SCOPE'],
        expect.stringContaining('"code":"INSUFFICIENT_SCOPE"'),
        200,
      ]);
      await until(() => service.app.get(LiveCallers).size === 0, 'nothing is watched any longer');
    });

    it('end a stream with states when their key may no longer read workflows', async () => {
      const scopes = ['events:read', 'workflows:read'];
      const { id, key } = (await service.post('/v1/keys', { name: 'follower', scopes })).json;
      const url = `${service.url}/v1/events`;
      const stream = await fetch(`${url}?include=state`, bearer(key));
      const plain = await fetch(url, bearer(key));
      const poll = service.get('/v1/events?wait=60&include=state', { token: key });
      await until(() => service.app.get(Listeners).now.poll > 0, 'the poll waits');
      await service.call('PATCH', `/v1/keys/${id}`, { json: { scopes: ['events:read'] } });
      expect(await stream.text()).toMatch(/\nevent: refused\ndata: {"code":"INSUFFICIENT_SCOPE".*\n\n$/);
      expect((await poll).status).toBe(200);
      const refused = await service.get('/v1/events?wait=0&include=state', { token: key });
      expect([refused.status, refused.json.code]).toEqual([403, 'INSUFFICIENT_SCOPE']);
      expect((await service.get('/v1/events?wait=0', { token: key })).status).toBe(200);
      expect(service.app.get(LiveCallers).size).toBe(1);
      await plain.body?.cancel();
      await until(() => service.app.get(LiveCallers).size === 0, 'nothing is watched any longer');
    });

    it('end the progress of a task and a running export when their key is revoked', async () => {
      const reader = (await service.post('/v1/keys', { name: 'reader', role: 'reader' })).json;
      const operator = (await service.post('/v1/keys', { name: 'operator', role: 'operator' })).json;
      const task = (await service.post('/v1/queues/q/tasks', { payload: 1 })).json.id as string;
      // More than fits into the buffers of a connection.
      const state = 'x'.repeat(1_000_000);
      for (let i = 0; i < 40; i++) await service.put(`/v1/workflows/large-${i}`, { state });
      const streamed = { accept: 'text/event-stream', ...bearer(reader.key).headers };
      const progress = await fetch(`${service.url}/v1/tasks/${task}/events`, { headers: streamed });
      const exported = await fetch(`${service.url}/v1/export`, bearer(operator.key));
      const lines = (exported.body as ReadableStream<Uint8Array>).getReader();
      await lines.read();
      await until(() => service.app.get(LiveCallers).size === 2, 'both are watched');
      for (const { id } of [reader, operator]) await service.post(`/v1/keys/${id}/revoke`, undefined);
      expect(await progress.text()).toMatch(/\nevent: refused\ndata: {"code":"INVALID_CREDENTIAL".*\n\n$/);
      await until(() => service.app.get(LiveCallers).size === 0, 'both are refused');
      const rest = async () => {
        for (let bytes = 0; ;) {
          const { done, value } = await lines.read();
          if (done) return `complete after ${bytes} bytes`;
          bytes += value.length;
        }
      };
      await expect(rest()).rejects.toThrow('terminated');
    });

    it('end a WebSocket, a stream and a waiting request when their tenant is suspended, and no others', async () => {
      await service.put('/v1/tenants/asleep', {});
      const tenant = { 'waymark-tenant': 'asleep' };
      const made = await service.post('/v1/keys', { name: 'live', role: 'reader' }, { headers: tenant });
      const token = made.json.key;
      const user = await sign({ org_id: 'asleep' });
      const other = await subscribed(await dial('/ws', bearer(await sign())).opened());
      const sockets = [dial('/ws', bearer(token)), dial('/ws', bearer(user))];
      for (const socket of sockets) await subscribed(await socket.opened());
      const response = await fetch(`${service.url}/v1/events`, bearer(token));
      const poll = service.get('/v1/events?wait=60', { token });
      await until(() => service.app.get(Listeners).now.poll > 0, 'the poll waits');
      await service.call('PATCH', '/v1/tenants/asleep', { json: { status: 'suspended' } });
      for (const socket of sockets) expect(await closed(socket)).toEqual([4403, 'TENANT_SUSPENDED']);
      expect(await response.text()).toContain('"code":"TENANT_SUSPENDED"');
      expect((await poll).status).toBe(200);
      expect(other.isClosed).toBe(false);
      expect(await refusalOf('/ws', bearer(token))).toEqual([403, 'TENANT_SUSPENDED']);
    });

    it('can be renewed before they end, without a gap', async () => {
      const socket = await subscribed(await dial('/ws', bearer(await signUntil(2))).opened());
      const second = await subscribed(await dial('/ws', bearer(await signUntil(2))).opened());
      socket.send({ type: 'auth', token: await sign() });
      await until(() => socket.messages.at(-1)?.type === 'authenticated', 'a welcome');
      expect(await closed(second)).toEqual([4401, 'CREDENTIAL_EXPIRED']);
      await service.post('/v1/channels/c/messages', { type: 'n', payload: 1 });
      await until(() => socket.events.length === 1, 'an event');
      // A wrong one ends the connection: whoever sends it means to be somebody else.
      socket.send({ type: 'auth', token: 'wrong' });
      expect(await closed(socket)).toEqual([4401, 'INVALID_CREDENTIAL']);
    });

    it('bring an operator into the tenant that it names', async () => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'waymark-tenant': 'other' };
      expect(await refusalOf('/ws', { headers })).toEqual([404, 'TENANT_NOT_FOUND']);
      await service.put('/v1/tenants/other', {});
      const socket = await subscribed(await dial('/ws', { headers }).opened());
      await service.post('/v1/channels/c/messages', { type: 'n', payload: 'default' });
      await service.post('/v1/channels/c/messages', { type: 'n', payload: 'other' }, { headers });
      await until(() => socket.events.length === 1, 'the message of the tenant');
      expect(socket.events[0].payload).toBe('other');
    });

    it('of strangers do not take the places of callers', async () => {
      const metrics = service.app.get(Listeners);
      await until(() => metrics.now.websocket === 0, 'no connection');
      const strangers = await Promise.all(Array.from({ length: 16 }, () => dial().opened()));
      expect(metrics.now.websocket).toBe(0);
      await subscribed(await dial('/ws', bearer(await sign())).opened());
      expect(metrics.now.websocket).toBe(1);
      for (const socket of strangers) expect(await closed(socket)).toEqual([4401, 'UNAUTHENTICATED']);
    });
  },
  {
    ADMIN_TOKEN,
    JWT_ISSUER: issuer.url,
    JWT_AUDIENCE: 'waymark',
    WEBSOCKET_PORT: '0',
    FEED_MAX_LISTENERS: '12',
  },
);

describeService(
  'Limits of live connections',
  (service: Service) => {
    const url = () => `${service.url.replace('http', 'ws')}/ws`;
    const refusal = async (options: object) => {
      const socket = new TestSocket(url(), options);
      await until(() => socket.refusal !== undefined || socket.isOpen, 'an answer');
      const { status } = socket.refusal ?? { status: 101 };
      socket.terminate();
      return status;
    };

    it('count an upgrade of a user as a request', async () => {
      const token = await sign({ sub: 'frequent' });
      const seen: number[] = [];
      for (let i = 0; i < 5; i++) seen.push(await refusal(bearer(token)));
      expect(seen).toEqual([101, 101, 101, 429, 429]);
      expect((await service.get('/v1/whoami', { token })).json).toMatchObject({
        code: 'RATE_LIMITED',
        'violated-policies': ['user'],
      });
    });

    it('count a wrong credential to its address, in a header and in a message', async () => {
      expect(await refusal(bearer('wrong'))).toBe(401);
      expect(await refusal(bearer('wrong'))).toBe(429);
      const socket = await new TestSocket(url()).opened();
      socket.send({ type: 'auth', token: 'wrong' });
      await until(() => socket.isClosed, 'the end of the connection');
      expect([socket.code, socket.messages.at(-1).code]).toEqual([1013, 'RATE_LIMITED']);
    });
  },
  {
    ADMIN_TOKEN,
    JWT_ISSUER: issuer.url,
    JWT_AUDIENCE: 'waymark',
    RATE_LIMIT_ENABLED: 'true',
    RATE_LIMIT_REQUESTS_PER_MINUTE: '1',
    RATE_LIMIT_BURST_SIZE: '3',
  },
);

describeService('Live connections of an open service', (service: Service) => {
  it('need no credential, and one that is sent must hold', async () => {
    const url = `${service.url.replace('http', 'ws')}/ws`;
    const socket = await new TestSocket(url).opened();
    socket.send({ type: 'subscribe', channel: 'c' });
    await until(() => socket.messages.at(-1)?.type === 'subscribed', 'a subscription');
    socket.send({ type: 'auth', token: 'wrong' });
    await until(() => socket.isClosed, 'the end of the connection');
    expect([socket.code, socket.messages.at(-1).code]).toEqual([4401, 'INVALID_CREDENTIAL']);
    const other = new TestSocket(url, bearer('wrong'));
    await until(() => other.refusal?.status === 401, 'a refusal');
    // Other subprotocols are selected as before.
    const older = await new TestSocket(url, {}, ['mine', 'yours']).opened();
    expect(older.protocol).toBe('mine');
    older.terminate();
  });
});
