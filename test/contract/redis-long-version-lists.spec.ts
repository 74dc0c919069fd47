import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { VersionPage, VersionQuery, VersionRef } from '../../src/engine/engine.js';
import { HISTORY_PIECE_BYTES } from '../../src/engine/limits.js';
import type { MovedWorkflow } from '../../src/engine/moving/moved.js';
import { stampOf } from '../../src/engine/moving/stamp.js';
import type { VersionRecord } from '../../src/engine/records/workflow-meta.js';
import { historyKey, prefixOf, stateKey } from '../../src/engine/redis/keys.js';
import type { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import type { TestClock } from '../support/clock.js';
import { LARGE, longWorkflow, MANY, type HistorySize } from '../support/long-workflow.js';
import { FAIL } from '../support/moving.js';
import { TestTenant, versionOf } from '../support/tenant.js';
import { WatchedRedis } from '../support/watched-redis.js';
import type { WatchedScripts } from '../support/watched-scripts.js';
import { MIB, testOptions } from './engine-under-test.js';

Logger.overrideLogger(false);

/** A call learns the size of an entry when it has the entry. Beside the history it reads the current version. */
const MOST_READ = HISTORY_PIECE_BYTES + LARGE.bytes + 64 * 1024;

/** Four parts or more, and one page with states. */
const SEVERAL: HistorySize = { versions: 9, bytes: 900_000 };

const ORDERS = ['desc', 'asc'] as const;
const numbersOf = (versions: readonly { readonly version: number }[] = []) => versions.map(({ version }) => version);
/** From one number to another, both included. */
const range = (from: number, to: number) =>
  Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => (from < to ? from + i : from - i));

