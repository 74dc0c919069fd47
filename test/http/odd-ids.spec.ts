import { describe, expect, it } from '@jest/globals';
import { WaymarkClient } from '../../src/client/index.js';
import { describeService, WORKFLOWS } from '../support/describe-service.js';
import { ODD_IDS } from '../support/odd-ids.js';

const JSON_ONLY = { headers: { accept: 'application/json' } };
const at = (id: string, rest = '') => `${WORKFLOWS}/${encodeURIComponent(id)}${rest}`;

describeService('ids of any characters', (service) => {
  describe('in paths, percent-encoded', () => {
    it.each(ODD_IDS)('name one workflow on every route: %j', async (id) => {
      const put = await service.put(at(id), { state: { id, logs: [] } });
      expect([put.status, put.json.id]).toEqual([201, id]);
      expect((await service.get(at(id))).json).toMatchObject({ id, state: { id } });
      expect((await service.get(at(id, '/state'))).json).toEqual({ id, logs: [] });
      const etag = String(put.headers.get('etag'));
      expect((await service.get(at(id, '/state'), { headers: { 'if-none-match': etag } })).status).toBe(304);
      expect((await service.patch(at(id, '/state'), 'merge', { a: 1 })).json.id).toBe(id);
      expect((await service.post(at(id, '/logs'), { event: 'x' })).json.version).toBe(3);
      expect((await service.get(at(id, '/versions/1'))).json).toMatchObject({ id, state: { id, logs: [] } });
      expect((await service.get(at(id, '/versions/1/diff/2'))).status).toBe(200);
      const task = await service.post('/v1/queues/q/tasks', { payload: 1, workflowId: id });
      expect([task.status, task.json.workflowId]).toEqual([201, id]);
      expect((await service.get(at(id, '/tasks'))).json.items).toMatchObject([{ id: task.json.id, workflowId: id }]);
      const query = new URLSearchParams({ workflow: id, since: '0' });
      const { events } = (await service.get(`/v1/events?${query}`, JSON_ONLY)).json;
      expect(events.length).toBeGreaterThanOrEqual(3);
      expect((await service.get(at(id, '/events?since=0'), JSON_ONLY)).json.events).toHaveLength(events.length);
      const listed = await service.get(`${WORKFLOWS}?${new URLSearchParams({ idPrefix: id, limit: '1000' })}`);
      expect(listed.json.items.map((one: { id: string }) => one.id)).toContain(id);
      expect((await service.call('DELETE', at(id, '?tasks=cancel'))).status).toBe(204);
      expect((await service.get(at(id))).json.code).toBe('WORKFLOW_NOT_FOUND');
    });

    it('are told in Location, which leads back', async () => {
      for (const [n, id] of ['a/b?c', 'case:7@x+y~z', '😀 %', `from-${service.id()}`].entries()) {
        const { status, headers } = await service.post(WORKFLOWS, { id, state: { n } });
        expect(status).toBe(201);
        const location = String(headers.get('location'));
        expect((await service.get(location)).json).toMatchObject({ id, state: { n } });
        expect((await service.post(`${location}/fork`, { id: `fork of ${id}` })).status).toBe(201);
        expect((await service.get(at(`fork of ${id}`, '/state'))).json).toEqual({ n });
      }
      const plain = await service.post(WORKFLOWS, { id: 'case:8@x+y~z', state: 1 });
      expect(plain.headers.get('location')).toBe('/v1/workflows/case:8@x+y~z');
    });

    it('are refused with INVALID_ID when they are too long or have control characters', async () => {
      for (const id of ['x'.repeat(201), '語'.repeat(67), 'a\nb', '\u0000', '\u0085', '\uffff', 'count'])
        for (const refused of [
          await service.put(at(id), { state: 1 }),
          await service.post(WORKFLOWS, { id, state: 1 }),
        ])
          expect([id, refused.status, refused.json.code]).toEqual([id, 422, 'INVALID_ID']);
      expect((await service.call('PUT', `${WORKFLOWS}/%ff`, { json: { state: 1 } })).status).toBe(400);
      const { json } = await service.post(WORKFLOWS, { id: '\ud83d', state: 1 });
      expect(json.status).toBeGreaterThanOrEqual(400);
    });
  });

  it('are written, claimed for and read in commits and batches', async () => {
    const puts = ODD_IDS.map((id, n) => ({ id, state: { n }, expect: { exists: false } }));
    const { status, json } = await service.post('/v1/commits', { puts });
    expect([status, json.workflows?.map(({ id }: { id: string }) => id)]).toEqual([200, ODD_IDS]);
    const read = await service.post(`${WORKFLOWS}/batch-get`, { ids: ODD_IDS });
    expect(read.json.items.map(({ id, state }: { id: string; state: { n: number } }) => [id, state.n])).toEqual(
      ODD_IDS.map((id, n) => [id, n]),
    );
    const keyed = { 'idempotency-key': service.id() };
    const first = await service.put(at('a b'), { state: 'again' }, { headers: keyed });
    const second = await service.put(at('a b'), { state: 'again' }, { headers: keyed });
    expect([second.status, second.json]).toEqual([first.status, first.json]);
    const sorted: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = new URLSearchParams({ sort: 'id', limit: '7', ...(cursor && { cursor }) }).toString();
      const page = (await service.get(`${WORKFLOWS}?${query}`)).json;
      sorted.push(...page.items.map(({ id }: { id: string }) => id));
      cursor = page.nextCursor as string | null;
    }
    expect(sorted.filter((id) => ODD_IDS.includes(id))).toEqual(
      ODD_IDS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
  });

  it('are taken by the client', async () => {
    const client = new WaymarkClient({ url: service.url });
    for (const id of ODD_IDS) {
      await client.putWorkflow(id, { of: id });
      expect((await client.getWorkflow(id)).state).toEqual({ of: id });
      await client.deleteWorkflow(id);
    }
    for (const id of ODD_IDS) await client.putWorkflow(`below/${id}`.slice(0, 40), 1);
    expect(await client.deleteWorkflows('below/')).toBe(new Set(ODD_IDS.map((id) => id.slice(0, 34))).size);
  });
});
