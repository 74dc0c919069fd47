import { describe, expect, it } from '@jest/globals';
import { SORT_KEYS, type ListQuery, type SortKey } from '../../../src/engine/engine.js';
import { put } from '../../support/parts.js';
import { merge } from '../../support/edits.js';
import type { TestTenant } from '../../support/tenant.js';
import { MIB, type Fixture } from '../engine-under-test.js';

/** Sorted by bytes, the order of ids everywhere; code units would put the last three before U+E000. */
const TIES = [
  '+',
  '-',
  '0',
  '9',
  '@',
  'A',
  'A.1',
  'Aa',
  'Z',
  '_',
  'a',
  'a+',
  'a-',
  'aA',
  'aa',
  'b',
  '~',
  '~~',
  'é',
  '語',
  '\ue000',
  '！',
  '😀',
  '😀a',
];

export function describeListing(fixture: Fixture): void {
  /** Workflows created in the order of their names and updated in another one. */
  const fourWorkflows = async () => {
    const tenant = fixture.tenant();
    for (const id of ['c1', 'c2', 'c3', 'c4']) {
      await tenant.put(id, {});
      fixture.clock.advance(10);
    }
    for (const id of ['c3', 'c1', 'c4', 'c2']) {
      await tenant.put(id, {});
      fixture.clock.advance(10);
    }
    return tenant;
  };

  const many = async (count: number, perMs: number): Promise<TestTenant> => {
    const tenant = fixture.tenant();
    for (let i = 0; i < count; i += 50) {
      await tenant.commit({
        puts: Array.from({ length: Math.min(50, count - i) }, (_, j) => put(`w-${i + j}`, { case_id: (i + j) % 3 })),
      });
      if ((i / 50) % perMs === 0) fixture.clock.advance(1);
    }
    return tenant;
  };

  const five = async () => {
    const tenant = fixture.tenant();
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      await tenant.put(id, { status: 'x' });
      fixture.clock.advance(10);
    }
    return tenant;
  };

  /** All pages; `between` runs after each. */
  const walk = async (tenant: TestTenant, query: Partial<ListQuery>, between: (page: number) => Promise<unknown>) => {
    const ids: string[] = [];
    let page = 0;
    for await (const { items } of tenant.walk(query)) {
      ids.push(...items.map(({ id }) => id));
      fixture.clock.advance(1);
      await between(page++);
    }
    return ids;
  };

  describe('lists', () => {
    it.each([
      ['createdAt', ['c1', 'c2', 'c3', 'c4']],
      ['-createdAt', ['c4', 'c3', 'c2', 'c1']],
      ['updatedAt', ['c3', 'c1', 'c4', 'c2']],
      ['-updatedAt', ['c2', 'c4', 'c1', 'c3']],
    ] as const)('sort by %s', async (sort, expected) => {
      const tenant = await fourWorkflows();
      expect(await tenant.ids({ sort })).toEqual(expected);
      expect(await tenant.ids({ sort, limit: 1 })).toEqual(expected);
      expect(await tenant.ids({ sort, limit: 3 })).toEqual(expected);
    });

    it('by id begin and end with a prefix, which may be an id itself', async () => {
      const tenant = fixture.tenant();
      const ids = ['a', 'b', 'b-1', 'b-2', 'bé', 'b😀', 'c', ...Array.from({ length: 1100 }, (_, i) => `d${1000 + i}`)];
      for (let i = 0; i < ids.length; i += 50)
        await tenant.commit({ puts: ids.slice(i, i + 50).map((id) => put(id, { status: id < 'd1100' ? 'x' : 'y' })) });
      for (const [idPrefix, count] of [
        ['b', 5],
        ['b-', 2],
        ['d', 1100],
        ['d15', 100],
        ['e', 0],
      ] as const) {
        const expected = ids.filter((id) => id.startsWith(idPrefix));
        expect(expected).toHaveLength(count);
        for (const limit of [2, 1000]) {
          if (count > 200 && limit === 2) continue;
          expect(await tenant.ids({ sort: 'id', limit, filter: { idPrefix } })).toEqual(expected);
          expect(await tenant.ids({ sort: '-id', limit, filter: { idPrefix } })).toEqual(expected.toReversed());
        }
      }
      const both = { idPrefix: 'd', fields: { status: 'y' } };
      const expected = ids.filter((id) => id >= 'd1100');
      expect(await tenant.ids({ sort: 'id', limit: 300, filter: both })).toEqual(expected);
      expect(await tenant.ids({ sort: '-id', limit: 300, filter: both })).toEqual(expected.toReversed());
    });

    it.each(SORT_KEYS)('order what has the same time by the bytes of the id, in the direction of %s', async (sort) => {
      const tenant = fixture.tenant();
      await tenant.commit({ puts: TIES.toReversed().map((id) => put(id, {})) });
      const expected = sort.startsWith('-') ? TIES.toReversed() : TIES;
      expect(await tenant.ids({ sort })).toEqual(expected);
      expect(await tenant.ids({ sort, limit: 1 })).toEqual(expected);
      expect(await tenant.ids({ sort, limit: 5 })).toEqual(expected);
    });

    it('of nothing are empty and have no next page', async () => {
      for (const sort of SORT_KEYS)
        expect(await fixture.tenant().list({ sort })).toEqual({ items: [], next: undefined });
    });

    it('keep to their limit', async () => {
      const tenant = await many(60, 1);
      for (const limit of [1, 7, 59, 60, 61, 1000])
        expect((await tenant.list({ limit })).items.length).toBeLessThanOrEqual(limit);
      expect((await tenant.list({ limit: 1000 })).items).toHaveLength(60);
    });

    it.each(SORT_KEYS.flatMap((sort) => [1, 7, 50, 1000].map((limit): [SortKey, number] => [sort, limit])))(
      'by %s in pages of %i show each workflow exactly once',
      async (sort, limit) => {
        const tenant = await many(limit === 1 ? 60 : 230, 2);
        const ids = await tenant.ids({ sort, limit });
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.length).toBe(await tenant.count());
        expect(ids).toEqual(await tenant.ids({ sort }));
      },
    );

    it('with a filter in pages show each match exactly once', async () => {
      const tenant = await many(230, 3);
      for (const sort of SORT_KEYS) {
        const ids = await tenant.ids({ sort, limit: 11, filter: { fields: { case_id: '1' } } });
        expect(ids.toSorted()).toEqual(
          Array.from({ length: 230 }, (_, i) => i)
            .filter((i) => i % 3 === 1)
            .map((i) => `w-${i}`)
            .sort(),
        );
      }
    });

    it('of more than a thousand with one rare match find it', async () => {
      const tenant = await many(1250, 1);
      await tenant.put('w-7', { status: 'rare' });
      for (const sort of SORT_KEYS) {
        expect(await tenant.ids({ sort, limit: 10, filter: { fields: { status: 'rare' } } })).toEqual(['w-7']);
        expect(await tenant.ids({ sort, limit: 10, filter: { idPrefix: 'w-1249' } })).toEqual(['w-1249']);
      }
      expect(await tenant.count()).toBe(1250);
    });

    it('follow every change at once', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      fixture.clock.advance(1);
      await tenant.put('b', {});
      expect(await tenant.ids({ sort: '-updatedAt' })).toEqual(['b', 'a']);
      fixture.clock.advance(1);
      await tenant.patch('a', merge({ x: 1 }));
      expect(await tenant.ids({ sort: '-updatedAt' })).toEqual(['a', 'b']);
      expect(await tenant.ids({ sort: '-createdAt' })).toEqual(['b', 'a']);
      await tenant.delete('a');
      expect(await tenant.ids({ sort: '-updatedAt' })).toEqual(['b']);
      fixture.clock.advance(1);
      await tenant.put('a', {});
      expect(await tenant.ids({ sort: '-createdAt' })).toEqual(['a', 'b']);
    });

    it('do not move a workflow for a touch', async () => {
      const tenant = await fourWorkflows();
      await tenant.touch('c3', 5000);
      expect(await tenant.ids({ sort: 'updatedAt' })).toEqual(['c3', 'c1', 'c4', 'c2']);
    });

    it('carry everything but the state, unless asked', async () => {
      const tenant = fixture.tenant();
      const now = fixture.clock.ms;
      const { check } = await tenant.put('a', { n: 1 }, { incarnation: 'only-life', ttl: 1000 });
      const meta = {
        id: 'a',
        incarnation: 'only-life',
        version: 1,
        check,
        createdAtMs: now,
        updatedAtMs: now,
        deadlineMs: now + 1000,
      };
      expect((await tenant.list({})).items).toEqual([meta]);
      expect((await tenant.list({ includeState: true })).items).toEqual([{ ...meta, state: '{"n":1}' }]);
    });

    it('end a page early when the states are large, and lose nothing', async () => {
      const tenant = fixture.tenant();
      const filler = 'x'.repeat(MIB - 100);
      const ids = Array.from({ length: 12 }, (_, i) => `large-${String(i).padStart(2, '0')}`);
      for (const id of ids) await tenant.put(id, { id, filler });
      for (const sort of ['createdAt', '-updatedAt'] as const) {
        const shown: string[] = [];
        let pages = 0;
        for await (const { items } of tenant.walk({ sort, limit: 100, includeState: true })) {
          pages++;
          for (const { id, state } of items) {
            shown.push(id);
            expect(state?.length).toBe(JSON.stringify({ id, filler }).length);
          }
        }
        expect(pages).toBeGreaterThan(1);
        expect(shown).toEqual(sort === 'createdAt' ? ids : ids.toReversed());
      }
      expect((await tenant.list({ limit: 100 })).items).toHaveLength(12);
    });
  });

  describe('a list that changes between its pages', () => {
    it('does not miss a workflow that moves to the front behind the reader', async () => {
      const tenant = await five();
      const ids = await walk(tenant, { sort: '-updatedAt', limit: 2 }, async (page) => {
        if (page === 0) await tenant.put('b', { status: 'x', moved: true });
      });
      expect(new Set(ids)).toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
    });

    it('does not miss one that moves while the moved ones are shown', async () => {
      const tenant = await five();
      const ids = await walk(tenant, { sort: '-updatedAt', limit: 1 }, async (page) => {
        if (page === 0) await tenant.put('a', { status: 'x' });
        if (page === 1) await tenant.put('b', { status: 'x' });
        if (page === 4) await tenant.put('c', { status: 'x' });
      });
      expect(new Set(ids)).toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
    });

    it('does not miss a moved one under a filter', async () => {
      const tenant = await five();
      await tenant.put('other', { status: 'y' });
      const ids = await walk(
        tenant,
        { sort: '-updatedAt', limit: 2, filter: { fields: { status: 'x' } } },
        async (page) => {
          if (page === 0) await tenant.put('a', { status: 'x' });
          if (page === 0) await tenant.put('other', { status: 'y' });
        },
      );
      expect(new Set(ids)).toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
    });

    it.each(SORT_KEYS)('by %s shows everything that was there throughout, whatever is written', async (sort) => {
      const tenant = fixture.tenant();
      const ids = Array.from({ length: 40 }, (_, i) => `w-${i}`);
      for (const id of ids) {
        await tenant.put(id, {});
        fixture.clock.advance(1);
      }
      const gone = new Set<string>();
      const shown = await walk(tenant, { sort, limit: 3 }, async (page) => {
        if (page > 60) return;
        await tenant.put(`w-${(page * 17) % 40}`, {});
        gone.delete(`w-${(page * 17) % 40}`);
        const drop = `w-${(page * 7 + 3) % 40}`;
        if (page % 5 === 0 && (await tenant.find(drop)) !== undefined) {
          await tenant.delete(drop);
          gone.add(drop);
        }
        await tenant.put(`new-${page}`, {});
        fixture.clock.advance(1);
      });
      const there = ids.filter((id) => !gone.has(id));
      expect(there.filter((id) => !shown.includes(id))).toEqual([]);
    });

    it('goes on from where it was when the last one shown is gone', async () => {
      for (const sort of SORT_KEYS) {
        const tenant = await five();
        const ids = await walk(tenant, { sort, limit: 2 }, async (page) => {
          if (page === 0) await tenant.delete(sort.startsWith('-') ? 'd' : 'b');
        });
        expect(ids).toEqual(sort.startsWith('-') ? ['e', 'd', 'c', 'b', 'a'] : ['a', 'b', 'c', 'd', 'e']);
      }
    });

    it('shows nothing twice when nothing moved, although others came to their end', async () => {
      const tenant = await five();
      await tenant.touch('e', 1);
      const ids = await walk(tenant, { sort: '-updatedAt', limit: 2 }, async () => {});
      expect(ids.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
    });

    it('does not show what was deleted before its page', async () => {
      const tenant = await five();
      const ids = await walk(tenant, { sort: 'createdAt', limit: 2 }, async (page) => {
        if (page === 0) await tenant.delete('d');
      });
      expect(ids).toEqual(['a', 'b', 'c', 'e']);
    });

    it('by creation time neither misses nor repeats what is written meanwhile', async () => {
      for (const sort of ['createdAt', '-createdAt'] as const) {
        const tenant = await five();
        const ids = await walk(tenant, { sort, limit: 2 }, async () => {
          for (const id of ['a', 'c', 'e']) await tenant.put(id, {});
        });
        expect(ids.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
      }
    });
  });
}
