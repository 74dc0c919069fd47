import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { ConflictDetail, ConflictQuery } from '../../src/engine/conflicts.js';
import { KEY_NAMES, prefixOf } from '../../src/engine/redis/keys.js';
import { PAGE_BYTES } from '../../src/engine/limits.js';
import { once, testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { testOptions } from './engine-under-test.js';
import { newNamespace, openReplica, type Replica } from './redis-under-test.js';

const HOUR = 3_600_000;
const TENANT = 'default';

describe('Conflict records', () => {
  let server: RedisProcess;
  let direct: Redis;
  let namespace: string;
  let replica: Replica;

  beforeAll(async () => {
    server = await startRedisProcess();
    direct = new Redis(server.port, '127.0.0.1');
  });
  beforeEach(async () => {
    namespace = newNamespace(server.port);
    replica = await openReplica(server.port, { options: testOptions, index: testIndex, namespace });
  });
  afterEach(() => replica.close());
  afterAll(async () => {
    direct.disconnect();
    await server.stop();
  });

  const keep = async (id: string, states: readonly (string | undefined)[]) => {
    for (const state of states) {
      const record = {
        id,
        is: state === undefined ? 'delete' : 'state',
        etag: state === undefined ? null : '"detached-x-1"',
        base: { kind: 'unknown' },
        about: { by: 'x', cause: 'put', changed: null },
        writtenAtMs: 1,
        deadlineMs: null,
        reason: 'VERSION_CONFLICT',
        enqueue: [],
        publish: [],
      } as const;
      await replica.engine.keepConflicts(TENANT, once(), [{ record, keepMs: HOUR, state }]);
    }
  };
  const pages = async (id: string, query: ConflictQuery) => {
    const all: ConflictDetail[][] = [];
    for (let next: { before?: number } | undefined = {}; next !== undefined;) {
      const { conflicts, nextBefore } = await replica.engine.listConflicts(TENANT, id, { ...query, ...next });
      all.push(conflicts as ConflictDetail[]);
      next = nextBefore === null ? undefined : { before: nextBefore };
    }
    return all;
  };

  it('have their states in a list that asks for them, each as it is shown by itself', async () => {
    await keep('w', ['{"n":1}', undefined, '{"n":3}']);
    const [page = []] = await pages('w', { limit: 10, includeState: true });
    expect(page.map(({ n, is, state }) => [n, is, state])).toEqual([
      [3, 'state', '{"n":3}'],
      [2, 'delete', undefined],
      [1, 'state', '{"n":1}'],
    ]);
    for (const one of page) expect(await replica.engine.findConflict(TENANT, 'w', one.n)).toEqual(one);
    for (const one of (await pages('w', { limit: 10 })).flat()) expect(one).not.toHaveProperty('state');
    expect((await pages('w', { limit: 2, includeState: true })).map((some) => some.map(({ n }) => n))).toEqual([
      [3, 2],
      [1],
    ]);
  });

  it('are cut into pages by the bytes of their states, and none is lost', async () => {
    // Three bytes of UTF-8 are one character.
    const large = JSON.stringify('完'.repeat(PAGE_BYTES / 3 / 3));
    await keep(
      'w',
      Array.from({ length: 7 }, () => large),
    );
    const found = await pages('w', { limit: 100, includeState: true });
    expect(found.map((some) => some.map(({ n }) => n))).toEqual([[7, 6], [5, 4], [3, 2], [1]]);
    expect(found.flat().every(({ state }) => state === large)).toBe(true);
    expect((await pages('w', { limit: 100 })).map(({ length }) => length)).toEqual([7]);
  });

  it('are shown one by one if each is larger than a page', async () => {
    await keep(
      'w',
      Array.from({ length: 2 }, () => JSON.stringify('x'.repeat(PAGE_BYTES))),
    );
    const found = await pages('w', { limit: 100, includeState: true });
    expect(found.map((some) => some.map(({ n }) => n))).toEqual([[2], [1]]);
  });

  it('without their state are left out where it belongs to them', async () => {
    await keep('w', ['1', '2']);
    await direct.del(`${prefixOf(namespace, TENANT)}${KEY_NAMES.conflictState}w:2`);
    expect((await pages('w', { limit: 10, includeState: true })).flat().map(({ n }) => n)).toEqual([1]);
    expect(await replica.engine.findConflict(TENANT, 'w', 2)).toBeUndefined();
    expect((await pages('w', { limit: 10 })).flat().map(({ n }) => n)).toEqual([2, 1]);
  });
});
