import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unsealFile } from '../../../test/support/unseal-directory.js';
import type { DetachedEntry } from './detached-entry.js';
import { LAYOUT, LmdbDetachedJournal } from './lmdb-detached-journal.js';

const entry: DetachedEntry = {
  n: 1,
  tenant: 'default',
  atMs: 1,
  once: { key: 'k', fingerprint: 'f', keepMs: 1000 },
  parts: [],
  enqueue: [],
  publish: [{ channel: 'c', key: null, payload: '"an acknowledged message"' } as never],
  cancelTasksOf: [],
  outcome: { workflows: [], tasks: [], messages: [] } as never,
};

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waymark-detached-'));
  path = join(directory, 'waymark-detached.mdb');
  const journal = await LmdbDetachedJournal.open(directory);
  await journal.append([entry]);
  await journal.setEpoch({ slot: '0', name: 'data' } as never);
  await journal.close();
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

it('a damaged detached journal is passed over, and named with its place', async () => {
  const bytes = await readFile(path);
  for (let at = bytes.indexOf('acknowledged'); at >= 0; at = bytes.indexOf('acknowledged', at)) bytes[at] = 0x62;
  await writeFile(path, bytes);
  const other = await LmdbDetachedJournal.open(directory);
  expect(other.read().entries).toEqual([]);
  const left = [];
  for await (const one of LmdbDetachedJournal.leftIn(directory)) left.push(one);
  await other.close();
  expect(left).toHaveLength(1);
  expect(String(left[0]?.error)).toMatch(
    /waymark-detached\.mdb is damaged .*of "entries": wrong checksum\)\. Restore a copy of waymark-detached\.mdb, or move/,
  );
});

it('a detached journal without checksums gets them, and the same entries', async () => {
  await unsealFile(path, LAYOUT);
  for (let round = 0; round < 2; round++) {
    const journal = await LmdbDetachedJournal.open(directory);
    const { entries, epochs } = journal.read();
    expect([entries, [...epochs]]).toEqual([[entry], [['0', 'data']]]);
    await journal.close();
  }
  const bytes = await readFile(path);
  expect(bytes.includes('acknowledged')).toBe(true);
});
