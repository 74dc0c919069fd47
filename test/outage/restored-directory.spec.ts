import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FeedResetError } from '../../src/engine/errors.js';
import { openMemoryEngine } from '../../src/engine/memory/open-memory-engine.js';
import { etagOf } from '../../src/engine/records/workflow-meta.js';
import { testOptions } from '../contract/engine-under-test.js';
import { TestClock } from '../support/clock.js';
import { testIndex } from '../support/parts.js';
import { refusalOf } from '../support/refusal.js';
import { TestTenant } from '../support/tenant.js';

/** A data directory is put back from a copy, so its newest writes are lost, and it is written on. */
describe('A data directory that was put back from a copy', () => {
  let directory: string;
  const clock = new TestClock();
  const open = async (name: string) => {
    const dataDir = join(directory, name);
    const engine = await openMemoryEngine({
      dataDir,
      options: testOptions,
      index: testIndex,
      clock: clock.read,
      sweeps: false,
    });
    return { engine, tenant: new TestTenant(engine, 'default') };
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-restored-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('gives other tags, and tells readers that stand on a lost event (invariant 33)', async () => {
    const first = await open('now');
    await first.tenant.put('w', { n: 1 });
    await first.engine.close();
    await cp(join(directory, 'now'), join(directory, 'copy'), { recursive: true });

    const lost = await open('now');
    const before = await lost.tenant.put('w', { by: 'before' });
    const place = await lost.engine.lastEventId('default');
    await lost.engine.close();

    const { engine, tenant } = await open('copy');
    const after = await tenant.put('w', { by: 'after' });
    expect([after.version, after.incarnation]).toEqual([before.version, before.incarnation]);
    expect(etagOf(after)).not.toBe(etagOf(before));
    expect(await refusalOf(tenant.put('w', {}, { expect: { etags: [etagOf(before)] } }))).toMatchObject({
      code: 'VERSION_CONFLICT',
    });
    // The clock has not moved on: the new event has the time and the number of the lost one.
    const last = await engine.lastEventId('default');
    expect(last.split('_')[0]).toBe(place.split('_')[0]);
    expect(await refusalOf(engine.readFeed('default', place, 10))).toBeInstanceOf(FeedResetError);
    expect(await engine.readFeed('default', last, 10)).toEqual([]);
    await engine.close();
  });
});
