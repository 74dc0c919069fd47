import { describe, expect, it } from '@jest/globals';
import { Engine } from '../../src/engine/engine.js';
import { describeService, WORKFLOWS } from '../support/describe-service.js';
import { OPERATIONS } from '../support/operations.js';
import { until } from '../support/until.js';

const TEST = '/api/routing/test';
const ROUTING = '/v1/routing';
const CODE = 'Fix this Python function';

describeService(
  'routing',
  (service) => {
    const stats = async () => (await service.get(TEST)).json.stats;

    /** Messages of a channel in the feed, as listeners get them. */
    async function published(channel: string) {
      const events = await service.app.get(Engine).readFeed('default', undefined, 10_000);
      return events
        .filter(({ fields }) => fields['channel'] === channel)
        .map(({ type, fields }) => ({
          type,
          payload: JSON.parse(fields['payload'] ?? 'null') as Record<string, unknown>,
        }));
    }

    describe('a decision', () => {
      it('has the shape that older clients know', async () => {
        const answer = await service.post(TEST, { text: CODE });
        expect(answer.status).toBe(200);
        const { success, decision } = answer.json;
        expect([success, Object.keys(decision)]).toEqual([
          true,
          ['id', 'taskId', 'selectedAgent', 'complexityScore', 'reason', 'timestamp'],
        ]);
        expect(decision.selectedAgent).toEqual({
          id: 'gpt-4',
          name: 'GPT-4',
          strengths: ['code', 'reasoning', 'planning'],
          cost: expect.any(Number),
          latency: expect.any(Number),
        });
        expect(decision.complexityScore).toEqual({
          d_var: expect.any(Number),
          factors: { length: 24, punctuation: 0, uniqueTokens: 4 },
        });
      });

      it('is published as it was made, and counted', async () => {
        const before = await stats();
        const { decision } = (await service.post(TEST, { text: `${CODE}, please` })).json;
        const after = await stats();
        const { taskId, complexityScore, reason, timestamp } = decision;
        expect((await published('task:routing')).at(-1)).toEqual({
          type: 'routing_decision',
          payload: { taskId, agent: 'gpt-4', complexityScore, reason, timestamp },
        });
        expect(Object.keys(after.agentUsage)).toEqual(['claude', 'gpt-4', 'gemini', 'llama', 'mistral']);
        expect(after.totalRoutes).toBe(before.totalRoutes + 1);
        expect(after.agentUsage['gpt-4']).toBe(before.agentUsage['gpt-4'] + 1);
        expect(after.recentDecisions[0]).toEqual(decision);
      });

      it('is counted once each when many are made at once; the newest are shown', async () => {
        const before = await stats();
        const answers = await Promise.all(
          Array.from({ length: 200 }, (_, i) => service.post(TEST, { text: `hello number ${i}` })),
        );
        const after = await stats();
        expect(after.totalRoutes).toBe(before.totalRoutes + 200);
        const sum = (usage: Record<string, number>) => Object.values(usage).reduce((a, b) => a + b, 0);
        expect(sum(after.agentUsage)).toBe(after.totalRoutes);
        expect(after.recentDecisions).toHaveLength(20);
        const made = new Set(answers.map(({ json }) => json.decision.id));
        expect(after.recentDecisions.every(({ id }: { id: string }) => made.has(id))).toBe(true);
        const tasks = new Set((await published('task:routing')).map(({ payload }) => payload['taskId']));
        expect(answers.every(({ json }) => tasks.has(json.decision.taskId))).toBe(true);
      });

      it('is the same in the routes of today', async () => {
        const old = (await service.post(TEST, { text: CODE })).json.decision;
        const answer = await service.post(ROUTING, { text: CODE });
        expect(answer.status).toBe(200);
        const { id: _id, taskId: _taskId, timestamp: _timestamp, ...same } = old;
        expect(answer.json).toMatchObject(same);
      });

      it('is made once for an Idempotency-Key', async () => {
        const headers = { 'idempotency-key': service.id() };
        for (const path of [TEST, ROUTING]) {
          const before = await stats();
          const first = await service.post(path, { text: CODE }, { headers });
          const again = await service.post(path, { text: CODE }, { headers });
          expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([
            200,
            first.text,
            'true',
          ]);
          expect((await stats()).totalRoutes).toBe(before.totalRoutes + 1);
          const other = await service.post(path, { text: 'other' }, { headers });
          expect([other.status, other.json.code]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
        }
      });

      it('leaves nothing where users look for their own', async () => {
        await service.post(TEST, { text: CODE });
        await stats();
        expect((await service.get(WORKFLOWS)).json.items).toEqual([]);
        expect((await service.get(`${WORKFLOWS}/count`)).json.count).toBe(0);
        expect((await service.get(`${WORKFLOWS}/routing`)).status).toBe(404);
      });
    });

    describe('a text', () => {
      it.each<[string, string, number, string, string | null]>([
        ['that is missing', '{}', 422, 'INVALID_BODY', '/text'],
        ['that is empty', '{"text":""}', 422, 'INVALID_BODY', '/text'],
        ['of white space', '{"text":" \\n\\t\\u00a0 "}', 422, 'INVALID_BODY', '/text'],
        ['that is none', '{"text":5}', 422, 'INVALID_BODY', '/text'],
        ['with something unknown beside it', '{"text":"a","txt":1}', 422, 'INVALID_BODY', '/txt'],
        ['in a list', '["a"]', 422, 'INVALID_BODY', ''],
        ['with half a character', '{"text":"\\ud83d"}', 422, 'JSON_REFUSED', '/text'],
        ['of a megabyte', JSON.stringify({ text: 'word '.repeat(200_000) }), 413, 'STATE_TOO_LARGE', null],
        ['of ten megabytes', JSON.stringify({ text: 'x'.repeat(10_000_000) }), 413, 'STATE_TOO_LARGE', null],
        ['that is no JSON', '{', 400, 'INVALID_JSON', null],
      ])('%s is refused', async (_what, body, status, code, pointer) => {
        for (const path of [TEST, ROUTING]) {
          const refused = await service.call('POST', path, { body });
          expect([refused.status, refused.json.code]).toEqual([status, code]);
          if (pointer !== null) expect(refused.json.errors[0].pointer).toBe(pointer);
        }
        const wrongType = await service.call('POST', TEST, {
          body: '{"text":"a"}',
          headers: { 'content-type': 'text/plain' },
        });
        expect(wrongType.status).toBe(415);
        expect((await service.post(`${TEST}?a=1`, { text: 'a' })).status).toBe(422);
      });

      it.each(['🙂', 'ā', '契約', '\u0000', 'x'.repeat(65_536)])('may be %j', async (text) => {
        const { complexityScore } = (await service.post(TEST, { text })).json.decision;
        expect(complexityScore.d_var).toBeGreaterThanOrEqual(0);
        expect(complexityScore.d_var).toBeLessThan(1);
      });
    });

    describe('with enqueue', () => {
      it('the task is on the queue of the agent before the answer, and the decision names it', async () => {
        const id = service.id();
        await service.put(`${WORKFLOWS}/${id}`, { state: {} });
        const answer = await service.post(ROUTING, {
          text: CODE,
          enqueue: true,
          payload: { any: [1] },
          priority: 1,
          workflowId: id,
          headers: { h: 'x' },
        });
        expect(answer.status).toBe(201);
        const { taskId, selectedAgent, task } = answer.json;
        expect([taskId, answer.headers.get('location')]).toEqual([task.id, `/v1/tasks/${task.id}`]);
        expect(task).toMatchObject({ queue: selectedAgent.id, priority: 1, workflowId: id, status: 'ready' });
        expect((await service.get(`/v1/tasks/${taskId}`)).json).toMatchObject({
          payload: { any: [1] },
          headers: { h: 'x' },
        });
        expect((await published('task:routing')).map(({ payload }) => payload['taskId'])).toContain(taskId);
        const claimed = (await service.post(`/v1/queues/${selectedAgent.id}/claims`, {})).json.tasks;
        expect(claimed[0].id).toBe(taskId);
        await service.post(`/v1/tasks/${taskId}/complete`, { leaseToken: claimed[0].leaseToken });
        await service.call('DELETE', `${WORKFLOWS}/${id}`);
      });

      it('the payload is the text unless it is given', async () => {
        const { taskId } = (await service.post(ROUTING, { text: ' Héllo ', enqueue: true })).json;
        expect((await service.get(`/v1/tasks/${taskId}`)).json.payload).toEqual({ text: ' Héllo ' });
      });

      it('an Idempotency-Key gives the same decision and task again', async () => {
        const headers = { 'idempotency-key': service.id() };
        const body = { text: 'Translate this into French', enqueue: true };
        const first = await service.post(ROUTING, body, { headers });
        const again = await service.post(ROUTING, body, { headers });
        expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([
          201,
          first.text,
          'true',
        ]);
        expect((await service.get(`/v1/queues/${first.json.selectedAgent.id}`)).json.depth.ready).toBe(1);
      });

      it('a refusal counts, publishes and enqueues nothing', async () => {
        const full = { text: 'What is in this image?', enqueue: true };
        for (let n = 0; n < 2; n++) expect((await service.post(ROUTING, full)).status).toBe(201);
        const before = [await stats(), (await published('task:routing')).length];
        const refused = await service.post(ROUTING, full);
        expect([refused.status, refused.json.code, refused.json.queue]).toEqual([429, 'QUEUE_FULL', 'gemini']);
        expect([refused.headers.get('ratelimit-policy'), refused.headers.get('ratelimit')]).toEqual([
          '"queue-full";q=2',
          '"queue-full";r=0;t=5',
        ]);
        expect([await stats(), (await published('task:routing')).length]).toEqual(before);
      });

      it.each<[object, string]>([
        [{ enqueue: 'yes' }, '/enqueue'],
        [{ enqueue: true, id: 'a' }, '/id'],
        [{ enqueue: true, dedupeKey: 'a' }, '/dedupeKey'],
        [{ enqueue: true, queue: 'a' }, '/queue'],
        [{ enqueue: true, priority: 10 }, '/priority'],
        [{ payload: 1 }, '/payload'],
        [{ enqueue: false, priority: 1 }, '/priority'],
      ])('%j is refused', async (given, pointer) => {
        const refused = await service.post(ROUTING, { text: 'a', ...given });
        expect([refused.status, refused.json.errors[0].pointer]).toEqual([422, pointer]);
      });
    });

    describe('an agent', () => {
      const report = (id: string, body: object, headers = {}) =>
        service.post(`/v1/agents/${id}/status`, body, { headers });
      const agent = async (id: string) =>
        (await service.get('/v1/agents')).json.items.find((one: { id: string }) => one.id === id);

      it('is listed with what it is known for', async () => {
        const { items } = (await service.get('/v1/agents')).json;
        expect(items.slice(0, 5).map(({ id }: { id: string }) => id)).toEqual([
          'claude',
          'gpt-4',
          'gemini',
          'llama',
          'mistral',
        ]);
        expect(items[0]).toMatchObject({ name: 'Claude', configured: true, capability: 0.85 });
      });

      it('reports, which is published and shown until it is too old', async () => {
        const answer = await report('llama', { name: 'Llama 3', status: 'available', load: 0.25 });
        const { eventId, ...status } = answer.json;
        expect(status).toMatchObject({ agentId: 'llama', name: 'Llama 3', status: 'available', load: 0.25 });
        expect(eventId).toMatch(/^\d+-\d+-\w+$/);
        expect((await published('agent:status')).at(-1)).toEqual({ type: 'agent_status', payload: status });
        expect((await agent('llama')).lastStatus).toMatchObject({
          status: 'available',
          load: 0.25,
          timestamp: status.timestamp,
        });
        await until(async () => (await agent('llama')).lastStatus === null, 'the report has expired');
      });

      it('that is busy is skipped when another scores almost as well, until its report expires', async () => {
        const choose = async () => (await service.post(TEST, { text: 'ok' })).json.decision;
        expect((await choose()).selectedAgent.id).toBe('llama');
        await report('llama', { status: 'available', load: 0.95 });
        const { selectedAgent, reason } = await choose();
        expect([selectedAgent.id, reason]).toEqual([
          'mistral',
          expect.stringContaining('skipped Llama: available, load 0.95'),
        ]);
        await until(async () => (await choose()).selectedAgent.id === 'llama', 'the report has expired');
        // On a busy machine a report may expire before the question.
        await until(async () => {
          await report('llama', { status: 'offline' });
          await report('mistral', { status: 'offline' });
          return !['llama', 'mistral'].includes((await choose()).selectedAgent.id);
        }, 'nothing goes to those that are offline');
        await report('llama', { status: 'idle' });
        expect((await choose()).selectedAgent.id).toBe('llama');
      });

      it('that nobody has configured is listed as such, and never chosen', async () => {
        await report('agent:7@host', { status: 'idle', load: 0 });
        const { name, configured, cost, lastStatus } = await agent('agent:7@host');
        expect([name, configured, cost, lastStatus.status]).toEqual(['agent:7@host', false, null, 'idle']);
      });

      it('reports once for an Idempotency-Key', async () => {
        const headers = { 'idempotency-key': service.id() };
        const before = (await published('agent:status')).length;
        const first = await report('claude', { status: 'busy' }, headers);
        const again = await report('claude', { status: 'busy' }, headers);
        expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
        expect((await published('agent:status')).length).toBe(before + 1);
      });

      it.each<[string, object, string, string | null]>([
        ['claude', {}, 'INVALID_BODY', '/status'],
        ['claude', { status: '' }, 'INVALID_BODY', '/status'],
        ['claude', { status: 'x'.repeat(65) }, 'INVALID_BODY', '/status'],
        ['claude', { status: 'ok', load: 93 }, 'INVALID_BODY', '/load'],
        ['claude', { status: 'ok', load: '0.5' }, 'INVALID_BODY', '/load'],
        ['claude', { status: 'ok', name: 5 }, 'INVALID_BODY', '/name'],
        ['claude', { status: 'ok', more: 1 }, 'INVALID_BODY', '/more'],
        ['.hidden', { status: 'ok' }, 'INVALID_ID', null],
        ['a%2Fb', { status: 'ok' }, 'INVALID_ID', null],
        ['x'.repeat(129), { status: 'ok' }, 'INVALID_ID', null],
      ])('%s may not report %j', async (id, body, code, pointer) => {
        const refused = await report(id, body);
        expect([refused.status, refused.json.code]).toEqual([422, code]);
        if (pointer !== null) expect(refused.json.errors[0].pointer).toBe(pointer);
      });
    });

    it('is measured', async () => {
      await service.post(TEST, { text: CODE });
      await stats();
      const { text } = await service.get('/metrics');
      expect(text).toMatch(/waymark_routing_decisions_total\{agent="gpt-4"\} \d+/);
      expect(text).toMatch(/^waymark_routing_waiting 0$/m);
      expect(text).toContain('# TYPE waymark_routing_unpublished_total counter');
    });

    it('answers as documented', () => {
      expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.routing]));
    });
  },
  { ROUTING_STATUS_TTL: '2s', QUEUE_MAX_TASKS: '2' },
);
