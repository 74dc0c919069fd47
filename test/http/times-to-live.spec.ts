import { describe, expect, it } from '@jest/globals';
import { describeService, WORKFLOWS, type Service } from '../support/describe-service.js';
import { until } from '../support/until.js';

const at = (id: string, rest = '') => `${WORKFLOWS}/${id}${rest}`;
const MERGE = { 'content-type': 'application/merge-patch+json' };

/** Milliseconds from the last write to the deadline, or null. */
async function lifeOf(service: Service, id: string): Promise<number | null> {
  const { expiresAt, updatedAt } = (await service.get(at(id))).json;
  return expiresAt === null ? null : Date.parse(expiresAt) - Date.parse(updatedAt);
}

describeService('times to live', (service) => {
  describe('in milliseconds', () => {
    it('are taken by every route that takes seconds', async () => {
      const id = service.id();
      const lives: (number | null)[] = [];
      const after = async (answer: Promise<{ status: number }>) => {
        expect([200, 201]).toContain((await answer).status);
        lives.push(await lifeOf(service, id));
      };
      await after(service.put(at(id), { state: {}, ttlMs: 300_001 }));
      await after(service.put(at(id, '/state?ttlMs=300002'), {}));
      await after(service.call('PATCH', at(id, '/state?ttlMs=300003'), { json: { a: 1 }, headers: MERGE }));
      await after(service.put(at(id, '/status?ttlMs=300004'), { status: 'open' }));
      await after(service.post('/v1/commits', { puts: [{ id, state: {}, ttlMs: 300_005 }] }));
      await after(service.post('/v1/commits', { patches: [{ id, merge: {}, ttlMs: 300_006 }] }));
      expect(lives).toEqual([300_001, 300_002, 300_003, 300_004, 300_005, 300_006]);
      expect((await service.post(at(id, '/touch'), { ttlMs: 900_007 })).status).toBe(204);
      expect(await lifeOf(service, id)).toBeGreaterThanOrEqual(900_007);
    });

    it('end a workflow before a second is over', async () => {
      const id = service.id();
      await service.put(at(id), { state: {}, ttlMs: 50 });
      await until(async () => (await service.get(at(id))).status === 404, 'it has expired');
    });

    it('do not stand beside seconds', async () => {
      for (const ttlSeconds of [1, null, 'keep'] as const) {
        const both = await service.put(at(service.id()), { state: {}, ttlSeconds, ttlMs: 5000 });
        expect([both.status, both.json.errors]).toEqual([
          422,
          [{ pointer: '/ttlMs', message: 'either ttlSeconds or ttlMs, not both' }],
        ]);
      }
      expect((await service.put(at(service.id(), '/state?ttlMs=5&ttlSeconds=5'), {})).status).toBe(422);
      for (const ttlMs of [0, -1, 1.5, null, '5'])
        expect((await service.put(at(service.id()), { state: {}, ttlMs })).status).toBe(422);
    });
  });

  it('of a lease may be a tenth of a second', async () => {
    const queue = service.id();
    await service.post(`/v1/queues/${queue}/tasks`, { payload: 1 });
    const claim = (leaseMs: number) => service.post(`/v1/queues/${queue}/claims`, { leaseMs });
    expect((await claim(99)).status).toBe(422);
    expect((await claim(100)).json.tasks).toMatchObject([{ attempt: 1 }]);
    await until(async () => (await claim(60_000)).status === 200, 'the lease has ended');
  });
});

describeService(
  'WORKFLOW_STATE_TTL=never',
  (service) => {
    it('lets workflows live until they are deleted, unless a writer says otherwise', async () => {
      const id = service.id();
      const put = await service.put(at(id), { state: {} });
      expect(put.json.expiresAt).toBeNull();
      expect((await service.put(at(id), { state: {}, ttlSeconds: 60 })).json.expiresAt).not.toBeNull();
      expect((await service.put(at(id), { state: {} })).json.expiresAt).toBeNull();
      const kept = await service.put(at(service.id()), { state: {}, ttlSeconds: 'keep' });
      expect(kept.json.expiresAt).toBeNull();
      const patched = await service.call('PATCH', at(id, '/state'), { json: { a: 1 }, headers: MERGE });
      expect(patched.json.expiresAt).toBeNull();
    });
  },
  { WORKFLOW_STATE_TTL: 'never' },
);
