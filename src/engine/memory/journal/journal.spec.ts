import { describe, expect, it } from '@jest/globals';
import type { Entry } from '../workflows/entry.js';
import { workflowIndex } from '../../../../test/support/memory-commits.js';
import { changesOf } from './journal.js';

type Versions = Map<number, object>;

/** An entry with these versions, newest first. Entries with the same `known` share their versions. */
function entryOf(versions: readonly number[], known: Versions = new Map(), isTouched = false): Entry {
  const [newest, ...history] = versions.map((version) => {
    const one = known.get(version) ?? { version, state: { length: 1, bytes: () => Buffer.from('1') } };
    known.set(version, one);
    return one;
  });
  return { ...newest, index: {}, isTouched, history } as unknown as Entry;
}

const shown = (old: Entry | undefined, next: Entry | undefined) =>
  changesOf('t', 'id', old, next, workflowIndex).map((change) => {
    if (change.kind !== 'version') return change.kind;
    return `${change.value === undefined ? 'drop' : 'write'} ${change.version}`;
  });

describe('the records that a write changes', () => {
  it('are the workflow, its new version, and the versions that the history drops', () => {
    const known: Versions = new Map();
    const old = entryOf([9, 8, 6, 5], known);
    expect(shown(undefined, entryOf([1]))).toEqual(['workflow', 'write 1']);
    expect(shown(old, entryOf([10, 9, 8, 6, 5], known))).toEqual(['workflow', 'write 10']);
    expect(shown(old, entryOf([10, 9, 8], known))).toEqual(['drop 6', 'drop 5', 'workflow', 'write 10']);
    // The version before was too large for the history.
    expect(shown(old, entryOf([10, 8, 6, 5], known))).toEqual(['drop 9', 'workflow', 'write 10']);
    expect(shown(old, entryOf([10], known))).toEqual(['drop 9', 'drop 8', 'drop 6', 'drop 5', 'workflow', 'write 10']);
  });

  it('are the workflow alone for a touch, and everything for another life or a delete', () => {
    const known: Versions = new Map();
    const old = entryOf([3, 2, 1], known);
    expect(shown(old, entryOf([3, 2, 1], known))).toEqual(['workflow']);
    expect(shown(old, entryOf([1]))).toEqual(['drop 3', 'drop 2', 'drop 1', 'workflow', 'write 1']);
    expect(shown(old, undefined)).toEqual(['drop 3', 'drop 2', 'drop 1', 'workflow']);
  });

  it('include the version before, if it was touched and is kept', () => {
    const known: Versions = new Map();
    const old = entryOf([3, 2], known, true);
    expect(shown(old, entryOf([4, 3, 2], known))).toEqual(['workflow', 'write 4', 'write 3']);
    expect(shown(old, entryOf([4, 2], known))).toEqual(['drop 3', 'workflow', 'write 4']);
  });

  it('drop exactly what the next version lacks, for random histories', () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
    for (let round = 0; round < 500; round++) {
      const known: Versions = new Map();
      const all = Array.from({ length: 1 + random(12) }, (_, i) => 30 - i).filter(
        (_version, i) => i === 0 || random(4) > 0,
      );
      const old = entryOf(all, known);
      const kept = all.slice(random(2)).filter(() => random(5) > 0);
      const next = entryOf([31, ...kept], known);
      const lacking = all.filter((version) => !kept.includes(version)).map((version) => `drop ${version}`);
      expect(shown(old, next)).toEqual([...lacking, 'workflow', 'write 31']);
    }
  });
});
