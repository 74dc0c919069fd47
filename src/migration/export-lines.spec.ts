import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { NO_KEYS } from '../../test/support/keyrings.js';
import { longWorkflow, LARGE } from '../../test/support/long-workflow.js';
import { CHARACTERS_PER_TURN } from '../engine/character-turns.js';
import type { Moving, Stamped } from '../engine/moving/moving.js';
import { exportLines } from './export-lines.js';

type Options = Parameters<typeof exportLines>[1];

/** The pieces of an export, and how many turns of the event loop it took. */
async function exported(moving: Partial<Moving>, view: Options['view']) {
  const pieces: string[] = [];
  const all = async () => {
    const options: Options = { view, kinds: ['workflow'], access: 'include' };
    for await (const text of exportLines(moving as Moving, options, NO_KEYS)) pieces.push(text);
    return 'end';
  };
  const ended = all();
  let turns = 0;
  while ((await Promise.race([ended, nextTurn('turn')])) === 'turn') turns++;
  return { pieces, turns };
}

/** A store without anything but the workflows of `read`, which it has at once. */
function storeOf(items: readonly Stamped[], read: Moving['read']): Partial<Moving> {
  return {
    listTenants: () => Promise.resolve(['default']),
    now: () => Promise.resolve(1),
    listWorkflows: () => Promise.resolve({ items, next: undefined }),
    read,
  };
}

describe('An export', () => {
  it('makes a megabyte of lines in a turn of the event loop, also if the store answers at once', async () => {
    const items = Array.from({ length: 20 }, (_, i) => ({ id: `w${i}`, stamp: 'x-1 1 ', bytes: 500_000 }));
    const reads: number[] = [];
    const store = storeOf(items, (_tenant, _kind, ids) => {
      reads.push(ids.length);
      return Promise.resolve(ids.map(() => undefined));
    });
    const { turns } = await exported(store, 'records');
    expect(reads).toEqual(Array.from({ length: 10 }, () => 2));
    expect(turns).toBeGreaterThanOrEqual(10);
  });

  it('makes a part of a long history in a turn, as lines and as digests', async () => {
    const record = longWorkflow(1, LARGE);
    const store = storeOf([{ id: 'w', stamp: 'x-1 1 ', bytes: 32_000_000 }], () => Promise.resolve([record]));
    const lines = await exported(store, 'records');
    const [, line] = lines.pieces.join('').split('\n');
    expect(JSON.parse(line as string)).toEqual({ tenant: 'default', ...record });
    expect(Math.max(...lines.pieces.map(({ length }) => length))).toBeLessThan(CHARACTERS_PER_TURN + 2 * 1024 * 1024);
    const digests = await exported(store, 'digests');
    for (const { turns } of [lines, digests]) expect(turns).toBeGreaterThanOrEqual(LARGE.versions);
  });
});
