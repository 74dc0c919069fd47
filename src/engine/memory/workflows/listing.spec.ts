import { beforeEach, describe, expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { engineOptions, put, TENANT, touch, workflowIndex } from '../../../../test/support/memory-commits.js';
import { SORT_KEYS, type Filter, type ListPosition, type ListQuery } from '../../engine.js';
import { MemoryEngine } from '../memory-engine.js';

describe('listing', () => {
  let now = 0;
  let engine: MemoryEngine;

  beforeEach(() => {
    now = 1000;
    engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: () => now });
  });

  const write = (id: string, value: unknown = {}) => engine.commit(TENANT, put(id, value));

  /** Follows `next` to the end; `between` runs after each page. */
  async function walk(query: Partial<ListQuery>, between: (page: number) => Promise<unknown> = async () => undefined) {
    const ids: string[][] = [];
    let after: ListPosition | undefined;
    do {
      const page = await engine.list(TENANT, {
        filter: {},
        sort: '-updatedAt',
        limit: 3,
        includeState: false,
        ...query,
        ...(after && { after }),
      });
      ids.push(page.items.map(({ id }) => id));
      after = page.next;
      await between(ids.length);
    } while (after !== undefined);
    return ids;
  }

  it('combines fields, prefix and time bounds, and counts the same', async () => {
    for (let i = 0; i < 60; i++) {
      now = 1000 + i;
      await write(`${i % 2 === 0 ? 'even' : 'odd'}-${i}`, { status: `s${i % 3}`, user_id: `u${i % 5}` });
    }
    const cases: [Filter, (i: number) => boolean][] = [
      [{}, () => true],
      [{ fields: { status: 's1' } }, (i) => i % 3 === 1],
      [{ fields: { status: 's1', user_id: 'u2' } }, (i) => i % 3 === 1 && i % 5 === 2],
      [{ fields: { status: 'none' } }, () => false],
      [{ fields: { unknown: 's1' } }, () => false],
      [{ idPrefix: 'odd-1' }, (i) => i % 2 === 1 && String(i).startsWith('1')],
      [{ idPrefix: 'odd-11' }, (i) => i === 11],
      [{ idPrefix: 'odd', fields: { status: 's1' } }, (i) => i % 2 === 1 && i % 3 === 1],
      [{ updatedAfterMs: 1010 }, (i) => i > 10],
      [{ updatedBeforeMs: 1010 }, (i) => i < 10],
      [
        { updatedAfterMs: 1010, updatedBeforeMs: 1020, fields: { status: 's1' } },
        (i) => i > 10 && i < 20 && i % 3 === 1,
      ],
      [{ updatedAfterMs: 1020, updatedBeforeMs: 1010 }, () => false],
      [{ updatedAfterMs: 1010, idPrefix: 'even' }, (i) => i > 10 && i % 2 === 0],
    ];
    for (const [filter, isWanted] of cases) {
      const wanted = Array.from({ length: 60 }, (_, i) => i).filter(isWanted);
      for (const sort of SORT_KEYS) {
        const ids = (await walk({ filter, sort })).flat();
        const numbers = ids.map((id) => Number(id.split('-')[1]));
        if (sort.endsWith('id')) numbers.sort((a, b) => (sort === 'id' ? a - b : b - a));
        expect(numbers).toEqual(sort.startsWith('-') ? wanted.toReversed() : wanted);
      }
      expect(await engine.count(TENANT, filter)).toBe(wanted.length);
    }
  });

  it('counts no expired workflow, swept or not', async () => {
    for (let i = 0; i < 10; i++) await write(`w-${i}`, { status: 'x' });
    await engine.commit(TENANT, touch('w-3', 10));
    await engine.commit(TENANT, touch('w-4', 20));
    now += 10;
    for (const filter of [{}, { fields: { status: 'x' } }, { idPrefix: 'w' }, { updatedAfterMs: 0 }]) {
      expect(await engine.count(TENANT, filter)).toBe(9);
    }
    expect((await walk({ sort: 'createdAt' })).flat()).not.toContain('w-3');
  });

  it('yields to the event loop while it examines many', async () => {
    for (let i = 0; i < 12_000; i++) await write(`w-${i}`, { user_id: 'u' });
    const filter = { idPrefix: 'w-', fields: { user_id: 'u' } };
    const counted = engine.count(TENANT, filter);
    const done = counted.then(() => 'done');
    let turns = 0;
    while ((await Promise.race([done, nextTurn('turn')])) === 'turn') turns++;
    expect(await counted).toBe(12_000);
    expect(turns).toBeGreaterThan(3);
  });
});
