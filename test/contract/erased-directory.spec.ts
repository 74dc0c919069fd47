import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openMemoryEngine } from '../../src/engine/memory/open-memory-engine.js';
import { accessTenantOf } from '../../src/engine/profile.js';
import { TestClock } from '../support/clock.js';
import { fastDirectory } from '../support/fast-directory.js';
import { rowsOf } from '../support/journal-rows.js';
import { testIndex } from '../support/parts.js';
import { TestTenant } from '../support/tenant.js';
import { eraseAll, fillWithHidden, readInEveryWay } from './cases/erasing.js';
import { testOptions } from './engine-under-test.js';

describe('the erasure of a tenant in a data directory', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await fastDirectory('waymark-erased-');
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  const rows = (...tenants: readonly string[]) => rowsOf(dataDir, tenants);

  it.each([1, 7, 1000])('leaves no row, in steps of %d (invariant 28)', async (limit) => {
    const clock = new TestClock();
    const parts = { options: testOptions, index: testIndex, clock: clock.read, dataDir, sweeps: false };
    const engine = await openMemoryEngine(parts);
    await fillWithHidden({ clock }, new TestTenant(engine, 'acme'));
    await fillWithHidden({ clock }, new TestTenant(engine, 'other'));
    const names = ['acme', accessTenantOf('acme')];
    const others = ['other', accessTenantOf('other')];
    const before = await rows(...names);
    // Each kind of record is there, so that each can be left.
    expect(Object.keys(before).sort()).toEqual(
      [
        'boards',
        'dedupes',
        'events',
        'outcomes',
        'progress',
        'queues',
        'tasks',
        'texts',
        'versions',
        'workflows',
      ].sort(),
    );
    const kept = await rows(...others);
    const place = await engine.lastEventId('acme');
    await eraseAll(engine, 'acme', limit);
    expect(await rows(...names)).toEqual({});
    await readInEveryWay(engine, 'acme', place);
    expect(await rows(...names)).toEqual({});
    expect(await rows(...others)).toEqual(kept);
    await engine.close();
  });
});
