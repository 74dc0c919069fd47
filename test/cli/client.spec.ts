import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ForbiddenError,
  JsonText,
  LeaseLostError,
  ProblemError,
  QueueFullError,
  UnauthenticatedError,
  UnreachableError,
  WaymarkClient,
  type Retry,
} from '../../src/client/index.js';
import { FakeService, ok, problem, type Asked, type Reply } from './fake-service.js';

const FAST = { firstMs: 1, maxMs: 4, giveUpAfterMs: 10_000 };
const services: FakeService[] = [];

async function serve(reply: (asked: Asked, count: number) => Reply | Promise<Reply>): Promise<FakeService> {
  const service = await FakeService.start(reply);
  services.push(service);
  return service;
}

const clientOf = ({ url }: FakeService, options = {}) => new WaymarkClient({ url, retry: FAST, ...options });
const lease = { id: 't-1', leaseToken: 'token' };

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
});

describe('the client', () => {
  it('repeats what may pass under one Idempotency-Key: 5xx, 429, cut connections', async () => {
    const replies: Reply[] = [problem(503, 'STORE_UNAVAILABLE'), 'cut', problem(429, 'QUEUE_FULL'), ok({ id: 'a' })];
    const service = await serve((_, count) => replies[count - 1] as Reply);
    expect(await clientOf(service).enqueue('q', { payload: 1 })).toEqual({ id: 'a' });
    const keys = service.asked.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(4);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\w-]{36}$/);
  });

  it('sends its API key with every request and retry, as it is by then', async () => {
    const service = await serve((_, count) => (count === 2 ? problem(503, 'STORE_UNAVAILABLE') : ok({})));
    let at = 0;
    const client = clientOf(service, { apiKey: async () => `wmk_${++at}`, tenant: 'acme' });
    await client.getQueue('q');
    await client.getQueue('q');
    const sent = service.asked.map(({ headers }) => [headers.authorization, headers['waymark-tenant']]);
    expect(sent).toEqual([1, 2, 3].map((n) => [`Bearer wmk_${n}`, 'acme']));
    await clientOf(service, { apiKey: 'wmk_text' }).getQueue('q');
    expect(service.asked.at(-1)?.headers.authorization).toBe('Bearer wmk_text');
  });

  it('asks for pages of conflicts with or without states', async () => {
    const service = await serve(() => ok({ items: [], nextBefore: null }));
    const client = clientOf(service);
    await client.listConflicts('a:b');
    expect(await client.listConflicts('a', { include: 'state', limit: 5, before: 9 })).toEqual({
      items: [],
      nextBefore: null,
    });
    expect(service.asked.map(({ path }) => path)).toEqual([
      '/v1/workflows/a%3Ab/conflicts',
      '/v1/workflows/a/conflicts?limit=5&before=9&include=state',
    ]);
  });

  it('asks for events with states', async () => {
    const service = await serve(() => ok({ events: [], next: 'b' }));
    await clientOf(service).readEvents({ workflow: 'w' }, { since: 'a', waitS: 1, limit: 5, include: 'state' });
    expect(service.asked[0]?.path).toBe('/v1/events?wait=1&workflow=w&since=a&limit=5&include=state');
  });

  it('does not repeat what its key does not allow', async () => {
    const service = await serve((_, count) =>
      count === 1 ? problem(401, 'CREDENTIAL_EXPIRED') : problem(403, 'INSUFFICIENT_SCOPE', { scope: 'tasks:work' }),
    );
    const client = clientOf(service, { apiKey: 'wmk_text' });
    await expect(client.getQueue('q')).rejects.toThrow(UnauthenticatedError);
    await expect(client.getQueue('q')).rejects.toThrow(ForbiddenError);
    expect(service.asked).toHaveLength(2);
  });

  it('takes another key for another call', async () => {
    const service = await serve(() => ok({}));
    const client = clientOf(service);
    await client.enqueue('q', { payload: 1 });
    await client.enqueue('q', { payload: 1 });
    expect(new Set(service.asked.map(({ headers }) => headers['idempotency-key'])).size).toBe(2);
  });

  it('waits at least as long as Retry-After says', async () => {
    const service = await serve((_, count) =>
      count === 1 ? problem(503, 'STORE_UNAVAILABLE', {}, { 'retry-after': '1' }) : ok({}),
    );
    const retries: Retry[] = [];
    await clientOf(service, { onRetry: (retry: Retry) => retries.push(retry) }).getQueue('q');
    expect((service.asked[1] as Asked).at - (service.asked[0] as Asked).at).toBeGreaterThanOrEqual(995);
    expect(retries.map(({ error }) => (error as ProblemError).code)).toEqual(['STORE_UNAVAILABLE']);
  });

  it('does not repeat a refusal, and throws an error of its code with all that was said', async () => {
    const service = await serve(() => problem(409, 'LEASE_LOST', { failed: { part: 'ack' } }));
    const error = await clientOf(service)
      .complete(lease, 1)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LeaseLostError);
    expect(error).toMatchObject({ code: 'LEASE_LOST', status: 409, problem: { failed: { part: 'ack' } } });
    expect(service.asked).toHaveLength(1);
  });

  it('says which parts of a body were wrong', async () => {
    const errors = [{ pointer: '/payload', message: 'is missing' }];
    const service = await serve(() => problem(422, 'INVALID_BODY', { errors }));
    await expect(clientOf(service).enqueue('q', { payload: 1 })).rejects.toThrow(
      '422 INVALID_BODY: about INVALID_BODY (/payload is missing)',
    );
  });

  it('gives up in the end, with what it heard last', async () => {
    const service = await serve(() => problem(429, 'QUEUE_FULL'));
    const retry = { ...FAST, giveUpAfterMs: 500 };
    await expect(clientOf(service, { retry }).enqueue('q', { payload: 1 })).rejects.toBeInstanceOf(QueueFullError);
    expect(service.asked.length).toBeGreaterThan(1);
  });

  it('sends no key and repeats nothing when retries are off', async () => {
    const service = await serve(() => 'cut');
    const retry = { giveUpAfterMs: 0 };
    await expect(clientOf(service, { retry }).enqueue('q', { payload: 1 })).rejects.toBeInstanceOf(UnreachableError);
    expect(service.asked.map(({ headers }) => headers['idempotency-key'])).toEqual([undefined]);
  });

  it('does not wait for ever for an answer', async () => {
    const service = await serve((_, count) => (count === 1 ? 'silence' : ok({ name: 'q' })));
    expect(await clientOf(service, { timeoutMs: 100 }).getQueue('q')).toEqual({ name: 'q' });
  });

  it('reports an address where no service listens', async () => {
    const service = await serve(() => ok({}));
    const client = clientOf(service, { retry: { giveUpAfterMs: 0 } });
    await service.stop();
    services.length = 0;
    await expect(client.getStatus()).rejects.toThrow(/Cannot reach http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  });

  it('is ended by its signal, also between two attempts', async () => {
    const service = await serve(() => problem(503, 'STORE_UNAVAILABLE', {}, { 'retry-after': '60' }));
    const stop = new AbortController();
    const client = clientOf(service, {
      retry: { giveUpAfterMs: 120_000 },
      onRetry: () => stop.abort(new Error('enough')),
    });
    await expect(client.getQueue('q', { signal: stop.signal })).rejects.toThrow('enough');
  });

  it('takes an answer that is none of the service for what it is', async () => {
    const html = { 'content-type': 'text/html' };
    const service = await serve(({ path }) => ({ status: path === '/status' ? 200 : 404, headers: html, text: '<p>' }));
    const client = clientOf(service);
    await expect(client.getStatus()).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER', status: 200 });
    await expect(client.listQueues()).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER', status: 404 });
  });

  it('repeats a claim under the same Claim-Id, and reads 204 as no tasks', async () => {
    const service = await serve((_, count) => (count === 1 ? 'cut' : { status: 204 }));
    expect(await clientOf(service).claim('q', { claimId: 'c-1', worker: 'w', waitMs: 20_000 })).toEqual([]);
    expect(service.asked.map(({ headers }) => headers['claim-id'])).toEqual(['c-1', 'c-1']);
    expect(service.asked[0]?.body).toEqual({ worker: 'w', waitMs: 20_000 });
    expect(service.asked[0]?.headers['idempotency-key']).toBeUndefined();
  });

  it('keeps the text of payloads, both ways', async () => {
    const text = '{"n": 12345678901234567890, "x": 1.50, "a": [ ]}';
    const service = await serve(({ path }) =>
      path.endsWith('/claims')
        ? { status: 200, text: `{"tasks":[{"id":"a","payload":${text},"headers":{}}]}` }
        : ok({ id: 'a' }),
    );
    const client = clientOf(service);
    const [task] = await client.claim('q', { claimId: 'c', worker: 'w' });
    expect(task?.payloadText.text).toBe(text);
    expect(task?.payload).toMatchObject({ x: 1.5 });
    await client.enqueueAll('q', [{ payload: JsonText.of(text), priority: 0 }]).catch(() => undefined);
    expect(service.asked[1]?.text).toBe(`{"tasks":[{"payload":${text},"priority":0}]}`);
  });

  it('follows the progress of a task to its end', async () => {
    const pages = [
      {
        events: [
          { id: 1, event: 'a' },
          { id: 2, event: 'b' },
        ],
        next: 2,
        ended: false,
      },
      { events: [{ id: 3, event: 'c' }], next: 3, ended: true },
      { events: [], next: 3, ended: true },
    ];
    const service = await serve((_, count) => ok(pages[count - 1]));
    const events: unknown[] = [];
    for await (const { event } of clientOf(service).progressOf('t-1')) events.push(event);
    expect(events).toEqual(['a', 'b', 'c']);
    expect(service.asked.map(({ path }) => /after=(\d+)/.exec(path)?.[1])).toEqual(['0', '2', '3']);
  });

  it('waits for the end of a task for as long as it takes', async () => {
    const service = await serve((_, count) =>
      ok({ id: 't-1', endedAt: count < 3 ? null : '2026-01-31T12:00:00.000Z' }),
    );
    expect(await clientOf(service).getEndedTask('t-1')).toMatchObject({ id: 't-1' });
    expect(service.asked).toHaveLength(3);
  });
});
