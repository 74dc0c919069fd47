import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { OPERATIONS } from '../support/operations.js';
import { describeService, WORKFLOWS, type Service } from '../support/describe-service.js';

describeService('edges of HTTP', (service) => {
  const at = (id: string, rest = '') => `${WORKFLOWS}/${id}${rest}`;

  describe('a state', () => {
    it('is deleted at its own URL, with its workflow', async () => {
      const id = service.id();
      const { headers } = await service.put(at(id, '/state'), 1);
      const tag = headers.get('etag') as string;
      await service.put(at(id, '/state'), 2);
      const stale = await service.call('DELETE', at(id, '/state'), { headers: { 'if-match': tag } });
      expect([stale.status, stale.json.code]).toEqual([412, 'VERSION_CONFLICT']);
      expect((await service.call('DELETE', at(id, '/state'))).status).toBe(204);
      expect((await service.get(at(id))).status).toBe(404);
      expect((await service.call('DELETE', at(id, '/state'))).status).toBe(404);
    });

    it('is what a PATCH changes: a PATCH of the workflow says where', async () => {
      const refused = await service.patch(at(service.id()), 'merge', {});
      expect([refused.status, refused.json.code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
      expect(refused.json.detail).toMatch(/same path with \/state/);
    });
  });

  describe('many workflows', () => {
    const remove = (query: Record<string, string>) =>
      service.call('DELETE', `${WORKFLOWS}?${new URLSearchParams(query)}`);

    it('are deleted by the beginning of their ids, in steps that may be repeated', async () => {
      const thread = service.id();
      const ids = Array.from({ length: 25 }, (_, i) => `${thread}:${i} é/%`);
      const others = [thread, `${thread}; not below`];
      const puts = [...ids, ...others].map((id) => ({ id, state: {} }));
      expect((await service.post('/v1/commits', { puts })).status).toBe(200);
      const idPrefix = `${thread}:`;
      const steps = [];
      for (let isComplete = false; !isComplete;) {
        const { status, json } = await remove({ idPrefix, limit: '10' });
        expect(status).toBe(200);
        steps.push(json);
        isComplete = json.isComplete as boolean;
      }
      expect(steps).toEqual([
        { deleted: 10, isComplete: false },
        { deleted: 10, isComplete: false },
        { deleted: 5, isComplete: true },
      ]);
      expect((await remove({ idPrefix })).json).toEqual({ deleted: 0, isComplete: true });
      const left = await service.get(`${WORKFLOWS}?${new URLSearchParams({ idPrefix: thread, sort: 'id' })}`);
      expect(left.json.items.map(({ id }: { id: string }) => id)).toEqual(others);
    });

    it('are deleted once by several requests at a time', async () => {
      const idPrefix = `${service.id()}:`;
      const puts = Array.from({ length: 50 }, (_, i) => ({ id: `${idPrefix}${i}`, state: {} }));
      await service.post('/v1/commits', { puts });
      const answers = await Promise.all(Array.from({ length: 4 }, () => remove({ idPrefix })));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      expect(answers.reduce((sum, { json }) => sum + (json.deleted as number), 0)).toBe(50);
    });

    it('have their tasks cancelled, if the request says so', async () => {
      const id = service.id();
      await service.put(at(id), { state: {} });
      const task = await service.post('/v1/queues/of-many/tasks', { payload: 1, workflowId: id });
      expect((await remove({ idPrefix: id, tasks: 'cancel' })).json).toEqual({ deleted: 1, isComplete: true });
      expect((await service.get(`/v1/tasks/${task.json.id}`)).json.status).toBe('cancelled');
    });

    it('are not all workflows: a beginning must be given', async () => {
      for (const query of [{}, { idPrefix: '' }, { idPrefix: 'a', limit: '0' }, { idPrefix: 'a', limit: '1001' }])
        expect((await remove(query as Record<string, string>)).status).toBe(422);
      const path = `${WORKFLOWS}?idPrefix=nobody`;
      expect((await service.call('DELETE', path, { headers: { 'if-match': '"x-1.y"' } })).status).toBe(400);
      expect((await service.call('DELETE', path, { headers: { 'idempotency-key': 'k' } })).status).toBe(422);
    });
  });

  it('a weak tag matches on a read, also of one that waits', async () => {
    const id = service.id();
    const { headers } = await service.put(at(id, '/state'), 1);
    const weak = `W/${headers.get('etag')}`;
    for (const path of [at(id), at(id, '/state')])
      expect((await service.get(path, { headers: { 'if-none-match': weak } })).status).toBe(304);
    const waiting = service.get(at(id), { headers: { 'if-none-match': weak, prefer: 'wait=30' } });
    await service.put(at(id, '/state'), 2);
    expect((await waiting).json.version).toBe(2);
  });

  it.each(['null', '1', '{}', '[]', '[1]', '["a","b"]', '"x"', '[1,2,3,4]', 'nonsense', '[1e400,"a",null]'])(
    'a forged cursor of %s is refused',
    async (place) => {
      const list = JSON.stringify(['default', []]);
      const digest = createHash('sha256')
        .update(JSON.stringify([list, place]))
        .digest()
        .subarray(0, 9);
      const cursor = Buffer.concat([digest, Buffer.from(place)]).toString('base64url');
      const refused = await service.get(`${WORKFLOWS}?cursor=${cursor}`);
      expect([refused.status, refused.json.code]).toEqual([400, 'INVALID_CURSOR']);
    },
  );

  describe('a refusal', () => {
    it('lists a hundred faults and counts the others', async () => {
      const body = Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`unknown-${i}`, i]));
      const refused = await service.put(at(service.id()), body);
      expect([refused.status, refused.json.code, refused.json.errorCount]).toEqual([422, 'INVALID_BODY', 40_001]);
      expect(refused.json.errors).toHaveLength(100);
      expect(refused.text.length).toBeLessThan(20_000);
    });

    it('does not repeat a name of a megabyte', async () => {
      const refused = await service.put(at(service.id()), { ['x'.repeat(1_000_000)]: 1 });
      expect([refused.status, refused.json.code]).toEqual([422, 'INVALID_BODY']);
      expect(refused.text.length).toBeLessThan(5000);
    });
  });

  it('of the document are described', () => {
    for (const operation of OPERATIONS.edges) expect([...service.checker.exercised]).toContain(operation);
  });

  it('a request with two Host headers is refused', async () => {
    const { host } = new URL(service.url);
    const head = await answerTo(service, `GET /status HTTP/1.1\r\nHost: ${host}\r\nHost: ${host}\r\n\r\n`);
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(await answerTo(service, `GET /status HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

/** First bytes of the answer to a request as it is. */
async function answerTo(service: Service, request: string): Promise<string> {
  const { port, hostname } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  try {
    socket.write(request);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    return chunk.toString('latin1');
  } finally {
    socket.destroy();
  }
}
