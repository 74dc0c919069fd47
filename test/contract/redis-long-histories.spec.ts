import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { digestOf } from '../../src/engine/moving/digest.js';
import type { MovedVersion, MovedWorkflow } from '../../src/engine/moving/moved.js';
import { stampOf } from '../../src/engine/moving/stamp.js';
import { StoreAwayError } from '../../src/engine/errors.js';
import { examine } from '../../src/engine/redis/doctor/doctor.js';
import { historyKey, KEY_NAMES, prefixOf } from '../../src/engine/redis/keys.js';
import { HISTORY_PIECE_BYTES } from '../../src/engine/limits.js';
import type { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import type { TestClock } from '../support/clock.js';
import { LARGE, longWorkflow, MANY, type HistorySize, type LongWorkflowOptions } from '../support/long-workflow.js';
import { digestsOf, FAIL, moveAll, readWorkflow, workflowStamps } from '../support/moving.js';
import type { RedisProcess } from '../support/redis-process.js';
import { refusalOf } from '../support/refusal.js';
import { TestTenant } from '../support/tenant.js';
import { WatchedRedis } from '../support/watched-redis.js';
import type { WatchedScripts } from '../support/watched-scripts.js';
import { MIB } from './engine-under-test.js';
import { configFor } from './redis-under-test.js';

Logger.overrideLogger(false);

const HOUR = 3_600_000;
/** Script, keys and plan of a call, beside the texts. */
const BESIDE_BYTES = 256 * 1024;
const LONGEST_STAGED_MS = 300_000;

describe('A workflow with a long history, moved into Redis', () => {
  let watched: WatchedRedis;
  let clock: TestClock;
  let redis: RedisProcess;
  let direct: Redis;
  let namespace: string;
  let scripts: WatchedScripts;
  let engine: RedisEngine;
  let tenant: TestTenant;

  beforeAll(async () => {
    watched = await WatchedRedis.start();
    ({ clock, redis, direct, namespace, scripts, engine } = watched);
  });
  afterAll(() => watched.stop());
  beforeEach(() => {
    scripts.reset();
    tenant = new TestTenant(engine, `t-${randomUUID()}`);
  });

  const recordOf = (size: HistorySize, options?: LongWorkflowOptions) => longWorkflow(clock.ms, size, options);
  const put = (record: MovedWorkflow, options = FAIL) => engine.moving.put(tenant.name, record, options);
  const keyOfHistory = () => historyKey(prefixOf(namespace, tenant.name), 'w');
  const staged = () => direct.keys(`${prefixOf(namespace, tenant.name)}${KEY_NAMES.moved}*`);
  /** Without the dry run before it. */
  const isFinalMove = (script: string) => script === 'move-workflow' && scripts.count('stage-history') > 0;
  const sizeOf = ({ state, history }: MovedWorkflow) =>
    [state, ...history.map((one) => one.state)].reduce((sum, text) => sum + Buffer.byteLength(text), 0);

  async function expectWhole(record: MovedWorkflow): Promise<void> {
    expect(await digestOf(await readWorkflow(engine, tenant.name, 'w'))).toBe(await digestOf(record));
    expect((await tenant.versions('w')).map(({ version }) => version)).toEqual(
      [record, ...record.history].map(({ version }) => version),
    );
    const [listed] = await workflowStamps(engine.moving, tenant.name);
    expect(listed).toEqual({ id: 'w', stamp: stampOf(record), bytes: sizeOf(record) });
    expect(await tenant.ids({ filter: { fields: { status: 'open' } } })).toEqual(['w']);
    expect(await staged()).toEqual([]);
  }

  async function expectNothing(): Promise<void> {
    expect(await tenant.find('w')).toBeUndefined();
    expect(await tenant.ids()).toEqual([]);
    expect(await engine.moving.read(tenant.name, 'workflow', ['w'])).toEqual([undefined]);
    expect(await direct.exists(keyOfHistory())).toBe(0);
  }

  async function expectStagedToExpire(): Promise<void> {
    const keys = await staged();
    expect(keys).not.toEqual([]);
    for (const key of keys) {
      const left = await direct.pttl(key);
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(LONGEST_STAGED_MS);
    }
  }

  it('of 32 MB arrives whole, in calls of a few megabytes, and is read so', async () => {
    const record = recordOf(LARGE);
    expect(await put(record)).toBe('created');
    const sent = scripts.calls.map(({ sentBytes }) => sentBytes);
    expect(sent.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(LARGE.versions * LARGE.bytes);
    expect(Math.max(...sent)).toBeLessThanOrEqual(HISTORY_PIECE_BYTES + BESIDE_BYTES);

    scripts.reset();
    await expectWhole(record);
    const reads = scripts.calls.filter(({ script }) => script.startsWith('move-'));
    // A read learns the size of an entry when it has the entry.
    expect(Math.max(...reads.map(({ replyBytes }) => replyBytes))).toBeLessThanOrEqual(
      HISTORY_PIECE_BYTES + LARGE.bytes + BESIDE_BYTES,
    );
  });

  it('is the same record in memory, and moves on from tenant to tenant', async () => {
    const record = recordOf(MANY, { ttlMs: HOUR });
    expect(await put(record)).toBe('created');
    const other = new TestTenant(engine, `${tenant.name}-other`);
    expect(await moveAll(engine, tenant.name, engine, other.name)).toEqual(['created']);
    expect(await digestsOf(engine, other.name)).toEqual({ 'workflow w': await digestOf(record) });
  });

  it('sends nothing of a history that it has, and nothing in a dry run', async () => {
    const record = recordOf(MANY);
    expect(await put(record, { ...FAIL, isDryRun: true })).toBe('created');
    await expectNothing();
    expect(await put(record)).toBe('created');
    scripts.reset();
    expect(await put(record)).toBe('same');
    expect(await put({ ...record, version: 5000, check: 'z' })).toBe('conflict');
    expect(scripts.count('stage-history')).toBe(0);
    expect(scripts.calls.reduce((sum, { sentBytes }) => sum + sentBytes, 0)).toBeLessThan(4 * BESIDE_BYTES);
    await expectWhole(record);
  });

  it('travels in one call if it is short', async () => {
    const record = recordOf({ versions: 3, bytes: MIB / 2 });
    expect(await put(record)).toBe('created');
    expect(scripts.calls.map(({ script }) => script)).not.toContain('stage-history');
    expect(scripts.count('move-workflow')).toBe(1);
    await expectWhole(record);
  });

  it('replaces the version that it follows, and the one that it may replace', async () => {
    const record = recordOf(MANY);
    const [earlier] = record.history.slice(500, 501);
    await put({ ...record, ...(earlier as MovedVersion), history: record.history.slice(501) });
    expect(await put(record)).toBe('updated');
    await expectWhole(record);

    const other = { ...recordOf(MANY), incarnation: 'other' };
    expect(await put(other)).toBe('conflict');
    expect(await put(other, { onConflict: 'fail', replaces: stampOf(record) })).toBe('updated');
    await expectWhole(other);
    const short = { ...other, incarnation: 'short', history: [] };
    expect(await put(short, { onConflict: 'fail', replaces: stampOf(other) })).toBe('updated');
    await expectWhole(short);
  });

  it.each([
    ['never expires without a deadline', null],
    ['expires with its workflow, an eighth of the time to live later', HOUR],
    ['expires with a workflow that ends before the staged list would', 60_000],
  ])('%s', async (_, ttlMs) => {
    await put(recordOf(MANY, { ttlMs }));
    const ends = ttlMs === null ? -1 : clock.ms + ttlMs + Math.floor(ttlMs / 8);
    expect(await direct.pexpiretime(keyOfHistory())).toBe(ends);
  });

  it('that fails between its pieces is not there at all, and arrives when it is sent again', async () => {
    const record = recordOf(MANY);
    scripts.before = (script, nth) => {
      if (script === 'stage-history' && nth === 2) throw new StoreAwayError();
    };
    expect(await refusalOf(put(record))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expectNothing();
    await expectStagedToExpire();
    for (const key of await staged()) await direct.del(key);

    scripts.reset();
    scripts.before = (script) => {
      if (isFinalMove(script)) throw new StoreAwayError();
    };
    expect(await refusalOf(put(record))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expectNothing();
    await expectStagedToExpire();
    for (const key of await staged()) await direct.del(key);

    scripts.reset();
    expect(await put(record)).toBe('created');
    await expectWhole(record);
  });

  it('has each version once, when answers are lost and pieces are sent again', async () => {
    const record = recordOf(MANY);
    scripts.after = (script, nth) => {
      if (script === 'stage-history' && (nth === 1 || nth === 3)) throw new Error('connection lost');
    };
    expect(await put(record)).toBe('created');
    // Each of the two pieces was sent twice.
    expect(scripts.count('stage-history')).toBe(4);
    await expectWhole(record);
  });

  it('arrives whole if the staged list is lost or changed on the way', async () => {
    for (const lose of [
      (key: string) => direct.del(key),
      (key: string) => direct.rpop(key),
      (key: string) => direct.rpush(key, 'one too many'),
    ]) {
      for (const script of ['stage-history', 'move-workflow']) {
        tenant = new TestTenant(engine, `t-${randomUUID()}`);
        scripts.reset();
        let lost = 0;
        scripts.before = async (name, nth) => {
          const isNext = name === script && (script === 'move-workflow' ? isFinalMove(name) : nth === 2);
          if (!isNext || lost > 0) return;
          lost++;
          for (const key of await staged()) await lose(key);
        };
        const record = recordOf(MANY);
        expect(await put(record)).toBe('created');
        expect(lost).toBe(1);
        for (const key of await staged()) await direct.del(key);
        await expectWhole(record);
      }
    }
  });

  it('that is lost again and again is refused, and nothing has changed', async () => {
    scripts.before = async (script) => {
      if (isFinalMove(script)) for (const key of await staged()) await direct.del(key);
    };
    const refusal = await refusalOf(put(recordOf(MANY)));
    expect(refusal).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('nothing was changed'),
    });
    await expectNothing();
  });

  it('does not come back into a tenant that was erased meanwhile', async () => {
    const record = recordOf(MANY);
    scripts.before = async (script) => {
      if (!isFinalMove(script)) return;
      scripts.reset();
      while (!(await engine.erase(tenant.name, 1000)).isDone);
      expect(await staged()).toEqual([]);
    };
    // The move begins again in the tenant, which is a new one.
    expect(await put(record)).toBe('created');
    await expectWhole(record);
  });

  it('is refused by a full Redis, which has changed nothing', async () => {
    const record = recordOf(MANY);
    await tenant.put('other', {});
    await direct.config('SET', 'maxmemory', '1');
    try {
      expect(await refusalOf(put(record))).toMatchObject({ code: 'STORE_FULL' });
      expect(await staged()).toEqual([]);
    } finally {
      await direct.config('SET', 'maxmemory', '0');
    }
    expect(await tenant.ids()).toEqual(['other']);
  });

  it('that changes while it is read is read as one of its versions', async () => {
    const record = recordOf(MANY, { ttlMs: HOUR });
    await put(record);
    const next = recordOf(MANY, { ttlMs: HOUR, version: record.version + 1 });
    scripts.reset();
    scripts.before = async (script, nth) => {
      if (script === 'move-history' && nth === 2) expect(await put(next)).toBe('updated');
    };
    expect(await digestOf(await readWorkflow(engine, tenant.name, 'w'))).toBe(await digestOf(next));
    scripts.before = async (script, nth) => {
      if (script === 'move-history' && nth > 4) await tenant.delete('w').catch(() => undefined);
    };
    expect(await engine.moving.read(tenant.name, 'workflow', ['w'])).toEqual([undefined]);
  });

  it('is cut by the next write, which reads what stays and not what goes', async () => {
    await put(recordOf(LARGE));
    await direct.config('RESETSTAT');
    await tenant.put('w', { status: 'open' });
    const stats = await direct.info('commandstats');
    expect(stats).not.toContain('cmdstat_rpop:');
    // The version before, a large one beside it, and the first that does not fit.
    expect(/cmdstat_lindex:calls=(\d+)/.exec(stats)?.[1]).toBe('3');
    expect((await tenant.versions('w')).map(({ version }) => version)).toEqual([33, 32, 31]);
    const [listed] = await workflowStamps(engine.moving, tenant.name);
    expect(listed?.bytes).toBe(sizeOf(await readWorkflow(engine, tenant.name, 'w')));
  });

  it('waits under a key that doctor knows', async () => {
    await tenant.put('w', {});
    await direct.rpush(`${prefixOf(namespace, tenant.name)}${KEY_NAMES.moved}${randomUUID()}`, 'x');
    const { checks } = await examine(configFor(redis.port, namespace));
    expect(checks.find(({ name }) => name === 'keys')).toMatchObject({ status: 'ok' });
    expect(checks.find(({ name }) => name === 'commands')).toMatchObject({ status: 'ok' });
  });
});
