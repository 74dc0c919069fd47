import { describe, expect, it } from '@jest/globals';
import { PersistentMap } from './persistent-map.js';
import { RandomJson } from '../../test/support/random-json.js';

describe('PersistentMap', () => {
  it('behaves like a Map through many edits', () => {
    const random = new RandomJson(1);
    const expected = new Map(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]));
    let map = PersistentMap.of(new Map(expected));
    const first = map;
    for (let edit = 0; edit < 3000; edit++) {
      const name = `k${random.integer(400)}`;
      const value = random.integer(2) === 0 ? undefined : -edit;
      if (value === undefined) expected.delete(name);
      else expected.set(name, value);
      map = map.with(new Map([[name, value]]));
      if (map.size !== expected.size || map.get(name) !== value) throw new Error(`Edit ${edit} went wrong`);
    }
    expect(new Map(map.entries())).toEqual(expected);
    expect([...map.values()]).toHaveLength(map.size);
    expect(first.size).toBe(300);
    expect(first.get('k7')).toBe(7);
  });

  it('keeps the place of a changed name and puts new names last', () => {
    const map = PersistentMap.of(new Map([...'abc'].map((name) => [name, 1])));
    const edited = map.with(
      new Map<string, number | undefined>([
        ['d', 4],
        ['b', 2],
        ['a', undefined],
        ['x', undefined],
      ]),
    );
    expect([...edited.entries()]).toEqual([
      ['b', 2],
      ['c', 1],
      ['d', 4],
    ]);
    expect(edited.size).toBe(3);
  });
});
