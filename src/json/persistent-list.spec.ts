import { describe, expect, it } from '@jest/globals';
import { PersistentList } from './persistent-list.js';
import { RandomJson } from '../../test/support/random-json.js';

describe('PersistentList', () => {
  it.each([0, 10, 1024, 1025, 5000])('does what an array of %i items does, and keeps earlier versions', (size) => {
    const random = new RandomJson(size);
    const expected = Array.from({ length: size }, (_, i) => i);
    let list = PersistentList.of([...expected]);
    const first = list;
    for (let edit = 0; edit < 4000; edit++) {
      const removed = expected.length === 0 ? 0 : random.integer(2);
      const index = random.integer(expected.length + 1 - removed);
      // First mostly insertions, then mostly removals, so that chunks are split and emptied.
      const inserted = removed === 0 || random.integer(4) === 0 ? [-edit] : [];
      const kept = edit < 2000 ? [-edit] : inserted;
      expected.splice(index, removed, ...kept);
      list = list.spliced(index, removed, ...kept);
      const probe = random.integer(expected.length + 2);
      if (list.get(probe) !== expected[probe]) throw new Error(`Edit ${edit} has lost item ${probe}`);
    }
    expect(list.toArray()).toEqual(expected);
    expect(list.size).toBe(expected.length);
    expect(first.toArray()).toEqual(Array.from({ length: size }, (_, i) => i));
  });
});
