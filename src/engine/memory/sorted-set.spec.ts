import { describe, expect, it } from '@jest/globals';
import { SortedSet, type Scored } from './sorted-set.js';

const byOrder = (a: Scored, b: Scored) => a.score - b.score || (a.id < b.id ? -1 : 1);

/** Scores repeat often, so that the order by id matters; enough entries for many blocks. */
function filled(count: number): { set: SortedSet; sorted: Scored[] } {
  const set = new SortedSet();
  const entries = Array.from({ length: count }, (_, i) => ({
    score: (i * 7919) % 97,
    id: `id-${(i * 104_729) % count}`,
  }));
  for (const { score, id } of entries) set.add(score, id);
  return { set, sorted: entries.sort(byOrder) };
}

describe('SortedSet', () => {
  it('walks up by score, then by id', () => {
    const { set, sorted } = filled(5000);
    expect([...set.ascending()]).toEqual(sorted);
    expect(set.size).toBe(5000);
    expect(set.first).toEqual(sorted[0]);
    expect(set.last).toEqual(sorted.at(-1));
  });

  it.each([0, 1, 383, 384, 385, 5000])('is the same when %d entries are put into it at once, also later', (count) => {
    const { set, sorted } = filled(count);
    const byId = sorted.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const ids = byId.map(({ id }) => id);
    const scores = Float64Array.from(byId, ({ score }) => score);
    const atOnce = SortedSet.of(ids, scores);
    for (const one of [set, atOnce]) {
      for (let i = 0; i < 1000; i++) one.add((i * 31) % 97, `later-${i}`);
      for (const { score, id } of sorted.slice(0, count / 2)) expect(one.delete(score, id)).toBe(true);
    }
    expect([...atOnce.ascending()]).toEqual([...set.ascending()]);
    expect([atOnce.size, atOnce.rank(50, '')]).toEqual([set.size, set.rank(50, '')]);
  });

  it('walks down in the exact reverse', () => {
    const { set, sorted } = filled(5000);
    expect([...set.descending()]).toEqual(sorted.toReversed());
  });

  it('starts behind a position, whether or not an entry is there', () => {
    const { set, sorted } = filled(3000);
    for (const at of [0, 1, 255, 256, 511, 512, 513, 1500, 2998, 2999]) {
      const { score, id } = sorted[at] as Scored;
      expect([...set.ascending({ score, id })]).toEqual(sorted.slice(at + 1));
      expect([...set.descending({ score, id })]).toEqual(sorted.slice(0, at).toReversed());
      expect([...set.ascending({ score, id: `${id}!` })]).toEqual(sorted.slice(at + 1));
      expect([...set.descending({ score, id: `${id}!` })]).toEqual(sorted.slice(0, at + 1).toReversed());
      expect(set.rank(score, id)).toBe(at);
    }
    expect([...set.ascending({ score: 1000, id: '' })]).toEqual([]);
    expect([...set.descending({ score: -1, id: '' })]).toEqual([]);
    expect([...set.descending({ score: 1000, id: '' })]).toHaveLength(3000);
    expect(set.rank(1000, '')).toBe(3000);
    expect(set.rank(-1, '')).toBe(0);
  });

  it('stays in order through additions and deletions', () => {
    const { set, sorted } = filled(4000);
    const kept = sorted.filter((_, i) => i % 3 !== 0);
    for (const { score, id } of sorted.filter((_, i) => i % 3 === 0)) expect(set.delete(score, id)).toBe(true);
    expect([...set.ascending()]).toEqual(kept);
    for (const { score, id } of kept.slice(0, 1000)) {
      set.delete(score, id);
      set.add(score + 1000, id);
    }
    const moved = kept.map((entry, i) => (i < 1000 ? { score: entry.score + 1000, id: entry.id } : entry));
    expect([...set.ascending()]).toEqual(moved.sort(byOrder));
    for (const { score, id } of moved) set.delete(score, id);
    expect(set.size).toBe(0);
    expect([...set.descending()]).toEqual([]);
    expect(set.first).toBeUndefined();
    expect(set.last).toBeUndefined();
  });

  it('deletes nothing that is not there with that very score', () => {
    const set = new SortedSet();
    expect(set.delete(1, 'a')).toBe(false);
    set.add(1, 'a');
    expect(set.delete(2, 'a')).toBe(false);
    expect(set.delete(1, 'b')).toBe(false);
    expect(set.size).toBe(1);
  });

  it('orders ids by their bytes', () => {
    const set = new SortedSet();
    const ids = ['a', 'B', '_', '~', '-', '0', '@', 'Z', 'aa'];
    for (const id of ids) set.add(0, id);
    expect([...set.ascending()].map(({ id }) => id)).toEqual(['-', '0', '@', 'B', 'Z', '_', 'a', 'aa', '~']);
  });
});
