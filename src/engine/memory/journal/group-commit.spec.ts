import { describe, expect, it } from '@jest/globals';
import { ManualJournal } from '../../../../test/support/manual-journal.js';
import { GroupCommit } from './group-commit.js';
import type { JournalChange } from './journal.js';

const change = (id: string, bytes = 0): JournalChange => ({
  kind: 'version',
  tenant: 't',
  id,
  version: 1,
  value: {
    version: 1,
    check: '',
    updatedAtMs: 0,
    deadlineMs: null,
    about: { by: '', cause: 'put', changed: null },
    state: Buffer.alloc(bytes),
  },
});
const idsOf = (changes: readonly JournalChange[]) => changes.map((one) => ('id' in one ? one.id : ''));
const nothing = () => undefined;

describe('GroupCommit', () => {
  it('writes commits that arrive during a flush in the next one', async () => {
    const journal = new ManualJournal();
    const group = new GroupCommit(journal);
    const first = [group.submit([change('a')], nothing), group.submit([change('b')], nothing)];
    const flush = await journal.flush();
    expect(idsOf(flush.changes)).toEqual(['a', 'b']);
    const later = [group.submit([change('c')], nothing), group.submit([change('d')], nothing)];
    expect(group.lastFinished).toBe(0);
    flush.succeed();
    await Promise.all(first);
    expect(group.lastFinished).toBe(2);
    const next = await journal.flush();
    expect(idsOf(next.changes)).toEqual(['c', 'd']);
    next.succeed();
    await Promise.all(later);
    expect(group.isIdle).toBe(true);
  });

  it('undoes everything unflushed when a flush fails, newest first, and continues', async () => {
    const journal = new ManualJournal();
    const group = new GroupCommit(journal);
    const undone: string[] = [];
    const submit = (id: string) => group.submit([change(id)], () => undone.push(id));
    const kept = submit('kept');
    (await journal.flush()).succeed();
    await kept;
    const lost = [submit('a'), submit('b')];
    const flush = await journal.flush();
    lost.push(submit('c'));
    flush.fail(new Error('no room'));
    const outcomes = await Promise.allSettled(lost);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(undone).toEqual(['c', 'b', 'a']);
    expect(group.timesUndone).toBe(1);
    expect(group.isIdle).toBe(true);
    const again = submit('again');
    (await journal.flush()).succeed();
    await again;
    expect(undone).toHaveLength(3);
  });

  it('splits a group that is too large for one flush', async () => {
    const journal = new ManualJournal();
    const group = new GroupCommit(journal);
    const submitted = ['a', 'b', 'c'].map((id) => group.submit([change(id, 5_000_000)], nothing));
    for (const id of ['a', 'b', 'c']) {
      const flush = await journal.flush();
      expect(idsOf(flush.changes)).toEqual([id]);
      flush.succeed();
    }
    await Promise.all(submitted);
  });

  it('lets a reader wait for earlier commits only', async () => {
    const journal = new ManualJournal();
    const group = new GroupCommit(journal);
    void group.submit([change('a')], nothing);
    const flush = await journal.flush();
    const caughtUp = group.caughtUp();
    void group.submit([change('b')], nothing);
    flush.succeed();
    await caughtUp;
    expect(group.isIdle).toBe(false);
  });
});
