import { describe, expect, it } from '@jest/globals';
import { PersistentList, type Items } from './persistent-list.js';
import { RandomJson } from '../../test/support/random-json.js';

/** Items that are made when they are asked for: each is its index. */
class Indexes implements Items<number> {
  made = 0;

  constructor(readonly size: number) {}

  at(index: number): number {
    this.made++;
    return index;
  }

  pass(index: number): number {
    return this.at(index);
  }

  write(from: number, to: number, pieces: string[]): void {
    pieces.push(Array.from({ length: to - from }, (_, i) => from + i).join(','));
  }
}

const numbers = (size: number) => Array.from({ length: size }, (_, i) => i);

describe('PersistentList', () => {
  const cases = [0, 10, 1024, 1025, 5000].flatMap((size) => [
    [size, 'in an array', PersistentList.of(numbers(size))] as const,
    [size, 'made when asked for', PersistentList.from(new Indexes(size))] as const,
  ]);
  it.each(cases)('does what an array of %i items does, %s, and keeps earlier versions', (size, _form, first) => {
    const random = new RandomJson(size);
    const expected = numbers(size);
    let list = first;
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
    expect(textOf(list)).toBe(expected.join(','));
    expect(readAll(list)).toEqual(expected);
    expect(list.toArray()).toEqual(expected);
    expect(list.size).toBe(expected.length);
    expect(first.toArray()).toEqual(numbers(size));
  });

  it('makes no item that is not asked for', () => {
    const items = new Indexes(100_000);
    const list = PersistentList.from(items).spliced(50_000, 1, -1).spliced(7, 0, -2).spliced(99_999, 1);
    expect(list.get(50_001)).toBe(-1);
    expect(list.size).toBe(100_000);
    const expected = numbers(100_000).toSpliced(50_000, 1, -1).toSpliced(7, 0, -2).toSpliced(99_999, 1);
    expect(textOf(list)).toBe(expected.join(','));
    expect(items.made).toBe(0);
  });
});

function textOf(list: PersistentList<number>): string {
  const pieces: string[] = [];
  list.write(pieces, (item) => pieces.push(String(item)));
  return pieces.join('');
}

function readAll(list: PersistentList<number>): number[] {
  const all: number[] = [];
  const reader = list.reader();
  for (let item = reader.next(); item !== undefined; item = reader.next()) all.push(item);
  return all;
}
