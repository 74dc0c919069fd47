import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  appending,
  commitOf,
  engineOptions,
  patch,
  put,
  putOf,
  remove,
  setting,
  TENANT,
  touch,
  workflowIndex,
} from '../../../test/support/memory-commits.js';
import { longWorkflow, LARGE, type HistorySize } from '../../../test/support/long-workflow.js';
import { ManualJournal } from '../../../test/support/manual-journal.js';
import { FAIL } from '../../../test/support/moving.js';
import { StoreFullError, StoreUnavailableError } from '../errors.js';
import { CHARACTERS_PER_TURN } from '../character-turns.js';
import { StoredText, TextStore } from './journal/text-store.js';
import { MemoryEngine } from './memory-engine.js';

const START = 1_700_000_000_000;
const DAY = 86_400_000;

/** An engine with a `ManualJournal`. */
function journaledEngine() {
  const journal = new ManualJournal();
  const clock = { now: START };
  const engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: () => clock.now, journal });
  const write = async (commit: Parameters<MemoryEngine['commit']>[1]) => {
    const done = engine.commit(TENANT, commit);
    (await journal.flush()).succeed();
    return done;
  };
  return { engine, journal, clock, write };
}

/** Whether a promise is still pending after everything that could have resolved it had its turn. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const late = new Promise((resolve) => setTimeout(resolve, 20, 'late'));
  return (await Promise.race([promise.catch(() => undefined), late])) === 'late';
}

// The promises of every engine are tested in test/contract; this file tests what only this engine has.
describe('MemoryEngine', () => {
  it('never gives a later version an earlier time', async () => {
    const clock = { now: START };
    const engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: () => clock.now });
    await engine.commit(TENANT, put('a', {}));
    clock.now -= 1000;
    await engine.commit(TENANT, put('a', {}));
    expect((await engine.find(TENANT, 'a'))?.updatedAtMs).toBe(START);
  });

  it('limits the removals of one sweep over all tenants', async () => {
    const clock = { now: START };
    const engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: () => clock.now });
    for (let i = 0; i < 600; i++) await engine.commit(i % 2 === 0 ? TENANT : 'other', put(`w-${i}`, {}, { ttl: 1000 }));
    clock.now += 1000;
    expect([await engine.sweep(), await engine.sweep(), await engine.sweep()]).toEqual([500, 100, 0]);
  });

  it('removes expired outcomes with each commit', async () => {
    const clock = { now: START };
    const journal = new ManualJournal();
    const engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: () => clock.now, journal });
    for (const key of ['k1', 'k2', 'k3']) {
      const done = engine.commit(TENANT, commitOf({ puts: [putOf(key, {})] }, { key, keepMs: DAY }));
      (await journal.flush()).succeed();
      await done;
    }
    clock.now += DAY;
    // Each commit removes two expired outcomes, so the sweep need not keep pace with writers.
    const done = engine.commit(TENANT, put('a', {}));
    const { changes, succeed } = await journal.flush();
    expect(changes.flatMap((change) => (change.kind === 'outcome' ? [change.key] : []))).toEqual(['k1', 'k2']);
    succeed();
    await done;
  });

  it('warns in its report when there is no journal', async () => {
    const engine = new MemoryEngine({ options: engineOptions, index: workflowIndex });
    const report = await engine.inspect();
    expect(report.reachable).toBe(true);
    expect(report.warnings).toHaveLength(1);
  });
});

describe('MemoryEngine with a journal', () => {
  it('lets reads and writes wait while it restores, and the event loop turn', async () => {
    const { engine, journal } = journaledEngine();
    const meta = { incarnation: 'one', version: 1, check: '', createdAtMs: 1, updatedAtMs: 2, deadlineMs: null };
    const about = { by: 'me', cause: 'put' as const, changed: null };
    const version = { version: 1, check: '', updatedAtMs: 2, deadlineMs: null, about, state: Buffer.from('{"n":1}') };
    const reading = { done: 0 };
    journal.read = function* () {
      for (; reading.done < 3000; reading.done++) {
        const of = { tenant: TENANT, id: `w-${reading.done}` };
        yield { kind: 'workflow', ...of, value: { ...meta, id: of.id, ttlMs: null, index: undefined } };
        yield { kind: 'version', ...of, version: 1, value: version };
      }
    };
    const restored = engine.restore();
    const turns: number[] = [];
    const found = engine.find(TENANT, 'w-2999');
    const written = engine.commit(TENANT, put('w-0', { n: 2 }, { expect: { exists: true } }));
    while (reading.done < 3000) {
      turns.push(reading.done);
      await nextTurn();
    }
    expect(new Set(turns).size).toBeGreaterThan(3);
    expect(journal.flushes).toEqual([]);
    await restored;
    expect(await found).toMatchObject({ version: 1, state: '{"n":1}' });
    (await journal.flush()).succeed();
    expect((await written).workflows[0]?.version).toBe(2);
    expect(await engine.count(TENANT, {})).toBe(3000);
  });

  it('acknowledges, shows and notifies nothing before the flush', async () => {
    const { engine, journal } = journaledEngine();
    let told = 0;
    engine.onChange(TENANT, 'workflow a', () => told++);
    const commit = put('a', { n: 1 });
    const done = engine.commit(TENANT, commit);
    const flush = await journal.flush();
    const reads = [
      engine.find(TENANT, 'a'),
      engine.findMany(TENANT, ['a']),
      engine.count(TENANT, {}),
      engine.list(TENANT, { filter: {}, sort: '-updatedAt', limit: 10, includeState: false }),
      engine.listVersions(TENANT, 'a', { limit: 1, includeState: false }),
      engine.findVersion(TENANT, 'a', 1),
      engine.findOutcome(TENANT, commit.once.key, 'same'),
      engine.commit(TENANT, commit),
      engine.commit(TENANT, put('a', {}, { expect: { exists: false } })),
    ];
    expect(await isPending(Promise.race([done, ...reads]))).toBe(true);
    expect(told).toBe(0);
    flush.succeed();
    await done;
    const answers = await Promise.allSettled(reads);
    expect(answers.map(({ status }) => status)).toEqual([...Array.from({ length: 8 }, () => 'fulfilled'), 'rejected']);
    await nextTurn();
    expect(told).toBe(1);
  });

  it('tries only deletes while the disk is full, and refuses other writes at once', async () => {
    const { engine, journal, write } = journaledEngine();
    await write(put('a', { n: 1 }));
    await write(put('b', { n: 1 }));
    const full = engine.commit(TENANT, put('c', {}));
    (await journal.flush()).fail(new StoreFullError());
    await expect(full).rejects.toBeInstanceOf(StoreFullError);
    await expect(engine.commit(TENANT, put('d', {}))).rejects.toBeInstanceOf(StoreFullError);
    expect(journal.flushes).toHaveLength(0);
    await write(remove('a'));
    expect(await engine.find(TENANT, 'a')).toBeUndefined();
    // The delete has freed space.
    await write(put('d', {}));
    expect(await engine.find(TENANT, 'd')).toBeDefined();
  });

  it('answers at once for a workflow without an unflushed write', async () => {
    const { engine, journal, write } = journaledEngine();
    await write(put('quiet', {}));
    const done = engine.commit(TENANT, put('busy', {}));
    const flush = await journal.flush();
    expect((await engine.find(TENANT, 'quiet'))?.version).toBe(1);
    flush.succeed();
    await done;
  });

  it('lets commits build on each other before the disk has them', async () => {
    const { engine, journal } = journaledEngine();
    const first = engine.commit(TENANT, put('a', { log: [] }));
    const flush = await journal.flush();
    const later = Array.from({ length: 10 }, (_, i) => engine.commit(TENANT, patch('a', appending(i))));
    flush.succeed();
    (await journal.flush()).succeed();
    await Promise.all([first, ...later]);
    expect((await engine.find(TENANT, 'a'))?.version).toBe(11);
  });

  it('undoes everything that a failed flush did not write, and continues', async () => {
    const { engine, journal, write } = journaledEngine();
    await write(put('a', { status: 'kept' }));
    await write(put('gone', { status: 'kept' }));
    const key = put('a', { status: 'lost' });
    const lost = [
      engine.commit(TENANT, key),
      engine.commit(TENANT, remove('gone')),
      engine.commit(TENANT, put('new', {})),
    ];
    const flush = await journal.flush();
    lost.push(
      engine.commit(TENANT, patch('a', setting({ status: 'lost too' }))),
      engine.commit(TENANT, touch('a', null)),
    );
    const replay = engine.commit(TENANT, key);
    flush.fail(Object.assign(new Error('no space left'), { code: 'ENOSPC' }));
    for (const { status, ...rest } of await Promise.allSettled(lost)) {
      expect(status).toBe('rejected');
      expect((rest as PromiseRejectedResult).reason).toBeInstanceOf(StoreFullError);
    }
    // Without the undo it would have replayed a commit that never happened.
    (await journal.flush()).succeed();
    expect((await replay).replayed).toBe(false);
    expect(await engine.find(TENANT, 'gone')).toBeDefined();
    expect(await engine.find(TENANT, 'new')).toBeUndefined();
    expect(await engine.count(TENANT, { fields: { status: 'lost too' } })).toBe(0);
    expect(await engine.count(TENANT, { fields: { status: 'kept' } })).toBe(1);
    expect(await engine.find(TENANT, 'a')).toMatchObject({ version: 2, deadlineMs: START + DAY });
  });

  it('reads again when what was read is undone', async () => {
    const { engine, journal, write } = journaledEngine();
    await write(put('a', { n: 'kept' }));
    const lost = engine.commit(TENANT, put('a', { n: 'lost' }));
    const flush = await journal.flush();
    const reads = [engine.find(TENANT, 'a'), engine.findMany(TENANT, ['a']).then(([first]) => first)];
    flush.fail(new Error('broken'));
    await expect(lost).rejects.toBeInstanceOf(StoreUnavailableError);
    for (const read of reads) expect(await read).toMatchObject({ version: 1, state: '{"n":"kept"}' });
  });

  it('throws StoreUnavailableError when a flush fails for another reason than a full disk', async () => {
    const { engine, journal } = journaledEngine();
    const done = engine.commit(TENANT, put('a', {}));
    (await journal.flush()).fail(new Error('broken'));
    await expect(done).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  it('decides a refusal by what is on the disk in the end', async () => {
    const { engine, journal, write } = journaledEngine();
    await write(put('a', {}));
    const lost = engine.commit(TENANT, put('a', {}));
    const flush = await journal.flush();
    // The condition fails against the version in memory, which is then undone.
    const conditional = engine.commit(TENANT, put('a', {}, { expect: { version: 1 } }));
    flush.fail(new Error('broken'));
    await expect(lost).rejects.toBeInstanceOf(StoreUnavailableError);
    (await journal.flush()).succeed();
    expect((await conditional).workflows[0]?.version).toBe(2);
  });

  it('journals outcomes under client keys, but not under its own keys', async () => {
    const { engine, journal, clock, write } = journaledEngine();
    const done = engine.commit(TENANT, commitOf({ puts: [putOf('a', {})] }, { key: 'client', keepMs: DAY }));
    const flush = await journal.flush();
    expect(flush.changes.map(({ kind }) => kind)).toEqual(['workflow', 'version', 'outcome', 'event']);
    flush.succeed();
    await done;
    await write(put('a', {}));
    clock.now += DAY;
    const swept = engine.sweep();
    const last = await journal.flush();
    expect(last.changes.filter(({ kind }) => kind === 'outcome')).toEqual([
      { kind: 'outcome', tenant: TENANT, key: 'client', value: undefined },
    ]);
    last.succeed();
    await swept;
  });

  it('writes each state once, and removes versions that leave the history', async () => {
    const journal = new ManualJournal();
    const options = { ...engineOptions, historyLimit: 1 };
    const engine = new MemoryEngine({ options, index: workflowIndex, journal });
    const versions: (readonly [number, boolean])[][] = [];
    for (let n = 0; n < 3; n++) {
      const done = engine.commit(TENANT, put('a', { n }));
      const flush = await journal.flush();
      versions.push(
        flush.changes.flatMap((change) =>
          change.kind === 'version' ? [[change.version, change.value !== undefined] as const] : [],
        ),
      );
      flush.succeed();
      await done;
    }
    expect(versions).toEqual([
      [[1, true]],
      [[2, true]],
      [
        [1, false],
        [3, true],
      ],
    ]);
  });

  it('refuses everything once another service has taken the journal over', async () => {
    const { engine, journal, write } = journaledEngine();
    await write(put('a', {}));
    journal.isLost = true;
    await expect(engine.find(TENANT, 'a')).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(engine.commit(TENANT, put('a', {}))).rejects.toBeInstanceOf(StoreUnavailableError);
    expect((await engine.inspect()).reachable).toBe(false);
  });

  it('answers only when it is certain that no other service has taken the journal over', async () => {
    const { engine, journal, write } = journaledEngine();
    await write(put('a', {}));
    let resolve = (): void => undefined;
    journal.proof = new Promise((done) => (resolve = done));
    const asked = [
      engine.find(TENANT, 'a'),
      engine.count(TENANT, {}),
      engine.lastEventId(TENANT),
      engine.readFeed(TENANT, undefined, 10),
      engine.findOutcome(TENANT, 'known', ''),
      engine.commit(TENANT, put('a', {})),
    ];
    for (const one of asked) expect(await isPending(one)).toBe(true);
    journal.isLost = true;
    resolve();
    for (const one of asked) await expect(one).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  it('closes the journal only when pending commits are on the disk', async () => {
    const { engine, journal } = journaledEngine();
    const done = engine.commit(TENANT, put('a', {}));
    const flush = await journal.flush();
    const closed = engine.close();
    expect(await isPending(closed)).toBe(true);
    expect(journal.isClosed).toBe(false);
    flush.succeed();
    await Promise.all([done, closed]);
    expect(journal.isClosed).toBe(true);
  });
});

describe('MemoryEngine with large states', () => {
  afterEach(() => void jest.restoreAllMocks());

  /** Runs `read` and gives the bytes of states that each turn of the event loop decoded, without those that decoded none. */
  async function decodedIn(read: () => Promise<unknown>): Promise<number[]> {
    let bytes = 0;
    const { toString } = StoredText.prototype;
    const decoding = jest.spyOn(StoredText.prototype, 'toString').mockImplementation(function (this: StoredText) {
      bytes += this.length;
      return toString.call(this);
    });
    const turns: number[] = [];
    const done = read().then(() => 'done');
    for (let ended: string | undefined; ended !== 'done';) {
      ended = await Promise.race([done, nextTurn('turn')]);
      turns.push(bytes);
      bytes = 0;
    }
    decoding.mockRestore();
    return turns.filter((one) => one > 0);
  }

  async function engineWith(size: HistorySize) {
    const engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: () => START });
    const record = longWorkflow(START, size);
    await engine.moving.put(TENANT, record, FAIL);
    return { engine, record };
  }

  const listAll = { limit: 1000, includeState: true };

  it('decodes little in one turn of the event loop', async () => {
    const { engine, record } = await engineWith(LARGE);
    const [version] = record.history;
    for (let i = 0; i < 7; i++)
      await engine.moving.put(TENANT, { ...record, ...version, id: `w-${i}`, history: [] }, FAIL);
    const workflows = await engine.list(TENANT, { ...listAll, filter: {}, sort: 'id' });
    const reads = [
      () => engine.listVersions(TENANT, 'w', listAll),
      () => engine.list(TENANT, { ...listAll, filter: {}, sort: 'id' }),
      () => engine.findStates(TENANT, workflows.items, 64 * LARGE.bytes),
      () => engine.moving.read(TENANT, 'workflow', ['w']),
    ];
    for (const read of reads) {
      const turns = await decodedIn(read);
      expect(turns.length).toBeGreaterThanOrEqual(7);
      expect(Math.max(...turns)).toBeLessThan(CHARACTERS_PER_TURN + 1024 * 1024);
    }
  });

  it('decodes little in one turn for all readers that go on together', async () => {
    const engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: () => START });
    await engine.commit(TENANT, put('w', 'x'.repeat(900_000)));
    const twenty = (read: () => Promise<unknown>) => Promise.all(Array.from({ length: 20 }, read));
    for (const read of [() => engine.find(TENANT, 'w'), () => engine.findVersion(TENANT, 'w', 1)]) {
      const turns = await decodedIn(() => twenty(read));
      expect(turns.length).toBeGreaterThanOrEqual(10);
      expect(Math.max(...turns)).toBeLessThan(2 * 1024 * 1024);
    }
  });

  it('holds the new states of few edits at once until they are on the disk', async () => {
    const journal = new ManualJournal();
    const engine = new MemoryEngine({ options: engineOptions, index: workflowIndex, clock: () => START, journal });
    const made = engine.commit(TENANT, put('w', { text: 'x'.repeat(1_000_000), log: [] }));
    (await journal.flush()).succeed();
    await made;

    const states = jest.spyOn(TextStore.prototype, 'add');
    const edits = Array.from({ length: 100 }, (_, i) => engine.commit(TENANT, patch('w', appending(i))));
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    const held = states.mock.calls.filter(([text]) => text.length > 1_000_000).length;
    expect(held).toBeGreaterThan(0);
    expect(held * 1_000_000).toBeLessThanOrEqual(32 * 1024 * 1024);

    const done = Promise.all(edits).then(() => 'done');
    for (let ended: string | undefined; ended !== 'done';) {
      for (const { succeed } of journal.flushes.splice(0)) succeed();
      ended = await Promise.race([done, nextTurn('turn')]);
    }
    expect((await engine.find(TENANT, 'w'))?.version).toBe(101);
  });

  it('lists the versions of one moment, whatever happens between two turns', async () => {
    // Texts share a slab, and are moved when most of the slab is released.
    const added = new Map<StoredText, StoredText['slab']>();
    const { add } = TextStore.prototype;
    jest.spyOn(TextStore.prototype, 'add').mockImplementation(function (this: TextStore, text) {
      const stored = add.call(this, text);
      added.set(stored, stored.slab);
      return stored;
    });
    const { engine, record } = await engineWith({ versions: 60, bytes: 50_000 });
    const states = [record, ...record.history].map(({ state }) => state);
    const listed = engine.listVersions(TENANT, 'w', listAll);
    await nextTurn();
    // Keeps the 20 newest versions.
    await engine.commit(TENANT, put('w', { status: 'written' }));
    for (let i = 0; i < 100; i++) await engine.commit(TENANT, put('other', 'x'.repeat(50_000)));
    const moved = [...added].filter(([text, slab]) => text.slab !== slab && states.includes(String(text)));
    expect(moved.length).toBeGreaterThan(0);
    await engine.commit(TENANT, remove('w'));
    expect(await Promise.race([listed, 'not yet'])).toBe('not yet');
    expect((await listed)?.versions.map(({ state }) => state)).toEqual(states);
  });
});
