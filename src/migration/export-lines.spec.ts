import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { NO_KEYS } from '../../test/support/keyrings.js';
import type { Moving } from '../engine/moving/moving.js';
import { exportLines } from './export-lines.js';

describe('An export', () => {
  it('makes a megabyte of lines in a turn of the event loop, also if the store answers at once', async () => {
    const items = Array.from({ length: 20 }, (_, i) => ({ id: `w${i}`, stamp: 'x-1 1 ', bytes: 500_000 }));
    const reads: number[] = [];
    const moving = {
      listTenants: () => Promise.resolve(['default']),
      now: () => Promise.resolve(1),
      listWorkflows: () => Promise.resolve({ items, next: undefined }),
      read: (_tenant: string, _kind: string, ids: readonly string[]) => {
        reads.push(ids.length);
        return Promise.resolve(ids.map(() => undefined));
      },
    } as unknown as Moving;
    const all = async () => {
      const options = { view: 'records', kinds: ['workflow'], access: 'include' } as const;
      for await (const _line of exportLines(moving, options as never, NO_KEYS));
      return 'end';
    };
    const ended = all();
    let turns = 0;
    while ((await Promise.race([ended, nextTurn('turn')])) === 'turn') turns++;
    expect(reads).toEqual(Array.from({ length: 10 }, () => 2));
    expect(turns).toBeGreaterThanOrEqual(10);
  });
});
