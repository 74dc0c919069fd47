import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { SharedTurns } from './shared-turns.js';

const KIB = 1024;

describe('SharedTurns', () => {
  it('lets readers of 1 MiB together go on in a turn, in their order, and the others later', async () => {
    const turns = new SharedTurns();
    const gone: number[] = [];
    const readers = Array.from({ length: 10 }, async (_, i) => {
      await turns.enter(400 * KIB);
      gone.push(i);
    });
    await Promise.resolve();
    const perTurn: number[] = [];
    while (gone.length < 10) {
      const before = gone.length;
      await setImmediate();
      perTurn.push(gone.length - before);
    }
    await Promise.all(readers);
    expect(gone).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(3);
  });

  it('lets a reader of any size go on', async () => {
    const turns = new SharedTurns();
    expect(turns.enter(50 * KIB * KIB)).toBeUndefined();
    const second = turns.enter(50 * KIB * KIB);
    expect(second).toBeInstanceOf(Promise);
    await second;
  });

  it('makes readers of small states wait for nobody', () => {
    const turns = new SharedTurns();
    turns.enter(50 * KIB * KIB);
    expect(Array.from({ length: 1000 }, () => turns.enter(10 * KIB)).every((wait) => wait === undefined)).toBe(true);
  });

  it('begins again when the line was empty', async () => {
    const turns = new SharedTurns();
    for (let i = 0; i < 3; i++) {
      expect(turns.enter(2 * KIB * KIB)).toBeUndefined();
      await setImmediate();
      await setImmediate();
    }
  });
});
