import { expect, it } from '@jest/globals';
import { cursorOf } from '../../src/http/cursor.js';
import { describeService } from '../support/describe-service.js';

describeService('the list of queues', (service) => {
  const fill = async (names: readonly string[]) => {
    for (let at = 0; at < names.length; at += 10) {
      const enqueue = names.slice(at, at + 10).map((queue) => ({ queue, payload: null }));
      expect((await service.post('/v1/commits', { enqueue })).status).toBeLessThan(300);
    }
  };
  const namesOf = (json: { items: { name: string }[] }) => json.items.map(({ name }) => name);

  it('comes in pages, of a prefix if one is given', async () => {
    const prefix = service.id();
    const names = Array.from({ length: 12 }, (_, i) => `${prefix}-${String(i).padStart(2, '0')}`);
    await fill(names);
    const walk = async (limit: number) => {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const more: string = cursor === null ? '' : `&cursor=${cursor}`;
        const { status, json } = await service.get(`/v1/queues?prefix=${prefix}&limit=${limit}${more}`);
        expect([status, json.unreadable, json.items.length <= limit]).toEqual([200, [], true]);
        seen.push(...namesOf(json));
        cursor = json.nextCursor;
      } while (cursor !== null);
      return seen;
    };
    for (const limit of [1, 5, 12, 1000]) expect(await walk(limit)).toEqual(names);
    const { json } = await service.get(`/v1/queues/${names[0]}`);
    const page = await service.get(`/v1/queues?prefix=${prefix}&limit=1`);
    expect(page.json.items).toEqual([{ ...json, oldestReadyAgeMs: expect.any(Number) }]);
  });

  it('has at most a hundred on a page, unless more are asked for', async () => {
    const prefix = service.id();
    for (const part of ['a', 'b']) await fill(Array.from({ length: 60 }, (_, i) => `${prefix}-${part}-${i}`));
    const lengths = async (query: string) =>
      (await service.get(`/v1/queues?prefix=${prefix}${query}`)).json.items.length;
    expect([await lengths(''), await lengths('&limit=1000')]).toEqual([100, 120]);
  });

  it('refuses a cursor of another list, a damaged one and a forged one', async () => {
    const prefix = service.id();
    await fill([`${prefix}-1`, `${prefix}-2`]);
    const { nextCursor } = (await service.get(`/v1/queues?prefix=${prefix}&limit=1`)).json;
    const refusal = async (query: string) => {
      const { status, json } = await service.get(`/v1/queues?${query}`);
      return [status, json.code];
    };
    const list = JSON.stringify(['queues', 'default', prefix]);
    const forged = ['', '\ud800', 'x'.repeat(10_000), 'a b', '../x'].map((id) => cursorOf(list, { atMs: 0, id }));
    for (const cursor of [`${nextCursor}x`, nextCursor.slice(1), 'x', ...forged]) {
      expect(await refusal(`prefix=${prefix}&cursor=${cursor}`)).toEqual([400, 'INVALID_CURSOR']);
    }
    expect(await refusal(`cursor=${nextCursor}`)).toEqual([400, 'INVALID_CURSOR']);
    expect(await refusal('limit=0')).toEqual([422, 'INVALID_QUERY']);
    expect(await refusal('limit=1001')).toEqual([422, 'INVALID_QUERY']);
    expect(await refusal('prefix=')).toEqual([422, 'INVALID_QUERY']);
  });
});
