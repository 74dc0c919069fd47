import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { checkServer } from '../../src/engine/redis/connection/server-check.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { FORMER, formerTypeOf } from '../../src/engine/redis/upgrade/former-keys.js';
import { upgrade } from '../../src/engine/redis/upgrade/upgrade.js';
import { TestClock } from '../support/clock.js';
import { dumpMovable } from '../support/moving.js';
import { contentsOf, plant } from '../support/neighbours.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { restoreSchema3, schema3Data } from '../support/schema-3/data.js';
import { TestTenant } from '../support/tenant.js';
import { eventsOf } from './cases/feed.js';
import { testOptions } from './engine-under-test.js';
import { configFor, openReplica } from './redis-under-test.js';

const data = schema3Data();

describe('the upgrade of schema 3', () => {
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
    await restoreSchema3(direct, data);
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
  const formerNames = async () =>
    (await direct.keys('*')).filter((key) => formerTypeOf(key.replace(/^\{.*?\}:/, '')) !== undefined);

  it('keeps everything that a service of schema 3 read, and the states under their names (invariant 35)', async () => {
    const states = await contentsOf(direct, await direct.keys('*document_workflow*'));
    expect(await connected(upgrade)).toMatchObject({ is: 'upgraded', left: [] });
    expect(await formerNames()).toEqual([]);
    expect(await contentsOf(direct, Object.keys(states))).toEqual(states);
    await connected((connections) => checkServer(connections));
    expect(await connected(upgrade)).toEqual({ is: 'not-needed' });

    const clock = new TestClock();
    clock.advance(data.clockMs - clock.ms);
    const parts = { options: testOptions, index: testIndex, namespace: '', clock: clock.read };
    const { engine, close } = await openReplica(redis.port, parts);
    for (const [name, { tasks, ...before }] of Object.entries(data.expected)) {
      const after = {
        movable: await dumpMovable(engine, name, tasks),
        events: await eventsOf(engine, name),
        last: await engine.lastEventId(name),
        outcome: (await engine.findOutcome(name, `a client key of ${name}`, 'print')) ?? null,
        conflicts: await engine.listConflicts(name, 'many', { limit: 10 } as never),
        board: await engine.readBoard(name, 'b'),
      };
      expect([name, JSON.parse(JSON.stringify(after))]).toMatchObject([name, before]);
      await new TestTenant(engine, name).put('afterwards', { status: 'open' });
    }
    await close();
  });

  it('ends alike when it is stopped at any of its calls and begun again, or runs twice at once (invariant 35)', async () => {
    await connected(upgrade);
    const wanted = await everything();
    for (let calls = 0; ; calls++) {
      await direct.flushall();
      await restoreSchema3(direct, data);
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
      if (!hasEnded) await Promise.all([connected(upgrade), connected(upgrade)]);
      expect(await everything()).toEqual(wanted);
      if (hasEnded) break;
    }
  });

  it('changes nothing while a service of schema 3 may still write, and shuts it out afterwards', async () => {
    await direct.flushall();
    await restoreSchema3(direct, data, false);
    const before = await everything();
    expect(await connected(upgrade)).toMatchObject({ is: 'alive' });
    expect(await everything()).toEqual(before);
    expect(await connected((one) => upgrade(one, { isForced: true }))).toMatchObject({ is: 'upgraded' });
    // A service of schema 3 reads the first key at its start, and writes the second one before anything else.
    expect(await direct.get(FORMER.SCHEMA_KEY)).toBe('4');
    await expect(direct.zadd(FORMER.ACTIVE_KEY, 'GT', 1, 'default')).rejects.toThrow('WRONGTYPE');
  });

  it('only reports on a dry run, and at the start of a service that may not upgrade', async () => {
    const before = await everything();
    const dry = await connected((one) => upgrade(one, { isDryRun: true }));
    await expect(connected((one) => checkServer(one))).rejects.toThrow(
      /schema 3; this version reads schema 4.*waymark upgrade/,
    );
    expect(await everything()).toEqual(before);
    expect(dry).toEqual(await connected(upgrade));
    await direct.set('waymark:schema', '3 waymark upgrading');
    await expect(connected((one) => checkServer(one))).rejects.toThrow('waymark upgrade');
    await connected((one) => checkServer(one, undefined, true));
    expect(await direct.get('waymark:schema')).toMatch(/^4 waymark /);
  });

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
