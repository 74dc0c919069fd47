import { afterEach, expect, it } from '@jest/globals';
import { EventStreams } from '../../src/feed/event-streams.js';
import { describeService, WORKFLOWS, type Service } from '../support/describe-service.js';
import { EventStreamClient } from '../support/event-stream-client.js';
import { OPERATIONS } from '../support/operations.js';
import { until } from '../support/until.js';

const EVENT_ID = /^\d{13}-\d{6}-[0-9a-f]{8}_[0-9a-f]{6}$/;

describeService('The feed', (service: Service) => {
  const open: EventStreamClient[] = [];
  afterEach(() => {
    for (const client of open.splice(0)) client.close();
  });
  const follow = async (path: string, headers?: Record<string, string>) => {
    const client = new EventStreamClient(service.url + path, headers);
    open.push(client);
    await until(() => client.status > 0 && client.lastId !== '', 'the stream is open');
    expect(client.status).toBe(200);
    return client;
  };
  const putState = (id: string, state: unknown = {}) => service.put(`${WORKFLOWS}/${id}`, { state });
  const publish = (channel: string, type: string, payload: unknown) =>
    service.post(`/v1/channels/${channel}/messages`, { type, payload });
  const poll = (query: string) => service.get(`/v1/events?${query}`);
  const end = async () => (await poll('wait=0')).json.next as string;

  it('shows what happens to workflows, tasks and channels, as a stream', async () => {
    const client = await follow('/v1/events');
    const { headers } = client;
    expect([headers['content-type'], headers['cache-control'], headers['x-accel-buffering']]).toEqual([
      'text/event-stream; charset=utf-8',
      'no-store',
      'no',
    ]);
    const id = service.id();
    const { json: created } = await putState(id);
    await service.post(`/v1/queues/${id}/tasks`, { workflowId: id, id: `${id}-t`, payload: {} });
    const { json: published } = await publish('task:routing', 'routing_decision', { agent: 'x' });
    await service.call('DELETE', `${WORKFLOWS}/${id}`);
    await until(() => client.events.length === 4, 'four events');
    expect(client.events).toEqual([
      {
        id: expect.stringMatching(EVENT_ID),
        type: 'workflow.created',
        at: expect.any(String),
        workflowId: id,
        version: 1,
        etag: created.etag,
      },
      {
        id: expect.any(String),
        type: 'task.enqueued',
        at: expect.any(String),
        taskId: `${id}-t`,
        queue: id,
        workflowId: id,
      },
      {
        id: published.eventId,
        type: 'routing_decision',
        at: expect.any(String),
        channel: 'task:routing',
        payload: { agent: 'x' },
      },
      {
        id: expect.any(String),
        type: 'workflow.deleted',
        at: expect.any(String),
        workflowId: id,
        version: 1,
        etag: created.etag,
      },
    ]);
    expect(client.frames.map(({ id: frameId }) => frameId)).toEqual(client.events.map((event) => event.id));
    expect(Math.abs(Date.parse(client.events[0].at) - Date.now())).toBeLessThan(60_000);
  });

  it('shows only what is asked for', async () => {
    const [a, b] = [service.id(), service.id()];
    const clients = await Promise.all(
      [`workflow=${a}`, `idPrefix=${b}`, 'type=said', `type=workflow.*&workflow=${b}`, `channel=${a}`].map((query) =>
        follow(`/v1/events?${query}`),
      ),
    );
    const own = await follow(`${WORKFLOWS}/${a}/events`);
    await putState(a);
    await putState(`${b}-1`);
    await putState(b);
    await service.post(`/v1/queues/${a}/tasks`, { workflowId: b, payload: {} });
    await publish(a, 'said', 1);
    await publish(b, 'workflow.created', 2);
    await putState(a);
    const last = await publish('last', 'said', 3);
    await until(() => clients[2]?.events.length === 2, 'the last message arrives');
    const seen = (client: EventStreamClient | undefined) =>
      client?.events.map(
        (event) => `${event.type} ${event.taskId === undefined ? (event.workflowId ?? event.channel) : 't'}`,
      );
    await until(() => own.events.length === 2, 'the last write arrives');
    expect(seen(own)).toEqual([`workflow.created ${a}`, `workflow.updated ${a}`]);
    expect(clients.map(seen)).toEqual([
      [`workflow.created ${a}`, `workflow.updated ${a}`],
      [`workflow.created ${b}-1`, `workflow.created ${b}`, 'task.enqueued t'],
      [`said ${a}`, 'said last'],
      [`workflow.created ${b}`],
      [`said ${a}`],
    ]);
    // A heartbeat moves a filtered stream on, so that its place never falls out of the feed.
    service.app.get(EventStreams).heartbeat();
    await until(() => clients.every(({ lastId }) => lastId >= last.json.eventId), 'all are at the end');
  });

  it('goes on behind the last event a client has seen, from memory and from the store', async () => {
    const id = service.id();
    const start = await end();
    for (let i = 1; i <= 5; i++) await putState(id, i);
    const all = (await poll(`since=${start}&wait=0`)).json.events;
    expect(all.map(({ version }: { version: number }) => version)).toEqual([1, 2, 3, 4, 5]);
    for (const [i, since] of [start, all[0].id, all[3].id, all[4].id].entries()) {
      const rest = all.slice([0, 1, 4, 5][i]);
      const byHeader = await follow('/v1/events', { 'last-event-id': since });
      const byQuery = await follow(`/v1/events?since=${since}`);
      // Like a browser that reconnects with the query of its first request.
      const byBoth = await follow('/v1/events?since=0', { 'last-event-id': since });
      const clients = [byHeader, byQuery, byBoth];
      await until(() => clients.every(({ events }) => events.length >= rest.length), 'the rest arrives');
      expect(clients.map(({ events }) => events)).toEqual([rest, rest, rest]);
    }
    const everything = (await poll('since=0&limit=1000&wait=0')).json.events;
    expect(everything.slice(-5)).toEqual(all);
    const replayed = await follow('/v1/events?since=0');
    await until(() => replayed.events.length >= everything.length, 'all there is arrives');
    expect(replayed.events).toEqual(everything);
  });

  it('is there as JSON, page by page, and waits for what comes next', async () => {
    const id = service.id();
    const start = await end();
    expect((await poll(`since=${start}&wait=0`)).json).toEqual({ events: [], next: start });
    const waiting = poll(`since=${start}&wait=30&channel=${id}`);
    await putState(id);
    const { json } = await publish(id, 'said', 'now');
    expect((await waiting).json).toMatchObject({ events: [{ payload: 'now' }], next: json.eventId });
    for (let i = 0; i < 5; i++) await publish(id, 'said', i);
    const seen: unknown[] = [];
    for (let next = json.eventId as string; ;) {
      const page = (await poll(`since=${next}&wait=0&limit=2&channel=${id}`)).json;
      if (page.events.length === 0) break;
      expect(page.events.length).toBeLessThanOrEqual(2);
      seen.push(...page.events.map(({ payload }: { payload: unknown }) => payload));
      next = page.next;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    const other = (await poll(`since=${start}&wait=0&channel=nobody`)).json;
    expect(other.events).toEqual([]);
    expect(other.next > start).toBe(true);
    expect((await service.get(`${WORKFLOWS}/${id}/events?since=${start}&wait=0`)).json.events).toHaveLength(1);
    const accepted = await service.get('/v1/events', { headers: { accept: 'application/json' } });
    expect(accepted.json.events).toEqual([]);
    expect((await service.call('HEAD', '/v1/events')).status).toBe(200);
  });

  it('says when events may have been missed, and what to do then', async () => {
    const id = service.id();
    await putState(id, { n: 1 });
    const place = await end();
    const [ms = '', , epoch = ''] = place.split('-');
    const unknown = [place.replace(epoch, '00000000'), `${Number(ms) + 1e9}-000000-${epoch}`, 'garbage', '%00', '-1'];
    for (const since of unknown) {
      const refused = await poll(`wait=20&since=${since}`);
      expect([refused.status, refused.json.code]).toEqual([410, 'FEED_RESET']);
    }
    // The documented recovery: note the place, read the state, continue from the place.
    const client = await follow('/v1/events', { 'last-event-id': 'garbage' });
    await until(() => client.frames.length === 1, 'the reset');
    expect(client.frames[0]).toMatchObject({ event: 'reset', data: { code: 'FEED_RESET' } });
    expect(client.frames[0]?.id).toBe(client.frames[0]?.data.next);
    expect((await service.get(`${WORKFLOWS}/${id}`)).json.version).toBe(1);
    await putState(id, { n: 2 });
    await until(() => client.events.length === 1, 'the next write');
    expect(client.events).toMatchObject([{ workflowId: id, version: 2 }]);
    const next = client.frames[0]?.data.next;
    expect((await poll(`since=${next}&wait=0`)).json.events).toEqual(client.events);
  });

  it('takes messages of any payload as they are, once for each key', async () => {
    const start = await end();
    const body = '{"type":"t \\"x\\"","payload":{"big": 12345678901234567890,\n"e":1.0, "a":[]}}';
    const headers = { 'idempotency-key': service.id() };
    const first = await service.call('POST', '/v1/channels/c/messages', { body, headers });
    const again = await service.call('POST', '/v1/channels/c/messages', { body, headers });
    expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 202, 'true']);
    expect(again.text).toBe(first.text);
    const { text } = await poll(`since=${start}&wait=0`);
    expect(text).toContain('"payload":{"big": 12345678901234567890,\n"e":1.0, "a":[]}}');
    expect(JSON.parse(text).events).toHaveLength(1);
    expect((await service.post('/v1/channels/c/messages', { type: 'no payload' })).status).toBe(202);
    const client = await follow(`/v1/events?since=${start}`);
    await until(() => client.events.length === 2, 'both');
    expect(client.events[0].payload).toMatchObject({ e: 1, a: [] });
  });

  it('refuses messages and questions that are not in order', async () => {
    const code = async (path: string, json: unknown) => {
      const answer = await service.post(`/v1/channels/${path}/messages`, json);
      return [answer.status, answer.json.code];
    };
    for (const channel of ['.hidden', 'a%2Fb', 'a%00b', '%F0%9F%9A%80', 'x'.repeat(129), '{a}', 'a%0d%0ab', '*']) {
      expect(await code(channel, { type: 't' })).toEqual([422, 'INVALID_ID']);
    }
    expect(await code('c', {})).toEqual([422, 'INVALID_BODY']);
    expect(await code('c', { type: '' })).toEqual([422, 'INVALID_BODY']);
    expect(await code('c', { type: 'x'.repeat(129) })).toEqual([422, 'INVALID_BODY']);
    expect(await code('c', { type: 't', other: 1 })).toEqual([422, 'INVALID_BODY']);
    expect(await code('c', { type: 't', payload: 'x'.repeat(64 * 1024) })).toEqual([413, 'STATE_TOO_LARGE']);
    for (const query of [
      'workflow=count',
      'idPrefix=%00',
      'type=',
      'channel=a/b',
      'wait=61',
      'wait=x',
      'limit=0',
      'what=1',
    ]) {
      expect((await poll(`wait=0&${query}`)).status).toBe(422);
    }
    expect((await service.get('/v1/events?wait=0', { headers: { 'idempotency-key': 'k' } })).status).toBe(422);
  });

  it('shows in metrics and health who follows it', async () => {
    const client = await follow('/v1/events');
    const { details } = (await service.get('/health')).json;
    expect(details.feed).toMatchObject({ status: 'up', readers: 1 });
    expect(details.feed.streams).toBeGreaterThanOrEqual(1);
    expect((await service.get('/metrics')).text).toMatch(/waymark_feed_clients\{kind="sse"\} [1-9]/);
    client.close();
    await until(async () => (await service.get('/health')).json.details.feed.streams === 0, 'nobody is left');
  });

  it('answers a poll with at most 8 MiB of events, and goes on where it ended', async () => {
    const start = await end();
    const payload = 'x'.repeat(60_000);
    for (let n = 0; n < 4; n++) {
      const publish = Array.from({ length: 40 }, () => ({ channel: 'large', type: 'x', payload }));
      expect((await service.post('/v1/commits', { publish })).status).toBe(200);
    }
    for (const wait of [0, 5]) {
      const first = (await poll(`since=${start}&wait=${wait}&limit=1000&channel=large`)).json;
      expect(first.events.length).toBeGreaterThan(100);
      expect(first.events.length).toBeLessThan(150);
      expect(first.next).toBe(first.events.at(-1).id);
      const second = (await poll(`since=${first.next}&wait=${wait}&limit=1000&channel=large`)).json;
      expect(first.events.length + second.events.length).toBe(160);
    }
  });

  it('is described', async () => {
    await service.get('/asyncapi.yaml');
    for (const operation of OPERATIONS.feed) expect([...service.checker.exercised]).toContain(operation);
  });
});

