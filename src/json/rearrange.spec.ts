import { describe, expect, it } from '@jest/globals';
import { rearrange } from './rearrange.js';
import { RandomJson } from '../../test/support/random-json.js';

/** The array after the steps, with new items as negative numbers, and the number of moves. */
function rearranged(size: number, matches: number[]): { items: number[]; moves: number } {
  const items = Array.from({ length: size }, (_, i) => i);
  let moves = 0;
  rearrange(size, matches, {
    remove: (index) => items.splice(index, 1),
    move: (from, to) => {
      moves++;
      items.splice(to, 0, ...items.splice(from, 1));
    },
    add: (index, item) => items.splice(index, 0, -1 - item),
  });
  return { items, moves };
}

describe('rearrange', () => {
  it('moves one item to the front in one move', () => {
    expect(rearranged(5, [4, 0, 1, 2, 3])).toEqual({ items: [4, 0, 1, 2, 3], moves: 1 });
  });

  it('moves one item to the end in one move', () => {
    expect(rearranged(5, [1, 2, 3, 4, 0])).toEqual({ items: [1, 2, 3, 4, 0], moves: 1 });
  });

  it('reaches any order with at most one move for each item that cannot stay', () => {
    const random = new RandomJson(5);
    for (let round = 0; round < 3000; round++) {
      const size = random.integer(9);
      const shuffled = Array.from({ length: size }, (_, i) => i).toSorted(() => random.integer(3) - 1);
      const matches = shuffled.filter(() => random.integer(3) > 0);
      for (let added = random.integer(4); added > 0; added--) matches.splice(random.integer(matches.length + 1), 0, -1);
      const { items, moves } = rearranged(size, matches);
      expect(items).toEqual(matches.map((old, item) => (old === -1 ? -1 - item : old)));
      expect(moves).toBeLessThanOrEqual(Math.max(0, matches.filter((old) => old !== -1).length - 1));
    }
  });
});
