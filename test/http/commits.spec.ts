import { describe, expect, it } from '@jest/globals';
import { describeService, WORKFLOWS, type Answer } from '../support/describe-service.js';
import { OPERATIONS } from '../support/operations.js';

describeService(
  'commits',
  (service) => {
    const commit = (body: object, headers: Record<string, string> = {}) =>
      service.post('/v1/commits', body, { headers });
    const workflow = (id: string, rest = '') => `${WORKFLOWS}/${id}${rest}`;

    /** A workflow at version 7, and a leased task about it. */
    async function started() {
      const id = service.id();
      for (let version = 1; version <= 7; version++) await service.put(workflow(id), { state: { version, log: [] } });
      const queue = `${id}-writer`;
      await service.post(`/v1/queues/${queue}/tasks`, { payload: { step: 1 }, workflowId: id });
      const [task] = (await service.post(`/v1/queues/${queue}/claims`, {})).json.tasks;
      const ack = { taskId: task.id, leaseToken: task.leaseToken };
      return { id, queue, task, ack };
    }

    /** Everything that the commit could have changed. */
    async function everything(id: string, queue: string, taskId: string): Promise<unknown> {
      const answers: Answer[] = [];
      for (const path of [
        workflow(id),
        workflow(id, '/versions'),
        workflow(`${id}-other`),
        `/v1/tasks/${taskId}`,
        workflow(id, '/tasks'),
      ]) {
        answers.push(await service.get(path));
      }
      const { totals, depth, lastEventId } = (await service.get(`/v1/queues/${queue}`)).json;
      return [...answers.map(({ json }) => ({ ...json, instance: '' })), totals, depth, lastEventId];
    }

    describe('a commit', () => {
      it('acknowledges a task, moves states, enqueues, publishes and claims the next task in one step', async () => {
        const { id, queue, task, ack } = await started();
        await service.put(workflow(`${id}-b`), { state: { a: 1, 'kept as it is': [1.0] } });
        await service.put(workflow(`${id}-c`), { state: {} });
        const done = await commit({
          ack: { ...ack, result: { pages: 3 } },
          puts: [
            { id, expect: { version: 7 }, state: { status: 'written' }, ttlSeconds: 600 },
            { id: `${id}-new`, expect: { exists: false }, state: [], ttlSeconds: null },
          ],
          patches: [{ id: `${id}-b`, merge: { a: 2 } }],
          deletes: [{ id: `${id}-c` }],
          enqueue: [{ queue, payload: { step: 2 }, workflowId: id }],
          publish: [{ channel: 'task:routing', type: 'routing_decision', payload: { agent: 'claude' } }],
          claimNext: { queue, leaseMs: 60_000, worker: 'w' },
        });
        expect(done.status).toBe(200);
        const { workflows, taskIds, eventIds, next } = done.json;
        expect(workflows.map((one: { id: string; version: number }) => [one.id, one.version])).toEqual([
          [id, 8],
          [`${id}-new`, 1],
          [`${id}-b`, 2],
        ]);
        expect([taskIds.length, eventIds.length]).toEqual([1, 1]);
        expect(next).toMatchObject({ id: taskIds[0], attempt: 1, payload: { step: 2 }, workflowId: id });
        expect((await service.get(workflow(id, '/state'))).headers.get('etag')).toBe(workflows[0].etag);
        expect((await service.get(workflow(`${id}-b`, '/state'))).text).toContain('"kept as it is":[1]');
        expect((await service.get(workflow(`${id}-c`))).status).toBe(404);
        expect((await service.get(`/v1/tasks/${task.id}`)).json).toMatchObject({
          status: 'done',
          result: { pages: 3 },
        });
        const [newest] = (await service.get(workflow(id, '/versions?limit=1'))).json.items;
        expect(newest).toMatchObject({ version: 8, cause: 'commit', taskId: task.id });
      });

      it('happens once for a lease token, and once for an Idempotency-Key (invariant 11)', async () => {
        const { id, queue, ack } = await started();
        const body = { ack, patches: [{ id, patch: [{ op: 'add', path: '/log/-', value: 'step' }] }] };
        const one = await commit(body);
        const two = await commit(body, { 'idempotency-key': 'later' });
        expect([two.status, two.text, two.headers.get('idempotency-replayed')]).toEqual([200, one.text, 'true']);
        const completed = await service.post(`/v1/tasks/${ack.taskId}/complete`, { leaseToken: ack.leaseToken });
        expect(completed.json.replayed).toBe(true);

        const again = { enqueue: [{ queue, payload: 1 }], claimNext: { queue } };
        const first = await commit(again, { 'idempotency-key': 'k' });
        const second = await commit(again, { 'idempotency-key': 'k' });
        expect([second.text, second.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
        const other = await commit({ ...again, claimNext: { queue: 'other' } }, { 'idempotency-key': 'k' });
        expect([other.status, other.json.code]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
        expect((await service.get(workflow(id))).json.state.log).toEqual(['step']);
        expect((await service.get(`/v1/queues/${queue}`)).json.totals.enqueued).toBe(2);
      });

      it('from one version has one winner, and leaves one trace of it (invariant 10)', async () => {
        const { id, queue, task, ack } = await started();
        await service.post(`/v1/queues/${queue}/tasks`, { payload: { step: 1 }, workflowId: id });
        const [second] = (await service.post(`/v1/queues/${queue}/claims`, {})).json.tasks;
        const step = (of: object, n: number) =>
          commit({
            ack: of,
            puts: [{ id, expect: { version: 7 }, state: { n } }],
            enqueue: [{ queue: `${queue}-next`, payload: n }],
          });
        const answers = await Promise.all([
          step(ack, 1),
          step({ taskId: second.id, leaseToken: second.leaseToken }, 2),
        ]);
        expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412]);
        const winner = answers.findIndex(({ status }) => status === 200);
        const refused = answers[1 - winner] as Answer;
        expect(refused.json).toMatchObject({ code: 'VERSION_CONFLICT', failed: { part: 'puts', index: 0 } });
        expect(refused.json.current.version).toBe(8);

        const now = await service.get(workflow(id));
        expect([now.json.version, now.json.state.n]).toEqual([8, winner + 1]);
        expect((await service.get(workflow(id, '/versions'))).json.items).toHaveLength(8);
        expect((await service.get(`/v1/queues/${queue}-next`)).json.depth.ready).toBe(1);
        const states = await Promise.all([task.id, second.id].map((one) => service.get(`/v1/tasks/${one}`)));
        expect(states.map(({ json }) => [json.status, json.attempt])).toEqual(
          winner === 0
            ? [
                ['done', 1],
                ['leased', 1],
              ]
            : [
                ['leased', 1],
                ['done', 1],
              ],
        );
      });

      it('that is refused has written nothing, whichever part was refused (invariant 9)', async () => {
        const { id, queue, task, ack } = await started();
        const good = {
          ack,
          puts: [{ id, expect: { version: 7 }, state: {} }],
          deletes: [],
          enqueue: [{ queue, payload: 1, workflowId: id }],
          publish: [{ channel: 'c', type: 't' }],
          claimNext: { queue },
        };
        const other = `${id}-other`;
        await service.put(workflow(other), { state: {} });
        const bad: [object, number, string, object?][] = [
          [{ ack: { ...ack, leaseToken: 'not mine' } }, 409, 'LEASE_LOST', { part: 'ack', index: 0 }],
          [{ ack: { ...ack, taskId: 'nobody' } }, 404, 'TASK_NOT_FOUND'],
          [{ puts: [{ id, expect: { version: 6 }, state: {} }] }, 412, 'VERSION_CONFLICT', { part: 'puts', index: 0 }],
          [
            { puts: [...good.puts, { id: other, expect: { exists: false }, state: 1 }] },
            412,
            'VERSION_CONFLICT',
            { part: 'puts', index: 1 },
          ],
          [{ patches: [{ id: other, patch: [{ op: 'test', path: '/a', value: 1 }] }] }, 409, 'PATCH_TEST_FAILED'],
          [{ patches: [{ id: `${id}-nobody`, merge: {} }] }, 404, 'WORKFLOW_NOT_FOUND', { part: 'patches', index: 0 }],
          [
            { deletes: [{ id: other, expect: { etag: '"x-1"' } }] },
            412,
            'VERSION_CONFLICT',
            { part: 'deletes', index: 0 },
          ],
          [{ puts: [{ id, state: 'x'.repeat(1_048_577) }] }, 413, 'STATE_TOO_LARGE'],
          [{ enqueue: [{ queue, payload: 1, priority: 11 }] }, 422, 'INVALID_BODY'],
          [
            {
              enqueue: [
                { queue: 'small', payload: 1 },
                { queue: 'small', payload: 1 },
                { queue: 'small', payload: 1 },
              ],
            },
            429,
            'QUEUE_FULL',
            { part: 'enqueue', index: 2 },
          ],
        ];
        for (const [change, status, code, failed] of bad) {
          const before = await everything(id, queue, task.id);
          const refused = await commit({ ...good, ...change });
          expect([code, refused.status, refused.json.code]).toEqual([code, status, code]);
          if (failed !== undefined) expect(refused.json.failed).toEqual(failed);
          expect(await everything(id, queue, task.id)).toEqual(before);
        }
        expect((await commit(good)).status).toBe(200);
      });

      it('refuses a precondition of the whole request, which no part of it would meet', async () => {
        const id = service.id();
        const puts = [{ id, state: 1 }];
        for (const name of ['If-Match', 'If-None-Match']) {
          const refused = await commit({ puts }, { [name]: '*' });
          expect([refused.status, refused.json.code]).toEqual([400, 'INVALID_HEADER']);
          expect(refused.json.detail).toContain(name);
        }
        expect((await service.get(`${WORKFLOWS}/${id}`)).status).toBe(404);
      });

      it('says all that is wrong with its shape at once', async () => {
        const wrong = await commit({
          ack: { taskId: '..' },
          puts: [{ id: 'a', expect: { version: 1, exists: true }, state: 1 }, { id: 'b' }],
          patches: [{ id: 'a', merge: {} }, { id: 'c' }],
          enqueue: [{ payload: 1 }],
          claimNext: {},
          more: 1,
        });
        expect(wrong.status).toBe(422);
        expect(wrong.json.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(
          expect.arrayContaining([
            '/ack/taskId',
            '/ack/leaseToken',
            '/puts/0/expect',
            '/puts/1/state',
            '/patches/0/id',
            '/patches/1',
            '/enqueue/0/queue',
            '/claimNext/queue',
            '/more',
          ]),
        );
        expect((await commit({})).status).toBe(422);
        expect((await service.call('POST', '/v1/commits', { body: '[]' })).status).toBe(422);
        const many = await commit({ publish: Array.from({ length: 51 }, () => ({ channel: 'c', type: 't' })) });
        expect(many.status).toBe(422);
      });

      it('takes more than one large state', async () => {
        const id = service.id();
        const puts = Array.from({ length: 5 }, (_, n) => ({ id: `${id}-${n}`, state: 'x'.repeat(1_000_000) }));
        expect((await commit({ puts: puts.slice(1) })).status).toBe(200);
        const more = await commit({ puts });
        expect([more.status, more.json.code, more.json.limit]).toEqual([
          413,
          'STATE_TOO_LARGE',
          4 * 1024 * 1024 + 64 * 1024,
        ]);
      });

      it('has no tasks with more bytes than a queue may have', async () => {
        const at = `/v1/queues/${service.id()}`;
        const queue = at.split('/').at(-1) as string;
        const large = { payload: 'x'.repeat(600_000) };
        const bytes = async () => (await service.get(at)).json.bytes;
        expect((await service.post(`${at}/tasks`, { ...large, headers: { a: 'b' } })).status).toBe(201);
        expect(await bytes()).toBe(600_002 + 9);
        const full = { code: 'QUEUE_FULL', queue, limit: 1_048_576, unit: 'bytes' };
        const refusals = [
          await service.post(`${at}/tasks`, large),
          await service.post(`${at}/tasks/batch`, { tasks: [large] }),
          await commit({
            enqueue: [
              { queue: `${queue}-other`, payload: 1 },
              { queue, ...large },
            ],
          }),
        ];
        for (const { status, json, headers } of refusals) {
          expect([status, json, headers.get('retry-after')]).toEqual([429, expect.objectContaining(full), '5']);
          expect(json.detail).toContain('limit of 1048576 bytes');
        }
        expect(refusals[2]?.json.failed).toEqual({ part: 'enqueue', index: 1 });
        expect(await bytes()).toBe(600_011);
      });

      it('answers as documented', () => {
        expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.commits]));
      });
    });
  },
  { QUEUE_MAX_TASKS: '2', QUEUE_MAX_BYTES: '1048576' },
);
