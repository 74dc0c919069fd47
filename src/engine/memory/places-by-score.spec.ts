import { describe, expect, it } from '@jest/globals';
import { RandomJson } from '../../../test/support/random-json.js';
import { placesByScore } from './places-by-score.js';

describe('places by score', () => {
  const random = new RandomJson(3);
  const kinds: Readonly<Record<string, () => number>> = {
    'times of a day': () => 1_800_000_000_000 + random.integer(86_400_000),
    'equal ones': () => 5,
    'few different ones': () => random.integer(7) - 3,
    'integers of any size': () => (random.integer(2) === 0 ? -1 : 1) * random.integer(2 ** 31) * 2 ** 21,
    'times of no year': () => random.pick([0, 8.64e15, -8.64e15, 1_800_000_000_000]),
    fractions: () => random.integer(100) / 7,
    'infinite ones': () => random.pick([Infinity, -Infinity, 1]),
  };

  it.each(Object.keys(kinds))('are those of a stable sort, for %s', (kind) => {
    for (const count of [0, 1, 2, 63, 64, 65, 127, 128, 129, 5000]) {
      const scores = Float64Array.from({ length: count }, () => (kinds[kind] as () => number)());
      const sorted = [...scores.keys()].sort((a, b) => {
        const [one, other] = [scores[a] as number, scores[b] as number];
        return one < other ? -1 : one > other ? 1 : a - b;
      });
      expect([...placesByScore(scores)]).toEqual(sorted);
    }
  });
});
