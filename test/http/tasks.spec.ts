import { request, type IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { describeService, WORKFLOWS, type Answer, type Service } from '../support/describe-service.js';
import { OPERATIONS } from '../support/operations.js';
import { until } from '../support/until.js';

const pointersOf = ({ json }: Answer) => json.errors.map(({ pointer }: { pointer: string }) => pointer);

/** Tasks of 1 MB: more than all socket buffers hold, and no more than fit one answer. */
const LARGE = 8;

/** Short methods for frequent calls; each case has a queue of its own. */
function queueOf(service: Service) {
  const name = service.id();
  const at = `/v1/queues/${name}`;
  return {
    name,
    at,
    enqueue: (task: object = {}) => service.post(`${at}/tasks`, { payload: {}, ...task }),
    claim: (body: object = {}, headers: Record<string, string> = {}) => service.post(`${at}/claims`, body, { headers }),
    take: async (body: object = {}) => (await service.post(`${at}/claims`, body)).json.tasks[0],
    look: async () => (await service.get(at)).json,
  };
}

describeService('tasks', (service) => {
  const task = (id: string, rest = '') => `/v1/tasks/${id}${rest}`;

  /** Larger than all socket buffers, so the answer cannot be sent while its reader does not read. */
  async function fill({ at }: ReturnType<typeof queueOf>): Promise<void> {
    const tasks = Array.from({ length: LARGE / 4 }, () => ({ payload: 'x'.repeat(1_000_000) }));
    for (let n = 0; n < 4; n++) await service.post(`${at}/tasks/batch`, { tasks });
  }

  /** Claims all of them and does not read the answer. */
  function unread({ at }: ReturnType<typeof queueOf>, headers: Record<string, string> = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asking = request(`${service.url}${at}/claims`, { method: 'POST', agent: false, headers });
      asking.setHeader('content-type', 'application/json');
      asking.on('response', resolve).on('error', reject);
      asking.end(JSON.stringify({ max: LARGE, leaseMs: 3_600_000 }));
    });
  }

  describe('enqueueing', () => {
    it('makes a task with an id, says where it is, and gives workers the payload exactly as it was sent', async () => {
      const queue = queueOf(service);
      const body =
        '{"payload": {"n": 9007199254740993, "list": [ ], "z": 1.50}, "headers": {"trace": "a b"}, "priority": 0}';
      const made = await service.call('POST', `${queue.at}/tasks`, { body });
      expect([made.status, made.headers.get('location')]).toEqual([201, task(made.json.id)]);
      expect(made.json).toMatchObject({ queue: queue.name, status: 'ready', priority: 0, attempt: 0, maxAttempts: 4 });
      const claimed = await queue.claim();
      expect(claimed.text).toContain('"payload":{"n": 9007199254740993, "list": [ ], "z": 1.50}');
      expect(claimed.json.tasks[0].headers).toEqual({ trace: 'a b' });
    });

    it('makes no second task of a known id, a known dedupe key or a known Idempotency-Key', async () => {
      const queue = queueOf(service);
      const first = await queue.enqueue({ id: `${queue.name}-1`, dedupeKey: 'k' });
      for (const again of [await queue.enqueue({ id: first.json.id }), await queue.enqueue({ dedupeKey: 'k' })]) {
        expect([again.status, again.json.id, again.json.duplicate]).toEqual([200, first.json.id, true]);
      }
      const keyed = () =>
        service.post(`${queue.at}/tasks`, { payload: 1 }, { headers: { 'idempotency-key': queue.name } });
      const [one, two] = [await keyed(), await keyed()];
      expect([two.status, two.text, two.headers.get('idempotency-replayed')]).toEqual([201, one.text, 'true']);
      expect((await queue.look()).depth.ready).toBe(2);
    });

    it('takes a batch whole, or names what is wrong and takes nothing', async () => {
      const queue = queueOf(service);
      const batch = await service.post(`${queue.at}/tasks/batch`, { tasks: [{ payload: 1 }, { payload: 2 }] });
      expect([batch.status, batch.json.tasks.length]).toEqual([201, 2]);
      const bad = await service.post(`${queue.at}/tasks/batch`, { tasks: [{ payload: 1 }, { priority: 10 }] });
      expect([bad.status, pointersOf(bad)]).toEqual([422, ['/tasks/1/payload', '/tasks/1/priority']]);
      const none = await service.post(`${queue.at}/tasks/batch`, { tasks: [] });
      expect(none.status).toBe(422);
      expect((await queue.look()).depth.ready).toBe(2);
    });

    it('says all that is wrong with a task at once', async () => {
      const queue = queueOf(service);
      const wrong = await queue.enqueue({
        id: '.hidden',
        delayMs: -1,
        runAt: 'tomorrow',
        maxAttempts: 0,
        backoffMs: [1.5],
        leaseMs: 10,
        expiresAt: 5,
        dedupeKey: '',
        workflowId: 'a\nb',
        headers: { a: 1 },
        other: true,
      });
      expect(wrong.status).toBe(422);
      expect(pointersOf(wrong).toSorted()).toEqual([
        '/backoffMs',
        '/dedupeKey',
        '/delayMs',
        '/expiresAt',
        '/headers',
        '/id',
        '/leaseMs',
        '/maxAttempts',
        '/other',
        '/runAt',
        '/workflowId',
      ]);
      const large = await queue.enqueue({ payload: 'x'.repeat(1_048_577) });
      expect([large.status, large.json.code, large.json.limit]).toEqual([413, 'STATE_TOO_LARGE', 1_048_576]);
      for (const name of ['..', 'a b', 'a{b}', 'x'.repeat(129), 'orders.dlq', '*']) {
        const refused = await service.post(`/v1/queues/${encodeURIComponent(name)}/tasks`, { payload: 1 });
        expect([name, refused.status]).toEqual([name, name === '..' ? 404 : 422]);
      }
    });
  });

  describe('claiming', () => {
    it('leases in order, up to max, and says when there is none', async () => {
      const queue = queueOf(service);
      const ids = [];
      for (const priority of [5, 0, 5]) ids.push((await queue.enqueue({ priority })).json.id);
      const claimed = await queue.claim({ max: 2, worker: 'w-1', leaseMs: 60_000 });
      expect(claimed.json.tasks.map(({ id }: { id: string }) => id)).toEqual([ids[1], ids[0]]);
      const [first] = claimed.json.tasks;
      expect(Date.parse(first.leaseExpiresAt) - Date.now()).toBeGreaterThan(50_000);
      await queue.claim();
      const empty = await queue.claim();
      expect(empty.status).toBe(204);
      expect(Number(empty.headers.get('x-next-due-ms'))).toBeGreaterThan(10_000);
      expect((await service.get(task(first.id))).json).toMatchObject({ status: 'leased', worker: 'w-1', attempt: 1 });
    });

    it('gives the same tasks and tokens for the same Claim-Id (invariant 11)', async () => {
      const queue = queueOf(service);
      await service.post(`${queue.at}/tasks/batch`, { tasks: Array.from({ length: 3 }, () => ({ payload: 1 })) });
      const one = await queue.claim({ max: 2 }, { 'claim-id': 'c-1' });
      const two = await queue.claim({ max: 2 }, { 'claim-id': 'c-1' });
      expect(two.json).toEqual(one.json);
      const other = await queue.claim({ max: 2 }, { 'claim-id': 'c-2' });
      expect(other.json.tasks).toHaveLength(1);
      const refused = await queue.claim({}, { 'idempotency-key': 'k' });
      expect([refused.status, refused.json.code]).toEqual([422, 'IDEMPOTENCY_NOT_SUPPORTED']);
    });

    it('refuses values out of bounds, and takes nothing then (invariant 17)', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      const bad: [object, string][] = [
        [{ max: 0 }, '/max'],
        [{ max: -1 }, '/max'],
        [{ max: 51 }, '/max'],
        [{ max: 1.5 }, '/max'],
        [{ max: '1' }, '/max'],
        [{ max: null }, '/max'],
        [{ leaseMs: 99 }, '/leaseMs'],
        [{ leaseMs: 3_600_001 }, '/leaseMs'],
        [{ waitMs: 30_001 }, '/waitMs'],
        [{ worker: '' }, '/worker'],
        [{ other: 1 }, '/other'],
      ];
      for (const [body, pointer] of bad) {
        const refused = await queue.claim(body);
        expect([refused.status, pointersOf(refused)]).toEqual([422, [pointer]]);
      }
      expect((await queue.claim({}, { 'claim-id': 'a b' })).status).toBe(400);
      expect((await queue.look()).depth).toMatchObject({ ready: 1, leased: 0 });
    });

    it('waits for a task and gets it as soon as it is there', async () => {
      const queue = queueOf(service);
      const waiting = [queue.claim({ waitMs: 30_000 }), queue.claim({ waitMs: 30_000 })];
      await queue.enqueue({ payload: 'first' });
      await queue.enqueue({ payload: 'second' });
      const answers = await Promise.all(waiting);
      expect(answers.map(({ json }) => json.tasks[0].payload).toSorted()).toEqual(['first', 'second']);
    });

    it('waits for a task that is due later, without a hint from anybody', async () => {
      const queue = queueOf(service);
      await queue.enqueue({ delayMs: 300 });
      const claimed = await queue.claim({ waitMs: 20_000 });
      expect([claimed.status, claimed.json.tasks.length]).toEqual([200, 1]);
    });

    it('answers empty when the time is over, and takes nothing afterwards', async () => {
      const queue = queueOf(service);
      expect((await queue.claim({ waitMs: 50 })).status).toBe(204);
      await queue.enqueue();
      expect((await queue.look()).depth).toMatchObject({ ready: 1, leased: 0 });
    });

    it('takes nothing for a client that has gone while it waited', async () => {
      const queue = queueOf(service);
      const gone = new AbortController();
      const waiting = service
        .call('POST', `${queue.at}/claims`, { json: { waitMs: 30_000 }, signal: gone.signal })
        .catch((error: unknown) => error);
      await queue.claim({ waitMs: 20 });
      gone.abort();
      await waiting;
      await queue.enqueue();
      await until(async () => {
        const { ready, leased } = (await queue.look()).depth;
        return ready === 1 && leased === 0;
      }, 'the task is ready and nobody has it');
      expect((await queue.take()).attempt).toBe(1);
    });

    it('releases tasks at once when the answer could not be delivered (invariant 14)', async () => {
      const queue = queueOf(service);
      await fill(queue);
      (await unread(queue)).destroy();
      await until(async () => (await queue.look()).depth.ready === LARGE, 'the tasks are ready again');
      const again = await queue.take();
      expect([again.attempt, (await service.get(task(again.id))).json.releases]).toEqual([1, 1]);
    });

    it('keeps the leases of a repeated claim when the first connection is found dead (invariant 14)', async () => {
      const [queue, other] = [queueOf(service), queueOf(service)];
      for (const one of [queue, other]) await fill(one);
      const first = await unread(queue, { 'claim-id': 'same' });
      const repeat = await queue.claim({ max: LARGE, leaseMs: 3_600_000 }, { 'claim-id': 'same' });
      expect(repeat.json.tasks).toHaveLength(LARGE);
      first.destroy();
      // Once this later one is noticed, so is the first.
      (await unread(other)).destroy();
      await until(async () => (await other.look()).depth.ready > 0, 'other tasks are ready again');
      for (const { id, leaseToken } of repeat.json.tasks)
        expect((await service.post(task(id, '/heartbeat'), { leaseToken })).status).toBe(200);
      expect((await queue.look()).depth.ready).toBe(0);
    });
  });

  describe('a lease', () => {
    it('is renewed by heartbeat and progress, whose answers tell of a cancellation (invariant 15)', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      const { id, leaseToken } = await queue.take();
      const beat = await service.post(task(id, '/heartbeat'), { leaseToken, leaseMs: 600_000 });
      expect(Date.parse(beat.json.leaseExpiresAt) - Date.now()).toBeGreaterThan(500_000);
      expect(beat.json.cancelRequested).toBe(false);
      const asked = await service.post(task(id, '/cancel'), { reason: 'no longer needed' });
      expect([asked.status, asked.json.status, asked.json.reason]).toEqual([202, 'leased', 'no longer needed']);
      const told = await service.post(task(id, '/progress'), { leaseToken, event: { percent: 10 } });
      expect([told.status, told.json]).toEqual([202, { eventId: '1', cancelRequested: true }]);
      const failed = await service.post(task(id, '/fail'), { leaseToken, error: { code: 'STOPPED', message: '' } });
      expect(failed.json).toEqual({ status: 'cancelled', nextAttemptAt: null });
    });

    it('ends with complete; the same token again gets the same answer', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      const { id, leaseToken } = await queue.take();
      const done = await service.post(task(id, '/complete'), { leaseToken, result: { pages: [] } });
      expect(done.json).toEqual({ id, status: 'done', replayed: false });
      const again = await service.post(task(id, '/complete'), { leaseToken });
      expect([again.json, again.headers.get('idempotency-replayed')]).toEqual([
        { id, status: 'done', replayed: true },
        'true',
      ]);
      const read = await service.get(task(id));
      expect(read.json).toMatchObject({ status: 'done', result: { pages: [] }, worker: 'anonymous' });
      expect('payload' in read.json).toBe(false);
    });

    it('ends with others in one request, each for itself', async () => {
      const queue = queueOf(service);
      for (let n = 0; n < 3; n++) await queue.enqueue();
      const [a, b, c] = [await queue.take(), await queue.take(), await queue.take()];
      const answer = await service.post('/v1/tasks/batch-complete', {
        tasks: [
          { id: a.id, leaseToken: a.leaseToken, result: { n: 1 } },
          { id: b.id, leaseToken: a.leaseToken },
          { id: 'never-there', leaseToken: 'x' },
          { id: c.id, leaseToken: c.leaseToken },
        ],
      });
      expect(answer.status).toBe(200);
      expect(answer.json.tasks).toEqual([
        { id: a.id, status: 'done', replayed: false },
        { id: b.id, problem: expect.objectContaining({ code: 'LEASE_LOST', status: 409 }) },
        { id: 'never-there', problem: expect.objectContaining({ code: 'TASK_NOT_FOUND', status: 404 }) },
        { id: c.id, status: 'done', replayed: false },
      ]);
      const again = await service.post('/v1/tasks/batch-complete', {
        tasks: [a, b].map(({ id, leaseToken }) => ({ id, leaseToken })),
      });
      expect(again.json.tasks).toEqual([
        { id: a.id, status: 'done', replayed: true },
        { id: b.id, status: 'done', replayed: false },
      ]);
      expect((await service.get(task(a.id))).json).toMatchObject({ status: 'done', result: { n: 1 } });
    });

    it.each([
      [{ tasks: [] }, '/tasks'],
      [{ tasks: Array.from({ length: 101 }, () => ({ id: 'a', leaseToken: 'b' })) }, '/tasks'],
      [{ tasks: [{ id: 'a/b', leaseToken: 'b' }] }, '/tasks/0/id'],
      [{ tasks: [{ id: 'a' }] }, '/tasks/0/leaseToken'],
    ])('refuses a batch of completions that is not one: %j', async (body, pointer) => {
      const answer = await service.post('/v1/tasks/batch-complete', body);
      expect([answer.status, answer.json.errors[0].pointer]).toEqual([422, pointer]);
    });

    it('that failed comes back after the back-off, and dies with the last attempt', async () => {
      const queue = queueOf(service);
      await queue.enqueue({ maxAttempts: 2 });
      const first = await queue.take();
      const error = { code: 'TIMEOUT', message: 'the model did not answer' };
      const before = Date.now();
      const failed = await service.post(task(first.id, '/fail'), { leaseToken: first.leaseToken, error });
      expect(failed.json.status).toBe('delayed');
      const after = Date.parse(failed.json.nextAttemptAt) - before;
      expect(after).toBeGreaterThanOrEqual(5000);
      expect(after).toBeLessThan(20_000);
      const again = await service.post(task(first.id, '/fail'), { leaseToken: first.leaseToken, error });
      expect([again.json, again.headers.get('idempotency-replayed')]).toEqual([failed.json, 'true']);

      await queue.enqueue({ maxAttempts: 1, id: `${queue.name}-last` });
      const last = await queue.take();
      const dead = await service.post(task(last.id, '/fail'), { leaseToken: last.leaseToken, error });
      expect(dead.json).toEqual({ status: 'dead', nextAttemptAt: null });
      const list = await service.get(`${queue.at}.dlq/dead`);
      expect(list.json.items).toMatchObject([
        { id: last.id, reason: 'TIMEOUT', payload: {}, failures: [{ ...error, attempt: 1 }] },
      ]);
      const replay = () => service.post(`${queue.at}/dead/replay`, { ids: [last.id] });
      expect((await replay()).json).toEqual({ replayed: 1, ids: [last.id] });
      expect((await replay()).json).toEqual({ replayed: 0, ids: [] });
      expect((await queue.take()).attempt).toBe(1);
    });

    it('whose lease is over is ready again in every answer, before another worker claims it', async () => {
      const queue = queueOf(service);
      const workflowId = `${queue.name}-w`;
      await queue.enqueue({ workflowId });
      const { id, leaseExpiresAt } = await queue.take({ leaseMs: 100 });
      await until(() => Date.now() > Date.parse(leaseExpiresAt), 'the lease is over');
      const shown = { id, status: 'ready', attempt: 1 };
      const listed = await service.get(`/v1/workflows/${workflowId}/tasks`);
      expect([(await service.get(task(id))).json, listed.json.items]).toMatchObject([shown, [shown]]);
      expect((await queue.look()).depth).toMatchObject({ ready: 1, leased: 0 });
    });

    it('that is released costs nothing', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      const { id, leaseToken } = await queue.take();
      const released = await service.post(task(id, '/release'), { leaseToken });
      expect(released.json).toEqual({ status: 'ready' });
      expect((await queue.take()).attempt).toBe(1);
    });

    it('is lost for good when another worker has the task (invariant 3)', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      const old = await queue.take();
      await service.post(task(old.id, '/release'), { leaseToken: old.leaseToken });
      const current = await queue.take();
      const { leaseToken } = old;
      const steps: [string, object][] = [
        ['/heartbeat', {}],
        ['/complete', {}],
        ['/fail', {}],
        ['/progress', { event: 1 }],
      ];
      for (const [path, more] of steps) {
        const refused = await service.post(task(old.id, path), { leaseToken, ...more });
        expect([path, refused.status, refused.json.code]).toEqual([path, 409, 'LEASE_LOST']);
      }
      const done = await service.post(task(old.id, '/complete'), { leaseToken: current.leaseToken });
      expect(done.status).toBe(200);
    });

    it('is ended by force', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      const { id, leaseToken } = await queue.take();
      const forced = await service.post(task(id, '/cancel'), { force: true });
      expect([forced.status, forced.json.status]).toEqual([200, 'cancelled']);
      const late = await service.post(task(id, '/complete'), { leaseToken });
      expect([late.status, late.json.code]).toEqual([409, 'TASK_CANCELLED']);
      const again = await service.post(task(id, '/cancel'), {});
      expect([again.status, again.json.code, again.json.taskStatus]).toEqual([409, 'TASK_ENDED', 'cancelled']);
    });
  });

  describe('looking at tasks', () => {
    it('waits for the end of one', async () => {
      const queue = queueOf(service);
      const made = await queue.enqueue();
      const waiting = service.get(`${task(made.json.id)}?waitMs=30000`);
      const { id, leaseToken } = await queue.take();
      await service.post(task(id, '/complete'), { leaseToken, result: 7 });
      expect((await waiting).json).toMatchObject({ status: 'done', result: 7 });
      const missing = await service.get(task('nobody'));
      expect([missing.status, missing.json.code]).toEqual([404, 'TASK_NOT_FOUND']);
    });

    it('reads progress as JSON, waiting for what is not there yet', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      const { id, leaseToken } = await queue.take();
      const tell = (n: number) => service.post(task(id, '/progress'), { leaseToken, event: { n } });
      await tell(1);
      const first = await service.get(task(id, '/events'));
      expect(first.json).toMatchObject({ events: [{ id: 1, event: { n: 1 } }], next: 1, ended: false });
      const waiting = service.get(task(id, '/events?after=1&waitMs=30000'));
      await tell(2);
      expect((await waiting).json).toMatchObject({ events: [{ id: 2, event: { n: 2 } }], next: 2 });
      await service.post(task(id, '/complete'), { leaseToken });
      expect((await service.get(task(id, '/events?after=2&waitMs=30000'))).json).toEqual({
        events: [],
        next: 2,
        ended: true,
      });
      expect((await service.get(task('nobody', '/events'))).status).toBe(404);
    });

    it('streams progress from where the reader was, to the end (invariant 23)', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      const { id, leaseToken } = await queue.take();
      for (let n = 1; n <= 3; n++) await service.post(task(id, '/progress'), { leaseToken, event: { n } });
      const streaming = service.get(task(id, '/events'), {
        headers: { accept: 'text/event-stream', 'last-event-id': '1' },
      });
      await service.post(task(id, '/progress'), { leaseToken, event: { n: 4 } });
      await service.post(task(id, '/complete'), { leaseToken });
      const { headers, text } = await streaming;
      expect(headers.get('content-type')).toContain('text/event-stream');
      const frames = text.split('\n\n').filter((frame) => frame.startsWith('id:'));
      expect(frames).toEqual([2, 3, 4].map((n) => `id: ${n}\nevent: progress\ndata: {"n":${n}}`));
      expect(text.endsWith('event: end\ndata: {"status":"done"}\n\n')).toBe(true);
    });

    it('reports events that are no longer kept', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      const { id, leaseToken } = await queue.take({ leaseMs: 600_000 });
      const tell = () => service.post(task(id, '/progress'), { leaseToken, event: 1 });
      for (let n = 0; n < 1001; n += 91) await Promise.all(Array.from({ length: 91 }, tell));
      const late = await service.get(task(id, '/events?after=0'));
      expect([late.status, late.json.code, late.json.oldest]).toEqual([410, 'FEED_TRIMMED', 2]);
    });

    it('lists queues and how they are doing', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      await queue.enqueue({ delayMs: 60_000 });
      await queue.enqueue();
      await queue.claim({ worker: 'busy' });
      const { items } = (await service.get('/v1/queues')).json;
      const found = items.find(({ name }: { name: string }) => name === queue.name);
      expect(found).toMatchObject({
        paused: false,
        depth: { ready: 1, delayed: 1, leased: 1, dead: 0 },
        bytes: expect.any(Number) as unknown,
        deadBytes: 0,
        pollers: 1,
        totals: { enqueued: 3, claimed: 1, completed: 0 },
        workers: [{ name: 'busy', leased: 1 }],
      });
      expect(found.oldestReadyAgeMs).toBeGreaterThanOrEqual(0);
      expect(found.nextDueInMs).toBeGreaterThan(50_000);
      expect(found.lastEventId).toMatch(/^\d+-\d{6}-[0-9a-f]{8}_[0-9a-f]{6}$/);
    });

    it('pauses and resumes a queue', async () => {
      const queue = queueOf(service);
      await queue.enqueue();
      expect((await service.post(`${queue.at}/pause`, {})).json.paused).toBe(true);
      expect((await queue.claim()).status).toBe(204);
      const waiting = queue.claim({ waitMs: 30_000 });
      expect((await service.post(`${queue.at}/resume`, {})).json.paused).toBe(false);
      expect((await waiting).json.tasks).toHaveLength(1);
    });

    it('removes dead tasks for good', async () => {
      const queue = queueOf(service);
      await queue.enqueue({ maxAttempts: 1 });
      const { id, leaseToken } = await queue.take();
      await service.post(task(id, '/fail'), { leaseToken, error: { retryable: false } });
      expect((await service.call('DELETE', `${queue.at}/dead`)).json).toEqual({ removed: 1 });
      expect((await service.get(task(id))).status).toBe(404);
    });
  });

  describe('the link to a workflow', () => {
    it('holds its deadline while a task is open, and lists its tasks', async () => {
      const queue = queueOf(service);
      const id = service.id();
      const at = `${WORKFLOWS}/${id}`;
      await service.put(at, { state: {}, ttlSeconds: 60 });
      await queue.enqueue({ workflowId: id });
      expect((await service.get(at)).json.expiresAt).toBeNull();
      const claimed = await queue.take();
      await queue.enqueue({ workflowId: id });
      await service.post(task(claimed.id, '/complete'), { leaseToken: claimed.leaseToken });
      const { items } = (await service.get(`${at}/tasks`)).json;
      expect(items.map(({ status }: { status: string }) => status)).toEqual(['ready', 'done']);
      const last = await queue.take();
      await service.post(task(last.id, '/complete'), { leaseToken: last.leaseToken });
      const left = Date.parse((await service.get(at)).json.expiresAt) - Date.now();
      expect(left).toBeGreaterThan(50_000);
      expect(left).toBeLessThanOrEqual(60_000);
    });

    it('takes open tasks along when the workflow is deleted or ends', async () => {
      const queue = queueOf(service);
      for (const end of [
        (at: string) => service.call('DELETE', `${at}?tasks=cancel`),
        (at: string) => service.put(`${at}/status?tasks=cancel`, { status: 'cancelled' }),
      ]) {
        const id = service.id();
        await service.put(`${WORKFLOWS}/${id}`, { state: {} });
        await queue.enqueue({ workflowId: id });
        const held = await queue.take();
        const other = (await queue.enqueue({ workflowId: id })).json;
        expect((await end(`${WORKFLOWS}/${id}`)).status).toBeLessThan(300);
        for (const one of [held.id, other.id]) {
          expect((await service.get(task(one))).json).toMatchObject({
            status: 'cancelled',
            reason: 'WORKFLOW_CANCELLED',
          });
        }
      }
    });
  });

  it('answers as documented, on every route of its own', () => {
    expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.tasks]));
  });
});
