import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { idOf } from '../../src/engine/detached/detached-entry.js';
import { LmdbDetachedJournal } from '../../src/engine/detached/lmdb-detached-journal.js';
import { compileSources, type CompiledSources } from '../support/compiled-sources.js';

interface Filled {
  readonly acknowledged: readonly string[];
  readonly codes: readonly string[];
}

const FILLER = new URL('./detached-filler.mjs', import.meta.url).pathname;
/** Limit of the size of files, in blocks of 512 or 1024 bytes: the system reports it much like a full disk. */
const WITH_SMALL_DISK = 'ulimit -f 16384; exec "$0" "$@"';

describe('The journal of detached writes on a full disk', () => {
  let dataDir: string;
  let sources: CompiledSources;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'waymark-detached-full-'));
    sources = await compileSources();
  });
  afterEach(async () => {
    await sources.remove();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('refuses writes that do not fit, keeps acknowledged ones, and accepts writes after a drain', async () => {
    const args = ['-c', WITH_SMALL_DISK, process.execPath, FILLER, sources.url, dataDir];
    const { stdout } = await promisify(execFile)('sh', args, { maxBuffer: 16 * 1024 * 1024 });
    const { first, settled, second } = JSON.parse(
      stdout.split('\n').findLast((line) => line.startsWith('{')) ?? '',
    ) as {
      first: Filled;
      settled: string[];
      second: Filled;
    };
    expect(first.acknowledged.length).toBeGreaterThan(200);
    expect(new Set(first.codes)).toEqual(new Set(['STORE_FULL']));
    expect(second.codes).toEqual([]);

    const journal = await LmdbDetachedJournal.open(dataDir);
    try {
      const waiting = journal.read().entries.flatMap(({ parts }) => parts.map(idOf));
      expect(waiting).toEqual([...first.acknowledged.slice(settled.length), ...second.acknowledged]);
    } finally {
      await journal.close();
    }
  });
});