describe('The versions of a long history in Redis', () => {
  let watched: WatchedRedis;
  let clock: TestClock;
  let direct: Redis;
  let namespace: string;
  let scripts: WatchedScripts;
  let engine: RedisEngine;
  /** Its writes cut no history. */
  let keeping: RedisEngine;
  let tenant: TestTenant;

  beforeAll(async () => {
    watched = await WatchedRedis.start();
    ({ clock, direct, namespace, scripts, engine } = watched);
    keeping = watched.open({ ...testOptions, historyMaxBytes: 64 * MIB });
  });
  afterAll(() => watched.stop());
  beforeEach(() => {
    scripts.reset();
    tenant = new TestTenant(engine, `t-${randomUUID()}`);
  });

  /** The only workflow of the server, so that its memory stays small. */
  async function imported(size: HistorySize): Promise<MovedWorkflow> {
    await direct.flushall();
    const record = longWorkflow(clock.ms, size);
    expect(await put(record)).toBe('created');
    scripts.reset();
    return record;
  }
  const put = (record: MovedWorkflow, options = FAIL) => engine.moving.put(tenant.name, record, options);

  /** Versions of the record as a list shows them, newest first. */
  function shownOf({ history, ...current }: MovedWorkflow, includeState = true): VersionRecord[] {
    const { state: _state, ...meta } = current;
    return [current, ...history].map(({ state, ...one }) =>
      versionOf({ ...meta, ...one, bytes: Buffer.byteLength(state), ...(includeState && { state }) }),
    );
  }

  const list = (query: Partial<VersionQuery> = {}, from = engine): Promise<VersionPage | undefined> =>
    from.listVersions(tenant.name, 'w', { limit: 1000, includeState: false, ...query });

  /** Bytes that the largest call has read. Forgets the calls. */
  function mostRead(): number {
    const most = Math.max(...scripts.calls.map(({ readBytes }) => readBytes));
    scripts.reset();
    return most;
  }

  /** Acts before the n-th call for a part of a list. */
  function beforePart(nth: number, act: () => Promise<unknown>): void {
    scripts.before = async (script, count) => {
      if (script === 'versions' && count === nth) await act();
    };
  }

  it('are listed whole in either order; no call reads more than a piece', async () => {
    const record = await imported(LARGE);
    const all = shownOf(record, false);
    for (const order of ORDERS) {
      const page = await list({ order });
      expect(page?.versions.map(versionOf)).toEqual(order === 'desc' ? all : all.toReversed());
      expect([page?.nextBefore, page?.nextAfter]).toEqual([null, null]);
      expect(scripts.count('versions')).toBeGreaterThan(10);
      expect(mostRead()).toBeLessThanOrEqual(MOST_READ);
    }
  });

  it('are read with their states until the page has its bytes, and no further', async () => {
    const record = await imported(LARGE);
    const all = shownOf(record);
    for (const order of ORDERS) {
      const shown: VersionRecord[] = [];
      for (let from: object | undefined = {}; from !== undefined;) {
        const page: VersionPage | undefined = await list({ order, includeState: true, ...from });
        const { versions = [], nextBefore, nextAfter } = page ?? {};
        shown.push(...versions.map(versionOf));
        // A page has 8 of the large states, and one more shows that it is full.
        expect(scripts.count('versions')).toBeLessThanOrEqual(5);
        expect(mostRead()).toBeLessThanOrEqual(MOST_READ);
        const next = order === 'desc' ? { before: nextBefore } : { after: nextAfter };
        from = (nextBefore ?? nextAfter ?? null) === null ? undefined : next;
      }
      expect(shown).toEqual(order === 'desc' ? all : all.toReversed());
    }
  });

  it('are listed in pages and within bounds as any others', async () => {
    await imported(LARGE);
    const down: number[][] = [];
    for (let before: number | null = 40; before !== null;) {
      const page: VersionPage | undefined = await list({ limit: 9, before });
      down.push(numbersOf(page?.versions));
      before = page?.nextBefore ?? null;
    }
    expect(down).toEqual([range(32, 24), range(23, 15), range(14, 6), range(5, 1)]);
    const up: number[][] = [];
    for (let after: number | null = 0; after !== null;) {
      const page: VersionPage | undefined = await list({ order: 'asc', limit: 16, after });
      up.push(numbersOf(page?.versions));
      after = page?.nextAfter ?? null;
    }
    expect(up).toEqual([range(1, 16), range(17, 32)]);
    for (const order of ORDERS) {
      const inside = async (bounds: object) => {
        const numbers = numbersOf((await list({ order, ...bounds }))?.versions);
        return order === 'desc' ? numbers : numbers.toReversed();
      };
      expect(await inside({ before: 30, after: 3 })).toEqual(range(29, 4));
      expect(await inside({ before: 33, after: 30 })).toEqual([32, 31]);
      expect(await inside({ before: 32, after: 31 })).toEqual([]);
      expect(await inside({ after: 32 })).toEqual([]);
      expect(await inside({ before: 1 })).toEqual([]);
    }
    expect(mostRead()).toBeLessThanOrEqual(MOST_READ);
  });

  it('are listed whole, if only their number is large', async () => {
    await imported(MANY);
    expect(numbersOf((await list())?.versions)).toEqual(range(1201, 202));
    expect(numbersOf((await list({ order: 'asc' }))?.versions)).toEqual(range(1, 1000));
    expect((await list({ order: 'asc' }))?.nextAfter).toBe(1000);
    expect(numbersOf((await list({ order: 'asc', after: 1000 }))?.versions)).toEqual(range(1001, 1201));
  });

  it('are listed by one call in a history within the limits of writes', async () => {
    for (let n = 1; n <= 60; n++) await tenant.put('w', 'x'.repeat(20_000));
    scripts.reset();
    for (const order of ORDERS) {
      expect(await list({ order, includeState: true })).toMatchObject({ versions: { length: 51 } });
      expect(scripts.count('versions')).toBe(1);
      scripts.reset();
    }
  });

  it('are found one by one, and so is the oldest', async () => {
    const record = await imported(LARGE);
    const all = shownOf(record);
    for (const version of [32, 31, 16, 1]) {
      const found = await engine.findVersion(tenant.name, 'w', version);
      expect(found).toMatchObject({ found: 'version', version: all[32 - version] });
    }
    expect(await engine.findVersion(tenant.name, 'w', 33)).toEqual({ found: 'no-version' });
    expect(await engine.findVersion(tenant.name, 'w', 0)).toEqual({ found: 'no-version' });
    await direct.rpop(historyKey(prefixOf(namespace, tenant.name), 'w'), 3);
    expect(await engine.findVersion(tenant.name, 'w', 3)).toEqual({ found: 'pruned', oldest: 4 });
    expect(mostRead()).toBeLessThanOrEqual(MOST_READ);
  });

  it('have their states read in pieces, those with another name too', async () => {
    const record = await imported(LARGE);
    const refs: VersionRef[] = shownOf(record);
    const others = refs.map((ref) => ({ ...ref, check: 'other' }));
    const states = (versions: readonly VersionRef[]) => engine.findStates(tenant.name, versions, 64 * MIB);
    expect(await states(refs)).toEqual([record, ...record.history].map(({ state }) => state));
    expect(await states(others)).toEqual(others.map(() => undefined));
    expect(await states([...others, ...refs.slice(0, 1)])).toEqual([...others.map(() => undefined), record.state]);
    expect(mostRead()).toBeLessThanOrEqual(MOST_READ);
  });

  describe('that change while they are listed', () => {
    it('are those of the beginning, if a write drops none of them', async () => {
      await imported(SEVERAL);
      const write = () => new TestTenant(keeping, tenant.name).put('w');
      beforePart(3, write);
      expect(numbersOf((await list({}, keeping))?.versions)).toEqual(range(10, 1));
      scripts.reset();
      // The newest version comes last.
      beforePart(3, write);
      expect(numbersOf((await list({ order: 'asc' }, keeping))?.versions)).toEqual(range(1, 12));
    });

    it('are read anew, if a write has dropped those that follow', async () => {
      for (const order of ORDERS) {
        await imported(SEVERAL);
        beforePart(3, () => tenant.put('w', { status: 'open' }));
        const numbers = numbersOf((await list({ order }))?.versions);
        expect(order === 'desc' ? numbers : numbers.toReversed()).toEqual([11, 10, 9]);
      }
    });

    it('are all of one incarnation', async () => {
      for (const order of ORDERS) {
        const record = await imported(SEVERAL);
        const other = { ...record, incarnation: 'other' };
        beforePart(3, () => put(other, { onConflict: 'fail', replaces: stampOf(record) }));
        const page = await list({ order, includeState: true });
        const all = shownOf(other);
        expect(page?.versions.map(versionOf)).toEqual(order === 'desc' ? all : all.toReversed());
      }
    });

    it('are all of one past, if a failover has brought back another one', async () => {
      for (const order of ORDERS) {
        const record = await imported(SEVERAL);
        const history = record.history.map((one) => ({ ...one, check: `d${one.version}` }));
        const other = { ...record, check: 'd10', history };
        beforePart(3, () => put(other, { onConflict: 'fail', replaces: stampOf(record) }));
        const page = await list({ order });
        const all = shownOf(other, false);
        expect(page?.versions.map(versionOf)).toEqual(order === 'desc' ? all : all.toReversed());
      }
    });

    it('are not there, if the workflow was deleted', async () => {
      await imported(SEVERAL);
      beforePart(3, () => tenant.delete('w'));
      expect(await list()).toBeUndefined();
    });

    it('have the value of another program as the next one', async () => {
      for (const order of ORDERS) {
        await imported(SEVERAL);
        beforePart(3, () => direct.set(stateKey(prefixOf(namespace, tenant.name), 'w'), '"theirs"'));
        const numbers = numbersOf((await list({ order, includeState: true }))?.versions);
        // A list that is newest first has shown version 10 before.
        expect(numbers).toEqual(order === 'desc' ? range(10, 1) : [...range(1, 9), 11]);
      }
    });
  });
});
