import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { checkServer } from '../../src/engine/redis/connection/server-check.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { FORMER, formerTypeOf, isFormerIndex } from '../../src/engine/redis/upgrade/former-keys.js';
import { PACKING, RENAMING } from '../../src/engine/redis/schema.js';
import { upgrade } from '../../src/engine/redis/upgrade/upgrade.js';
import { TestClock } from '../support/clock.js';
import { dumpMovable } from '../support/moving.js';
import { contentsOf, plant } from '../support/neighbours.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { formerData, restoreFormer } from '../support/former-schemas/data.js';
import { TestTenant } from '../support/tenant.js';
import { eventsOf } from './cases/feed.js';
import { testOptions } from './engine-under-test.js';
import { configFor, openReplica } from './redis-under-test.js';

describe.each([3, 4] as const)('the upgrade of schema %d', (schema) => {
  const data = formerData(schema);

  let redis: RedisProcess;
  let direct: Redis;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
  });
  afterAll(async () => {
    direct.disconnect();
    await redis.stop();
  });
  beforeEach(async () => {
    await direct.flushall();
    await restoreFormer(direct, data);
  });

  async function connected<T>(run: (connections: RedisConnections) => Promise<T>): Promise<T> {
    const connections = new RedisConnections(configFor(redis.port, ''), false);
    await connections.open();
    try {
      return await run(connections);
    } finally {
      await connections.close();
    }
  }
  const everything = async () => contentsOf(direct, (await direct.keys('*')).toSorted());
  const isFormer = (rest: string) => formerTypeOf(rest) !== undefined || isFormerIndex(rest) || rest === FORMER.ENTRIES;
  const formerNames = async () => (await direct.keys('*')).filter((key) => isFormer(key.replace(/^\{.*?\}:/, '')));

  it('keeps everything that a service of that schema read, and the states under their names (invariant 35)', async () => {
    const kept = (await direct.keys('*document_workflow*')).filter(
      (key) => !/_meta:|_index:(values|created-by:|deadline)/.test(key),
    );
    const states = await contentsOf(direct, kept);
    expect(await connected(upgrade)).toMatchObject({ is: 'upgraded', left: [] });
    expect(await formerNames()).toEqual([]);
    expect(await contentsOf(direct, Object.keys(states))).toEqual(states);
    await connected((connections) => checkServer(connections));
    expect(await connected(upgrade)).toEqual({ is: 'not-needed' });

    const clock = new TestClock();
    clock.advance(data.clockMs - clock.ms);
    const parts = { options: testOptions, index: testIndex, namespace: '', clock: clock.read };
    const { engine, close } = await openReplica(redis.port, parts);
    for (const [name, { tasks, ids, ...before }] of Object.entries(data.expected)) {
      const after = {
        events: await eventsOf(engine, name),
        last: await engine.lastEventId(name),
        movable: await dumpMovable(engine, name, tasks),
        outcome: (await engine.findOutcome(name, `a client key of ${name}`, 'print')) ?? null,
        conflicts: await engine.listConflicts(name, 'many', { limit: 10 } as never),
        board: await engine.readBoard(name, 'b'),
      };
      expect([name, JSON.parse(JSON.stringify(after))]).toMatchObject([name, before]);
      const tenant = new TestTenant(engine, name);
      await tenant.put('afterwards', { status: 'open' });
      if (schema === 4) {
        expect(await tenant.ids({ filter: { fields: { case_id: name } } })).toEqual(ids);
        expect(await tenant.ids({ filter: { fields: { case_id: 'gone' } } })).toEqual([]);
      }
    }
    // A workflow that expired before the upgrade is gone from every index.
    clock.advance(6 * 3_600_000);
    await engine.sweep();
    expect(await direct.keys('*case_id=gone')).toEqual([]);
    expect((await direct.keys('*')).filter((key) => key.endsWith(':over'))).toEqual([]);
    await close();
  });

  it('ends alike when it is stopped at any of its calls and begun again, or runs twice at once (invariant 35)', async () => {
    await connected(upgrade);
    const wanted = await everything();
    // A script of schema 4 writes only where it finds its mark.
    const isShutOut = async () => {
      for (const key of await direct.keys('*_meta:*')) {
        if ((await direct.type(key)) === 'hash') continue;
        const prefix = key.slice(0, key.indexOf('document_workflow'));
        expect(await direct.get(`${prefix}waymark:schema`)).toMatch(/^0?5 waymark /);
      }
    };
    for (let calls = 0; ; calls++) {
      await direct.flushall();
      await restoreFormer(direct, data);
      const hasEnded = await connected((connections) => {
        let left = calls;
        const stopping = new Proxy(connections, {
          get(target, name) {
            const value = Reflect.get(target, name, target) as unknown;
            if (typeof value !== 'function') return value;
            return (...args: unknown[]) => {
              if (name === 'command' && left-- === 0) throw new Error('stopped');
              return Reflect.apply(value, target, args) as unknown;
            };
          },
        });
        return upgrade(stopping).then(
          () => true,
          () => false,
        );
      });
      await isShutOut();
      if (!hasEnded) await Promise.all([connected(upgrade), connected(upgrade)]);
      expect(await everything()).toEqual(wanted);
      if (hasEnded) break;
    }
  });

  it('changes nothing while a service of that schema may still write, and shuts it out afterwards', async () => {
    await direct.flushall();
    await restoreFormer(direct, data, false);
    const before = await everything();
    expect(await connected(upgrade)).toMatchObject({ is: 'alive' });
    expect(await everything()).toEqual(before);
    expect(await connected((one) => upgrade(one, { isForced: true }))).toMatchObject({ is: 'upgraded' });
    if (schema === 4) return;
    // A service of schema 3 reads the first key at its start, and writes the second one before anything else.
    expect(await direct.get(FORMER.SCHEMA_KEY)).toBe('4');
    await expect(direct.zadd(FORMER.ACTIVE_KEY, 'GT', 1, 'default')).rejects.toThrow('WRONGTYPE');
  });

  it('only reports on a dry run, and at the start of a service that may not upgrade', async () => {
    const before = await everything();
    const dry = await connected((one) => upgrade(one, { isDryRun: true }));
    await expect(connected((one) => checkServer(one))).rejects.toThrow(
      new RegExp(`schema ${schema}; this version reads schema 5.*waymark upgrade`),
    );
    expect(await everything()).toEqual(before);
    expect(dry).toEqual(await connected(upgrade));
    for (const mark of [RENAMING, PACKING]) {
      await direct.set('waymark:schema', mark);
      await expect(connected((one) => checkServer(one))).rejects.toThrow('waymark upgrade');
      await connected((one) => checkServer(one, undefined, true));
      expect(await direct.get('waymark:schema')).toMatch(/^5 waymark /);
    }
  });

  if (schema === 4) return;

  it('leaves keys of other programs under the former names alone (invariant 35)', async () => {
    const theirs: readonly (readonly [string, string])[] = [
      ['once:theirs', 'string'],
      ['task:theirs', 'string'],
      ['task:1', 'hash'],
      ['payload:1', 'string'],
      ['result:1', 'string'],
      ['failures:1', 'list'],
      ['progress:1', 'stream'],
      ['dedupe:x', 'string'],
      ['queue:ready:theirs', 'zset'],
      ['queue:settings:theirs', 'hash'],
      ['queue:theirs', 'zset'],
      ['board:counts:theirs', 'hash'],
      ['limit:theirs', 'string'],
      ['fence:theirs', 'string'],
      ['{acme}:task:1', 'set'],
    ];
    for (const [name, type] of theirs) await plant(direct, name, type);
    const names = theirs.map(([name]) => name).toSorted();
    const before = await contentsOf(direct, names);
    expect(await connected(upgrade)).toMatchObject({ is: 'upgraded', left: names });
    expect(await contentsOf(direct, names)).toEqual(before);
  });

  it('is not tried on a number of another program', async () => {
    await direct.flushall();
    await direct.set('schema', '3');
    expect(await connected(upgrade)).toEqual({ is: 'not-needed' });
    await connected((one) => checkServer(one));
    expect(await direct.get('schema')).toBe('3');
  });
});
