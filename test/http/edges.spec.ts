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
