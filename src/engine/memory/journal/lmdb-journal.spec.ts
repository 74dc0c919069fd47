import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { open, type Database, type Key } from 'lmdb';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryInUseError } from '../directory/directory-lock.js';
import type { JournalChange } from './journal.js';
import { putSealed } from '../journal-file/seal.js';
import { WorkflowIndex } from '../../workflow-index.js';
import { LmdbJournal, openDatabases } from './lmdb-journal.js';
import { openMemoryEngine } from '../open-memory-engine.js';
import {
  appending,
  engineOptions,
  patch,
  put,
  putOf,
  commitOf,
  TENANT,
  touch,
  workflowIndex,
} from '../../../../test/support/memory-commits.js';

const metaOf = (tenant: string, id: string): JournalChange => ({
  kind: 'workflow',
  tenant,
  id,
  value: {
    id,
    incarnation: `${tenant}/${id}`,
    version: 1,
    check: '',
    createdAtMs: 1,
    updatedAtMs: 2,
    deadlineMs: null,
    ttlMs: null,
    index: undefined,
  },
});

describe('LmdbJournal', () => {
  let directory: string;
  const opened: { close(): Promise<void> }[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-journal-'));
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function openJournal(): Promise<LmdbJournal> {
    const journal = await LmdbJournal.open(directory);
    opened.push(journal);
    return journal;
  }
  async function openEngine(options = engineOptions) {
    const engine = await openMemoryEngine({ dataDir: directory, options, index: workflowIndex });
    opened.push(engine);
    return engine;
  }
  async function closeAll(): Promise<void> {
    for (const one of opened.splice(0)) await one.close();
  }

  it('keeps the names of tenants and workflows apart, whatever is in them', async () => {
    const pairs = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['a', 'b'],
      ['ab', 'c'],
      ['a', 'bc'],
      ['~', '~'],
      ['1', '2'],
      ['x'.repeat(128), 'y'.repeat(200)],
    ] as const;
    const changes = pairs.map(([tenant, id]) => metaOf(tenant, id));
    await (await openJournal()).write(changes);
    await closeAll();
    const read = [...(await openJournal()).read()];
    expect(read).toHaveLength(pairs.length);
    expect(read).toEqual(expect.arrayContaining(changes));
  });

  it('writes all changes of a group or none', async () => {
    const journal = await openJournal();
    // No record can have so long a key, which shows only after the first change.
    await expect(journal.write([metaOf('t', 'first'), metaOf('t', 'x'.repeat(5000))])).rejects.toThrow();
    expect([...journal.read()]).toEqual([]);
    expect(journal.warnings()).toHaveLength(1);
    await journal.write([metaOf('t', 'second')]);
    expect([...journal.read()]).toHaveLength(1);
    expect(journal.warnings()).toEqual([]);
  });

  it('gives rows of every length a checksum that holds, also where the buffer of the encoder ends', async () => {
    const lengths = [0, 1, 1_000_000, ...Array.from({ length: 600 }, (_, i) => i * 11), 8_175, 8_180, 8_190, 100_000];
    const changes = lengths.map((length, i): JournalChange => {
      return {
        kind: 'text',
        tenant: 't',
        id: String(i).padStart(4, '0'),
        which: 'payload',
        value: Buffer.alloc(length, i),
      };
    });
    await (await openJournal()).write(changes);
    await closeAll();
    // Opening checks each row.
    const asText = ({ value }: JournalChange) => Buffer.from(value as Uint8Array).toString('latin1');
    expect([...(await openJournal()).read()].map(asText)).toEqual(changes.map(asText));
  });

  it('restores a touched workflow and its history exactly', async () => {
    let engine = await openEngine();
    await engine.commit(TENANT, put('a', { log: [] }));
    await engine.commit(TENANT, touch('a', 5_000_000));
    for (let n = 0; n < 3; n++) await engine.commit(TENANT, patch('a', appending(n)));
    await engine.commit(TENANT, touch('a', null));
    const all = () => engine.listVersions(TENANT, 'a', { limit: 100, includeState: true });
    const [found, versions] = [await engine.find(TENANT, 'a'), await all()];
    await closeAll();
    engine = await openEngine();
    expect(await engine.find(TENANT, 'a')).toEqual(found);
    expect(await all()).toEqual(versions);
    // The touched version enters the history with its last deadline, also when that deadline came from the disk.
    await engine.commit(TENANT, patch('a', appending(3)));
    const later = await all();
    expect(later?.versions[1]).toEqual(versions?.versions[0]);
    await closeAll();
    engine = await openEngine();
    expect(await all()).toEqual(later);
  });

  it('tells how far it is, first of the check and then of the reading, in turns of the event loop', async () => {
    const journal = await openJournal();
    const text = (n: number): JournalChange => {
      return { kind: 'text', tenant: 't', id: `task-${n}`, which: 'payload', value: Buffer.alloc(1500, n) };
    };
    await journal.write(Array.from({ length: 2500 }, (_, n) => text(n)));
    await closeAll();
    const told: number[] = [];
    let turns = 0;
    const turn = setInterval(() => turns++, 0);
    const again = await LmdbJournal.open(directory, (share) => told.push(share));
    clearInterval(turn);
    opened.push(again);
    const checks = told.length;
    expect(checks).toBeGreaterThan(1);
    expect(turns).toBeGreaterThan(0);
    expect([...again.read()]).toHaveLength(2500);
    expect(told.length).toBe(checks + 2);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBeLessThan(1);
  });

  it('restores indexed values without looking into states, unless the indexed fields have changed', async () => {
    const openWith = async (index: WorkflowIndex) => {
      const looks = jest.spyOn(index, 'ofState');
      const engine = await openMemoryEngine({ dataDir: directory, options: engineOptions, index });
      opened.push(engine);
      const count = (fields: Record<string, string>) => engine.count(TENANT, { fields });
      return { engine, count, looks };
    };
    const first = await openWith(new WorkflowIndex(['/status', '/user_id']));
    // More than are kept unsorted.
    for (let n = 0; n < 40; n++)
      await first.engine.commit(TENANT, put(`w-${n}`, { status: 'new', user_id: n, place: 'here' }));
    await first.engine.commit(TENANT, touch('w-1', 5_000_000));
    await closeAll();
    const same = await openWith(new WorkflowIndex(['/status', '/user_id']));
    expect(same.looks).not.toHaveBeenCalled();
    expect([await same.count({ status: 'new' }), await same.count({ user_id: '7' })]).toEqual([40, 1]);
    await closeAll();
    // A field of the same name at another place is another field.
    const other = await openWith(new WorkflowIndex(['/place', '/sub/status']));
    expect(other.looks).toHaveBeenCalledTimes(40);
    expect([await other.count({ place: 'here' }), await other.count({ status: 'new' })]).toEqual([40, 0]);
  });

  it('restores rows of earlier versions, which have no indexed values and no checks', async () => {
    const engine = await openEngine();
    for (let n = 0; n < 3; n++) await engine.commit(TENANT, put(`w-${n}`, { status: 'old' }));
    await closeAll();
    const root = open<unknown, never>({ path: join(directory, 'waymark.mdb'), noSubdir: true, maxDbs: 16 });
    const { workflows, versions } = openDatabases(root);
    for (const [database, members] of [
      [workflows, 6],
      [versions, 8],
    ] as const) {
      const rows = Array.from((database as Database<unknown, Key>).getRange(), ({ key, value }) => ({
        key,
        value: (value as unknown[]).slice(0, members),
      }));
      root.transactionSync(() => {
        for (const { key, value } of rows) putSealed<unknown, Key>(database as Database<unknown, Key>, key, value);
      });
    }
    await root.close();
    const later = await openEngine();
    expect(await later.count(TENANT, { fields: { status: 'old' } })).toBe(3);
    expect(await later.find(TENANT, 'w-1')).toMatchObject({ version: 1, check: '', state: '{"status":"old"}' });
  });

  it('restores a workflow that replaced an expired one under the same id and incarnation', async () => {
    const clock = { now: 1_000_000 };
    const open = async () => {
      const parts = { dataDir: directory, options: engineOptions, index: workflowIndex, clock: () => clock.now };
      const engine = await openMemoryEngine(parts);
      opened.push(engine);
      return engine;
    };
    const engine = await open();
    for (const n of [1, 2]) await engine.commit(TENANT, put('a', { life: 1, n }, { ttl: 1000, incarnation: 'same' }));
    clock.now += 1000;
    await engine.commit(TENANT, put('a', { life: 2 }, { ttl: 1000, incarnation: 'same' }));
    const found = await engine.find(TENANT, 'a');
    await closeAll();
    expect(await (await open()).find(TENANT, 'a')).toEqual(found);
    expect(found).toMatchObject({ version: 1, state: '{"life":2}' });
  });

  it('does not let the file grow with overwrites', async () => {
    const engine = await openEngine({ ...engineOptions, historyLimit: 3 });
    const sizes: number[] = [];
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 100; i++) {
        const puts = Array.from({ length: 50 }, (_, j) =>
          putOf(`w-${(i * 50 + j) % 100}`, { round, pad: 'x'.repeat(2000) }),
        );
        await engine.commit(TENANT, commitOf({ puts }));
      }
      sizes.push((await stat(join(directory, 'waymark.mdb'))).size);
    }
    // 30,000 writes, 60 MB of states; 100 workflows with 4 versions each are 0.8 MB.
    expect(Math.max(...sizes)).toBeLessThan(20_000_000);
    expect(sizes.at(-1)).toBeLessThan(2 * (sizes[1] as number));
  });

  it('creates files that only their owner can read', async () => {
    const own = join(directory, 'own');
    const journal = await LmdbJournal.open(own);
    opened.push(journal);
    expect((await stat(own)).mode & 0o777).toBe(0o700);
    for (const file of ['waymark.mdb', 'waymark.mdb-lock']) {
      expect((await stat(join(own, file))).mode & 0o777).toBe(0o600);
    }
  });

  it('refuses a second service, and opens again when the first is closed', async () => {
    const first = await openJournal();
    const refusal = await LmdbJournal.open(directory).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DirectoryInUseError);
    expect((refusal as Error).message).toContain(`process ${process.pid} on `);
    await first.write([metaOf('t', 'a')]);
    await closeAll();
    expect([...(await openJournal()).read()]).toHaveLength(1);
  });

  it('writes nothing once another service has taken the directory over', async () => {
    const journal = await openJournal();
    const root = open<unknown, never>({ path: join(directory, 'waymark.mdb'), noSubdir: true, maxDbs: 16 });
    root.openDB<unknown, string>({ name: 'service' }).putSync('owner', { token: 'other', pid: 1, host: 'elsewhere' });
    await expect(journal.write([metaOf('t', 'a')])).rejects.toThrow('process 1 on elsewhere');
    expect([...journal.read()]).toEqual([]);
    expect(journal.isLost).toBe(true);
    expect(journal.warnings()[0]).toContain('Another service has taken over');
    await root.close();
  });

  it('refuses a directory of another format, and one that holds something else', async () => {
    await openJournal();
    await closeAll();
    const root = open<unknown, never>({ path: join(directory, 'waymark.mdb'), noSubdir: true, maxDbs: 16 });
    await root.openDB<unknown, string>({ name: 'service' }).put('format', 4);
    await root.close();
    await expect(LmdbJournal.open(directory)).rejects.toThrow('holds data of format 4');
    for (const text of ['short', 'long enough for a database, but none'.repeat(500)]) {
      await writeFile(join(directory, 'waymark.mdb'), text);
      await expect(LmdbJournal.open(directory)).rejects.toThrow('is damaged or not a journal of this service');
    }
  });
});
