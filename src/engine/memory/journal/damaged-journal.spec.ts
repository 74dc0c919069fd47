import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { open } from 'lmdb';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMemoryEngine } from '../open-memory-engine.js';
import { DirectoryMoving } from '../moving/directory-moving.js';
import { FILE, LAYOUT, LmdbJournal, openDatabases } from './lmdb-journal.js';
import { repairJournal } from './repair-journal.js';
import { openRaw, isSealed, openSealed, putSealed } from '../journal-file/seal.js';
import { commitOf, engineOptions, put, TENANT, workflowIndex } from '../../../../test/support/memory-commits.js';
import { newTask } from '../../../../test/support/tasks.js';
import { unsealDirectory } from '../../../../test/support/unseal-directory.js';

describe('a damaged journal', () => {
  let directory: string;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-damaged-'));
    path = join(directory, FILE);
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const openEngine = (dataDir = directory) =>
    openMemoryEngine({ dataDir, options: engineOptions, index: workflowIndex });
  async function fill(): Promise<void> {
    const engine = await openEngine();
    for (let n = 0; n < 40; n++) await engine.commit(TENANT, put(`w-${n}`, { name: `value of ${n}`, n }));
    await engine.commit(TENANT, put('long', { text: `begins ${'long '.repeat(4000)} ends here` }));
    await engine.commit(
      TENANT,
      commitOf({ enqueue: [newTask('q', { id: 'task-1', payload: '{"is":"the payload"}' })] }),
    );
    await engine.close();
  }
  /** Flips a bit wherever the text is, also in free pages. */
  async function flip(text: string): Promise<void> {
    const bytes = await readFile(path);
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
      bytes[at + 2] = (bytes[at + 2] as number) ^ 4;
    }
    await writeFile(path, bytes);
  }
  const startOn = async (dataDir = directory) => {
    const engine = await openEngine(dataDir);
    await engine.close();
  };
  async function idsIn(dataDir: string): Promise<string[]> {
    const moving = DirectoryMoving.open(dataDir);
    const { items } = await moving.listWorkflows(TENANT, undefined, 1000);
    await moving.close();
    return items.map(({ id }) => id);
  }

  it.each(['value of 7', 'begins long', 'ends here', 'the payload'])(
    'is refused for a flipped bit in "%s", with file, place and remedy',
    async (text) => {
      await fill();
      await flip(text);
      const refusal = await LmdbJournal.open(directory).catch((error: unknown) => error as Error);
      expect((refusal as Error).message).toMatch(
        /^\S+waymark\.mdb is damaged .*page \d+, key ".*" of "(versions|texts)": wrong checksum.* waymark repair --from \S+ --to /,
      );
      expect((refusal as Error).message).toContain(path);
      expect(() => DirectoryMoving.open(directory)).toThrow('wrong checksum');
    },
  );

  it('is refused when the file was cut, and does not end the process', async () => {
    await fill();
    await truncate(path, (await readFile(path)).length / 2);
    await expect(LmdbJournal.open(directory)).rejects.toThrow(
      /waymark\.mdb is damaged .*the file ends before it, at \d+ bytes/,
    );
  });

  it.each([0, 1, 2])('is refused when page %d from the start of a tree is zeroed', async (which) => {
    await fill();
    const bytes = await readFile(path);
    // The root pages are pages 0 and 1; the first page of a tree stands in the newer one.
    const newer = bytes.readUInt32LE(152) > bytes.readUInt32LE(4096 + 152) ? 0 : 1;
    const root = bytes.readUInt32LE(newer * 4096 + 96 + 40);
    const page = which === 2 ? root : which;
    bytes.fill(0, page * 4096, (page + 1) * 4096);
    await writeFile(path, bytes);
    await expect(LmdbJournal.open(directory)).rejects.toThrow(
      `page ${page}, a root page`.slice(0, which === 2 ? 4 : 20),
    );
  });

  it('is no empty store when its file is empty or missing, unless all files were removed', async () => {
    await fill();
    await writeFile(path, '');
    await expect(LmdbJournal.open(directory)).rejects.toThrow('it is empty, and once had content');
    await rm(path);
    await expect(LmdbJournal.open(directory)).rejects.toThrow('it is missing, and once had content');
    expect(existsSync(path)).toBe(false);
    for (const file of await readdir(directory)) await rm(join(directory, file));
    await startOn();
    expect(await idsIn(directory)).toEqual([]);
  });

  it('is none that lmdb writes in another way: a short value keeps the pages of a long one', async () => {
    const value = (bytes: number) => ({
      kind: 'text' as const,
      tenant: TENANT,
      id: 'task-1',
      which: 'payload' as const,
      value: Buffer.alloc(bytes, 7),
    });
    const journal = await LmdbJournal.open(directory);
    await journal.write([value(20_000), value(300)]);
    await journal.close();
    const again = await LmdbJournal.open(directory);
    expect([...again.read()]).toEqual([value(300)]);
    await again.close();
  });

  describe('when it is repaired', () => {
    const repaired = () => join(directory, 'repaired');

    it('loses only what is damaged, names it, and stays as it is', async () => {
      await fill();
      await flip('value of 7');
      await flip('the payload');
      const before = await readFile(path);
      const report = await repairJournal(directory, repaired());
      expect(await readFile(path)).toEqual(before);
      expect(report).toMatchObject({ lost: { versions: 1, texts: 1 }, damageCount: 2, isBeforeLast: false });
      expect(report.incomplete).toEqual([
        `${TENANT}: workflow w-7: its current version 1 is lost`,
        `${TENANT}: task task-1: its payload is lost`,
      ]);
      await startOn(repaired());
      const ids = await idsIn(repaired());
      expect(ids).toHaveLength(40);
      expect(ids).not.toContain('w-7');
    });

    it('finds the rows below an inner page that is gone', async () => {
      await fill();
      const bytes = await readFile(path);
      // Inner pages are of kind 1. Current and free ones are zeroed alike.
      for (let at = 8192; at + 4096 <= bytes.length; at += 4096) {
        if (bytes.readUInt16LE(at + 18) === 1 && bytes.readUInt32LE(at) === at / 4096) bytes.fill(0, at, at + 4096);
      }
      await writeFile(path, bytes);
      await expect(LmdbJournal.open(directory)).rejects.toThrow('it has the number of another page, or none');
      const report = await repairJournal(directory, repaired());
      expect(report).toMatchObject({ lost: {}, incomplete: [] });
      expect(await idsIn(repaired())).toHaveLength(41);
    });

    it('is copied whole when nothing is damaged, and refused for a target with files', async () => {
      await fill();
      expect(await repairJournal(directory, repaired())).toMatchObject({ lost: {}, damageCount: 0, incomplete: [] });
      await expect(repairJournal(directory, repaired())).rejects.toThrow('repaired is not empty');
      await expect(repairJournal(repaired().concat('-none'), directory)).rejects.toThrow('is not a data directory');
    });
  });
});

