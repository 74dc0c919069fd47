import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { appendLogEdit } from '../../src/workflows/edits/append-edit.js';
import { DetachedReplica, type ReplicaOptions } from '../support/detached-replica.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const TENANT = 'default';
const SECOND_FILE = 'waymark-detached-2.mdb';

describe('The journal of a replica that has ended', () => {
  let redis: RedisProcess;
  let namespace: string;
  let dataDir: string;
  let open: DetachedReplica[];
  let witness: TestTenant;

  const replica = async (given: Partial<ReplicaOptions> = {}) => {
    const opened = await DetachedReplica.open({ redisPort: redis.port, namespace, ...given });
    open.push(opened);
    return opened;
  };
  const leftIn = async ({ engine }: DetachedReplica) => (await engine.inspect()).details['leftJournals'];

  /** Replicas that share the directory; each has a held copy of the workflow. */
  const seen = async (count: number) => {
    const ended: DetachedReplica[] = [];
    for (let i = 0; i < count; i++) {
      const each = await replica({ dataDir });
      await each.engine.find(TENANT, 'w');
      ended.push(each);
    }
    return ended;
  };
  /** Replicas that share the directory accept two writes each, and end. */
  const endDetached = async (count: number) => {
    const ended = await seen(count);
    for (const [i, each] of ended.entries()) {
      await each.leave();
      const tenant = new TestTenant(each.engine, TENANT);
      await tenant.patch('w', appendLogEdit(`{"m":${i},"timestamp":"t"}`));
      await tenant.put(`of-${i}`, { i });
    }
    await Promise.all(ended.map((each) => each.close()));
  };
  const idsOf = (count: number) => Array.from({ length: count }, (_, i) => `of-${i}`);
  const logs = async () => ((await witness.state('w')) as { logs: { m: number }[] }).logs.map(({ m }) => m);

  beforeAll(async () => {
    redis = await startRedisProcess();
  });
  beforeEach(async () => {
    namespace = `ns-${randomUUID()}`;
    dataDir = await mkdtemp(join(tmpdir(), 'waymark-left-'));
    open = [];
    witness = new TestTenant((await replica()).engine, TENANT);
    const writer = await replica({ dataDir });
    await new TestTenant(writer.engine, TENANT).put('w', { logs: [] });
    await writer.close();
  });
  afterEach(async () => {
    await Promise.all(open.map((opened) => opened.close()));
    await rm(dataDir, { recursive: true, force: true });
  });
  afterAll(async () => {
    await redis.stop();
  });

  it('is drained by a replica that starts, when fewer start than had ended', async () => {
    await endDetached(3);
    expect(await witness.count()).toBe(1);
    const only = await replica({ dataDir });
    await until(async () => (await witness.count()) === 4 && (await logs()).length === 3, 'all writes are in Redis');
    expect(await witness.ids()).toEqual(['w', ...idsOf(3)]);
    expect((await logs()).toSorted()).toEqual([0, 1, 2]);
    await until(async () => (await leftIn(only)) === 0, 'nothing is left');
    expect([...only.drained].toSorted()).toEqual(['exact', 'exact', 'exact', 'exact', 'merged', 'merged']);
  });

  it('is drained by a replica that serves already, when its owner ends later', async () => {
    const lasting = await replica({ dataDir, leftIntervalMs: 50 });
    await endDetached(1);
    // A write is in Redis before its journal is told, and only then counts as drained.
    await until(() => lasting.drained.length === 2, 'both entries are drained');
    expect(await witness.count()).toBe(2);
    expect(await logs()).toEqual([0]);
    expect([...lasting.drained].toSorted()).toEqual(['exact', 'exact']);
  });

  it('is named while it cannot be drained, and drained afterwards', async () => {
    await endDetached(2);
    const away = await replica({ dataDir, isAway: true, leftIntervalMs: 50 });
    await until(async () => (await leftIn(away)) === 1, 'the journal is named');
    const { warnings } = await away.engine.inspect();
    expect(warnings).toContainEqual(
      expect.stringContaining(`${SECOND_FILE} has 2 writes of a replica that has ended: Redis is unreachable`),
    );
    expect(away.left).toEqual({ journals: 1, entries: 2 });
    await away.comeBack();
    await until(async () => (await leftIn(away)) === 0, 'nothing is left');
    expect(away.left).toEqual({ journals: 0, entries: 0 });
    expect((await logs()).toSorted()).toEqual([0, 1]);
  });

  it('is drained once, whoever starts at the same time', async () => {
    await endDetached(6);
    const started = await Promise.all([1, 2, 3].map(() => replica({ dataDir, leftIntervalMs: 50 })));
    const drained = () => started.flatMap((each) => each.drained);
    await until(() => drained().length === 12, 'all writes are in Redis');
    expect([await witness.count(), (await logs()).toSorted()]).toEqual([7, [0, 1, 2, 3, 4, 5]]);
    // All look once more.
    const looks = started.map((each) => each.looks);
    await until(() => started.every((each, i) => each.looks > (looks[i] ?? 0) + 1), 'all have looked');
    expect(drained()).toHaveLength(12);
    expect(drained()).not.toContain('replayed');
  });

  it('has no second effect when its drain ended before the journal was told', async () => {
    await endDetached(2);
    await cp(dataDir, `${dataDir}-copy`, { recursive: true });
    await replica({ dataDir });
    await until(async () => (await witness.count()) === 3, 'all writes are in Redis');
    const again = await replica({ dataDir: `${dataDir}-copy` });
    await until(() => again.drained.length === 4, 'all are drained again');
    expect(again.drained).toEqual(Array.from({ length: 4 }, () => 'replayed'));
    expect((await logs()).toSorted()).toEqual([0, 1]);
    await again.close();
    await rm(`${dataDir}-copy`, { recursive: true, force: true });
  });

  it('is left alone while its replica lives', async () => {
    const first = await replica({ dataDir, leftIntervalMs: 50 });
    const second = await replica({ dataDir });
    await second.leave();
    await new TestTenant(second.engine, TENANT).put('of-second', {});
    const looked = first.looks;
    await until(() => first.looks > looked + 2, 'the first has looked');
    expect([await witness.ids(), await leftIn(first)]).toEqual([['w'], 0]);
    await second.comeBack();
    expect(await witness.ids()).toEqual(['w', 'of-second']);
  });

  it('is named when it cannot be read, and does not keep the others from being drained', async () => {
    await endDetached(3);
    await writeFile(join(dataDir, SECOND_FILE), 'not a journal');
    const only = await replica({ dataDir, leftIntervalMs: 50 });
    await until(async () => (await witness.count()) === 3, 'the readable ones are in Redis');
    await until(async () => (await leftIn(only)) === 1, 'the other is named');
    const { warnings } = await only.engine.inspect();
    expect(warnings).toContainEqual(expect.stringMatching(new RegExp(`${SECOND_FILE}.*damaged`)));
  });
});
