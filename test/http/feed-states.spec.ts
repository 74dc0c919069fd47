import { afterEach, expect, it, jest } from '@jest/globals';
import { Engine } from '../../src/engine/engine.js';
import { PAGE_BYTES } from '../../src/engine/limits.js';
import { EventStreams } from '../../src/feed/event-streams.js';
import { describeService, WORKFLOWS, type Service } from '../support/describe-service.js';
import { EventStreamClient } from '../support/event-stream-client.js';
import { until } from '../support/until.js';

interface Event {
  readonly id: string;
  readonly type: string;
  readonly workflowId: string;
  readonly version: number;
  readonly state?: unknown;
  readonly stateMissing?: boolean;
}

describeService(
  'The feed with states',
  (service: Service) => {
    const open: EventStreamClient[] = [];
    afterEach(() => {
      for (const client of open.splice(0)) client.close();
    });
    const follow = async (path: string) => {
      const client = new EventStreamClient(service.url + path);
      open.push(client);
      await until(() => client.status > 0 && client.lastId !== '', 'the stream is open');
      return client;
    };
    const at = (id: string, rest = '') => `${WORKFLOWS}/${id}${rest}`;
    const putState = (id: string, state: unknown) => service.put(at(id), { state });
    const poll = async (query: string) =>
      (await service.get(`/v1/events?include=state&${query}`)).json as { events: Event[]; next: string };
    const end = async () => (await poll('wait=0')).next;
    const shown = ({ type, version, state, stateMissing }: Event) => [
      type.replace('workflow.', ''),
      version,
      state ?? (stateMissing === true ? 'missing' : 'none'),
    ];

    it('has the state of each version as it was then, in answers and streams', async () => {
      const id = service.id();
      const start = await end();
      const live = await follow(`/v1/events?include=state&workflow=${id}`);
      const own = await follow(`${at(id)}/events?include=state`);
      await putState(id, { n: 1 });
      await service.patch(at(id, '/state'), 'merge', { n: 2 });
      await service.post(at(id, '/restore'), { version: 1 });
      await service.post(`/v1/queues/${id}/tasks`, { workflowId: id, payload: {} });
      await service.post(`/v1/channels/${id}/messages`, { type: 'workflow.updated', payload: { version: 1 } });
      await putState(id, { n: 4 });
      const expected = [
        ['created', 1, { n: 1 }],
        ['updated', 2, { n: 2 }],
        ['restored', 3, { n: 1 }],
        ['task.enqueued', undefined, 'none'],
        ['updated', 4, { n: 4 }],
      ];
      await until(() => live.events.length === 5 && own.events.length === 5, 'all events arrive');
      expect((live.events as Event[]).map(shown)).toEqual(expected);
      expect(own.events).toEqual(live.events);
      expect(live.frames.map((frame) => frame.id)).toEqual(live.events.map((event: Event) => event.id));
      const { events } = await poll(`since=${start}&workflow=${id}&wait=0`);
      expect(events).toEqual(live.events);
      const late = await follow(`/v1/events?include=state&workflow=${id}&since=${start}`);
      await until(() => late.events.length === 5, 'all events arrive again');
      expect(late.events).toEqual(live.events);
      const message = (await poll(`since=${start}&channel=${id}&wait=0`)).events[0];
      expect(message).toMatchObject({ type: 'workflow.updated', payload: { version: 1 } });
      expect(message).not.toHaveProperty('stateMissing');
      const plain = await service.get(`/v1/events?since=${start}&workflow=${id}&wait=0`);
      for (const event of plain.json.events) expect(event).not.toHaveProperty('state');
    });

    it('waits for the next event, and has its state', async () => {
      const id = service.id();
      const waiting = poll(`since=${await end()}&workflow=${id}&wait=30`);
      await putState(id, ['now']);
      expect((await waiting).events.map(shown)).toEqual([['created', 1, ['now']]]);
    });

    it('keeps the text of a state, line breaks included', async () => {
      const id = service.id();
      const start = await end();
      const state = '{"big": 12345678901234567890,\r\n"one":1.0,\n\n"a":[]}';
      const live = await follow(`${at(id)}/events?include=state`);
      await service.call('PUT', at(id, '/state'), { body: state });
      const { text } = await service.get(`${at(id)}/events?include=state&since=${start}&wait=0`);
      expect(text).toContain(`"state":${state}`);
      await until(() => live.events.length === 1, 'the event');
      expect(live.events[0].state).toEqual(JSON.parse(state));
    });

    it('says that a state is missing, and never shows that of another version', async () => {
      const [pruned, deleted, again] = [service.id(), service.id(), service.id()];
      const start = await end();
      for (let n = 1; n <= 6; n++) await putState(pruned, n);
      await putState(deleted, 'gone');
      await putState(again, 'old');
      for (const id of [deleted, again]) await service.call('DELETE', at(id));
      await putState(again, 'new');
      const expected = [
        ['created', 1, 'missing'],
        ['updated', 2, 'missing'],
        ['updated', 3, 3],
        ['updated', 4, 4],
        ['updated', 5, 5],
        ['updated', 6, 6],
        ['created', 1, 'missing'],
        ['created', 1, 'missing'],
        ['deleted', 1, 'none'],
        ['deleted', 1, 'none'],
        ['created', 1, 'new'],
      ];
      expect((await poll(`since=${start}&wait=0`)).events.map(shown)).toEqual(expected);
      const late = await follow(`/v1/events?include=state&since=${start}`);
      await until(() => late.events.length === expected.length, 'all events arrive');
      expect((late.events as Event[]).map(shown)).toEqual(expected);
    });

    it('cuts an answer before 8 MiB, and goes on from there', async () => {
      const start = await end();
      const ids = Array.from({ length: 20 }, () => service.id());
      for (const id of ids) await putState(id, [id, 'x'.repeat(900_000)]);
      await service.post('/v1/channels/last/messages', { type: 'last' });
      const seen: string[] = [];
      const counts: number[] = [];
      for (let next = start; ;) {
        const answer = await service.get(`/v1/events?include=state&since=${next}&wait=0`);
        const { events } = answer.json as { events: (Event & { state?: [string] })[] };
        if (events.length === 0) break;
        expect(Buffer.byteLength(answer.text)).toBeLessThan(PAGE_BYTES + 1000);
        counts.push(events.length);
        seen.push(...events.map(({ type, state }) => state?.[0] ?? type));
        next = answer.json.next;
      }
      expect(seen).toEqual([...ids, 'last']);
      expect(counts).toEqual([9, 9, 3]);
    });

    it('reads states for a stream only as fast as its client reads', async () => {
      const engine = service.app.get(Engine);
      const findStates = jest.spyOn(engine, 'findStates');
      try {
        const prefix = `${service.id()}-`;
        const slow = await follow(`/v1/events?include=state&idPrefix=${prefix}`);
        slow.pause();
        const count = 20;
        for (let n = 0; n < count; n += 4) {
          const puts = [n, n + 1, n + 2, n + 3].map((i) => ({
            id: `${prefix}${i}`,
            state: [i, 'x'.repeat(1_000_000)],
          }));
          expect((await service.post('/v1/commits', { puts })).status).toBe(200);
        }
        const other = await follow(`/v1/events?idPrefix=${prefix}`);
        await putState(`${prefix}last`, ['last']);
        await until(() => other.events.length === 1, 'the last event is delivered to others');
        // The connection itself takes some megabytes.
        expect(findStates.mock.calls.length).toBeLessThan(15);
        // No heartbeat moves the client past events that wait for it.
        const place = slow.lastId;
        service.app.get(EventStreams).heartbeat();
        slow.resume();
        await until(() => slow.events.length > 0, 'the first event');
        expect(slow.frames[0]?.id.localeCompare(place)).toBe(1);
        await until(() => slow.events.length === count + 1, 'all events arrive');
        expect(slow.events.map(({ state }) => state[0])).toEqual([...Array(count).keys(), 'last']);
        expect(
          findStates.mock.calls.every(([, versions, maxBytes]) => versions.length <= 50 && maxBytes <= 262_144),
        ).toBe(true);
        service.app.get(EventStreams).heartbeat();
        await until(() => slow.comments.filter((one) => one === 'heartbeat').length >= 2, 'both heartbeats');
      } finally {
        findStates.mockRestore();
      }
    });

    it('reads nothing for streams that do not ask for states', async () => {
      const findStates = jest.spyOn(service.app.get(Engine), 'findStates');
      try {
        const id = service.id();
        const plain = await follow(`${at(id)}/events`);
        await putState(id, 1);
        await until(() => plain.events.length === 1, 'the event');
        expect(findStates).not.toHaveBeenCalled();
      } finally {
        findStates.mockRestore();
      }
    });

    it('takes no other value', async () => {
      expect((await service.get('/v1/events?wait=0&include=all')).status).toBe(422);
    });
  },
  { WORKFLOW_HISTORY_LIMIT: '3' },
);