describeService(
  'A feed with little room',
  (service) => {
    it('refuses more clients than it is to serve', async () => {
      const clients = [0, 1].map(() => new EventStreamClient(`${service.url}/v1/events`));
      await until(() => clients.every(({ status }) => status === 200), 'two streams are open');
      const refused = await service.get('/v1/events?wait=1');
      expect([refused.status, refused.json.code]).toEqual([429, 'TOO_MANY_LISTENERS']);
      expect(refused.headers.get('retry-after')).toBe('2');
      for (const client of clients) client.close();
      await until(async () => (await service.get('/v1/events?wait=0')).status === 200, 'there is room again');
    });

    it('counts streams of tasks and waiting requests too', async () => {
      const task = await service.post('/v1/queues/some/tasks', { payload: 1 });
      const { id } = task.json;
      const tag = (await service.put('/v1/workflows/awaited/state', 1)).headers.get('etag') as string;
      const waits = [
        () => service.get(`/v1/tasks/${id}?waitMs=30000`),
        () => service.get(`/v1/tasks/${id}/events?waitMs=30000`),
        () => service.get('/v1/workflows/awaited', { headers: { 'if-none-match': tag, prefer: 'wait=30' } }),
        () => service.post('/v1/queues/empty/claims', { waitMs: 30_000 }),
      ];
      const streams = [0, 1].map(() => new EventStreamClient(`${service.url}/v1/tasks/${id}/events`));
      await until(() => streams.every(({ status }) => status === 200), 'two streams are open');
      for (const ask of waits) {
        const refused = await ask();
        expect([refused.status, refused.json.code]).toEqual([429, 'TOO_MANY_LISTENERS']);
      }
      expect((await service.get(`/v1/tasks/${id}`)).status).toBe(200);
      const counted = async () => (await service.get('/health')).json.details.feed;
      expect(await counted()).toMatchObject({ taskStreams: 2, waits: 0 });
      for (const stream of streams) stream.close();
      await until(async () => (await counted()).taskStreams === 0, 'there is room again');
      const [first, second] = [waits[0]?.(), waits[2]?.()];
      await until(async () => (await counted()).waits === 2, 'two requests wait');
      expect((await service.get('/v1/events?wait=1')).status).toBe(429);
      await service.post(`/v1/tasks/${id}/cancel`, {});
      await service.put('/v1/workflows/awaited/state', 2);
      expect([(await first)?.status, (await second)?.status]).toEqual([200, 200]);
      expect(await counted()).toMatchObject({ waits: 0 });
    });

    it('cuts off a client that does not read, and lets it resume at its place', async () => {
      const slow = new EventStreamClient(`${service.url}/v1/events?channel=flood`);
      const other = new EventStreamClient(`${service.url}/v1/events?channel=flood`);
      await until(() => slow.lastId !== '' && other.lastId !== '', 'both streams are open');
      slow.pause();
      const payload = 'x'.repeat(60_000);
      let sent = 0;
      const cuts = async () =>
        /waymark_feed_clients_cut_total\{reason="slow"\} 1/.test((await service.get('/metrics')).text);
      while (!(await cuts())) {
        const message = { type: 'n', payload: [++sent, payload] };
        expect((await service.post('/v1/channels/flood/messages', message)).status).toBe(202);
        await until(() => other.events.length === sent, 'the other one has it');
        if (sent > 1000) throw new Error('a client that does not read is never cut off');
      }
      slow.resume();
      await until(() => slow.hasEnded, 'the slow one is at the end of its stream');
      expect(slow.frames.at(-1)).toMatchObject({ event: 'resync', data: { code: 'TOO_SLOW', since: slow.lastId } });
      const rest = new EventStreamClient(`${service.url}/v1/events?channel=flood`, { 'last-event-id': slow.lastId });
      await until(() => slow.events.length + rest.events.length === sent, 'the rest arrives');
      expect([...slow.events, ...rest.events].map((event) => event.payload[0])).toEqual(
        Array.from({ length: sent }, (_, i) => i + 1),
      );
      for (const client of [other, rest]) client.close();
    });
  },
  { FEED_MAX_LISTENERS: '2', FEED_BUFFER_BYTES: '65536' },
);
