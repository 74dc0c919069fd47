import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DetachedStore } from '../../src/engine/detached/detached-store.js';
import type { DetachedEntry } from '../../src/engine/detached/detached-entry.js';
import { VolatileJournal } from '../../src/engine/detached/detached-journal.js';
import { HeldCopies } from '../../src/engine/detached/held-copies.js';
import { testOptions } from '../contract/engine-under-test.js';
import { once, put, testIndex } from '../support/parts.js';
import { until } from '../support/until.js';

const TENANT = 'default';

/** A disk that fills up, and reports that late. */
class FullJournal extends VolatileJournal {
  fail: (() => void) | undefined;
  isFull = false;

  override append(): Promise<void> {
    if (!this.isFull) return super.append();
    return new Promise((_resolve, reject) => (this.fail = () => reject(new Error('full'))));
  }
}

describe('A write that a detached replica accepts', () => {
  let journal: FullJournal;
  let copies: HeldCopies;
  let store: DetachedStore;

  beforeEach(() => {
    journal = new FullJournal();
    copies = new HeldCopies(1_000_000, () => '');
    store = new DetachedStore({
      journal,
      copies,
      options: testOptions,
      index: testIndex,
      clock: Date.now,
      maxBytes: 1_000_000,
      onChange: () => undefined,
    });
  });
  afterEach(() => store.close());

  const write = (id: string, state: unknown) =>
    store.commit(TENANT, { once: once(), puts: [put(id, state, { ttl: 3_600_000 })] });

  it('is answered at any moment, also in the turn in which the flush before it ends', async () => {
    await write('a', 1);
    expect((await write('b', 1)).workflows).toMatchObject([{ id: 'b' }]);
  });

  it('is drained when it is in the journal, since a later one gets its number if it is not', async () => {
    journal.isFull = true;
    const refused = write('a', 1).catch(() => 'refused');
    await until(() => journal.fail !== undefined, 'the flush is under way');
    expect(store.next(64, () => true)).toEqual([]);
    expect(store.isDrained(() => true)).toBe(false);
    journal.fail?.();
    expect(await refused).toBe('refused');
    journal.isFull = false;
    await write('b', 1);
    expect(store.next(64, () => true)).toMatchObject([{ n: 1, parts: [{ after: { id: 'b' } }] }]);
  });

  it('leaves nothing of entries that were drained during a failed flush', async () => {
    await write('w', { n: 1 });
    journal.isFull = true;
    const refused = write('w', { n: 2 }).catch(() => 'refused');
    await until(() => journal.fail !== undefined, 'the flush is under way');
    const [entry] = store.next(64, () => true) as [DetachedEntry];
    await store.remove(entry, { w: { is: 'version', incarnation: 'real', version: 1, isExact: true } }, []);
    journal.fail?.();
    expect(await refused).toBe('refused');
    copies.keep(TENANT, {
      id: 'w',
      incarnation: 'real',
      version: 9,
      check: 'check',
      createdAtMs: 1,
      updatedAtMs: 2,
      deadlineMs: null,
      state: '{"n":9}',
    });
    expect(await store.find(TENANT, 'w')).toMatchObject({ version: 9, isHeldCopy: true });
  });
});
