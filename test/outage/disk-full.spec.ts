import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openMemoryEngine } from '../../src/engine/memory/open-memory-engine.js';
import { engineOptions, TENANT, workflowIndex } from '../support/memory-commits.js';
import { compileSources, type CompiledSources } from '../support/compiled-sources.js';

interface Filled {
  readonly acknowledged: readonly string[];
  readonly codes: readonly string[];
}

interface Told {
  readonly first: Filled;
  readonly warnings: readonly string[];
  readonly countWhenFull: number;
  readonly deleted: readonly string[];
  readonly second: Filled;
}

const FILLER = new URL('./disk-filler.mjs', import.meta.url).pathname;
/** Limit of the size of files, in blocks of 512 or 1024 bytes: the system reports it much like a full disk. */
const WITH_SMALL_DISK = 'ulimit -f 16384; exec "$0" "$@"';

describe('The embedded engine on a full disk', () => {
  let dataDir: string;
  let sources: CompiledSources;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'waymark-full-'));
    sources = await compileSources();
  });
  afterEach(async () => {
    await sources.remove();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('refuses writes that do not fit, keeps acknowledged ones, and accepts writes when space is free again', async () => {
    const args = ['-c', WITH_SMALL_DISK, process.execPath, FILLER, sources.url, dataDir];
    const { stdout } = await promisify(execFile)('sh', args, { maxBuffer: 16 * 1024 * 1024 });
    const { first, warnings, countWhenFull, deleted, second } = JSON.parse(stdout) as Told;
    expect(first.acknowledged.length).toBeGreaterThan(200);
    expect(new Set(first.codes)).toEqual(new Set(['STORE_FULL']));
    expect(countWhenFull).toBe(first.acknowledged.length);
    expect(warnings).toEqual(['The disk of DATA_DIR is full: writes are refused']);
    expect(deleted).toHaveLength(100);
    expect(second.codes).toEqual([]);

    const engine = await openMemoryEngine({ dataDir, options: engineOptions, index: workflowIndex });
    try {
      const expected = [...first.acknowledged.slice(100), ...second.acknowledged];
      const found = await engine.findMany(TENANT, expected);
      expect(found.every((record) => record !== undefined)).toBe(true);
      expect(await engine.count(TENANT, {})).toBe(expected.length);
    } finally {
      await engine.close();
    }
  });
});
