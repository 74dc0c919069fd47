import { describe, expect, it } from '@jest/globals';
import { eventIdOf, isAfter, placeOf } from './event-id.js';

const EPOCH = 'abcd1234';
const COUNTS = [0, 1, 9, 10, 99_999, 999_998, 999_999, 1_000_000, 1_000_001, 9_999_999, 10_000_000, 123_456_789_012];

describe('ids of events', () => {
  it('sort as text in the order of the feed, however many events a millisecond has', () => {
    const ids = COUNTS.map((count) => eventIdOf({ ms: 1_900_000_000_000, count, epoch: EPOCH, run: 'a1b2c3' }));
    expect(ids.toSorted()).toEqual(ids);
    ids
      .slice(1)
      .forEach((id, i) =>
        expect([isAfter(id, ids[i] as string), isAfter(ids[i] as string, id)]).toEqual([true, false]),
      );
  });

  it('give back the place they were made of', () => {
    for (const count of COUNTS) {
      const place = { ms: 1_900_000_000_000, count, epoch: EPOCH, run: 'a1b2c3' };
      expect(placeOf(eventIdOf(place))).toEqual(place);
    }
    // As ids were before.
    expect(placeOf(`1900000000000-1000000-${EPOCH}`)?.count).toBe(1_000_000);
  });
});