describe('a journal of the format without checksums', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-unsealed-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function recordsIn(): Promise<unknown[]> {
    const journal = await LmdbJournal.open(directory);
    const records = [journal.epoch, ...journal.read()];
    await journal.close();
    return records;
  }
  function valuesIn(): { readonly sealed: number; readonly unsealed: number; readonly format: unknown } {
    const root = open<unknown, never>({ path: join(directory, FILE), noSubdir: true, maxDbs: 16, readOnly: true });
    const values = ['workflows', 'versions', 'outcomes'].flatMap((name) =>
      [...openRaw(root, name).getRange()].map(({ value }) => isSealed(value)),
    );
    const format = openSealed<unknown, string>(root, 'service').get('format');
    void root.close();
    return { sealed: values.filter(Boolean).length, unsealed: values.filter((one) => !one).length, format };
  }
  async function fill(): Promise<void> {
    const engine = await openMemoryEngine({ dataDir: directory, options: engineOptions, index: workflowIndex });
    for (let n = 0; n < 30; n++) await engine.commit(TENANT, put(`w-${n}`, { n, pad: 'x'.repeat(n * 500) }));
    await engine.close();
    await unsealDirectory(directory);
  }

  const openRoot = () =>
    open<unknown, never>({ path: join(directory, FILE), noSubdir: true, maxDbs: 16, overlappingSync: false });

  it('gets checksums at its first start, and the same content', async () => {
    await fill();
    expect(valuesIn()).toMatchObject({ sealed: 0, format: 2 });
    const records = await recordsIn();
    expect(valuesIn()).toMatchObject({ sealed: 60, unsealed: 0, format: 3 });
    expect(await recordsIn()).toEqual(records);
  });

  it('is completed by the next start if the process ended in between', async () => {
    await fill();
    // As a first start leaves it that ended early: the format is raised, and few rows have a checksum.
    const root = openRoot();
    const service = openSealed<unknown, string>(root, 'service');
    const versions = openSealed<unknown, [string, string, number]>(root, 'versions');
    root.transactionSync(() => {
      service.putSync('format', 3);
      putSealed(service, 'sealing', true);
      for (const { key, value } of Array.from(versions.getRange({ limit: 5 }))) putSealed(versions, key, value);
    });
    await root.close();
    expect(valuesIn()).toMatchObject({ sealed: 5, unsealed: 55 });
    expect(await recordsIn()).toHaveLength(1 + 30 * 3);
    expect(valuesIn()).toMatchObject({ sealed: 60, unsealed: 0, format: 3 });
  });

  it('must have them once they are complete', async () => {
    await fill();
    const root = openRoot();
    root.openDB<unknown, string>({ name: 'service' }).putSync('format', 3);
    await root.close();
    await expect(LmdbJournal.open(directory)).rejects.toThrow('wrong checksum');
  });
});

it('the layout of the journal names each database, since a start refuses others', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'waymark-layout-'));
  const root = open<unknown, never>({ path: join(directory, FILE), noSubdir: true, maxDbs: 16 });
  expect(Object.keys(openDatabases(root)).toSorted()).toEqual([...LAYOUT.databases, LAYOUT.service].toSorted());
  await root.close();
  await rm(directory, { recursive: true, force: true });
});
