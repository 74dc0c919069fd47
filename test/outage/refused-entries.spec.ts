import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { historyKey, prefixOf } from '../../src/engine/redis/keys.js';
import { appendLogEdit } from '../../src/workflows/edits/append-edit.js';
import { mergePatchEdit } from '../../src/workflows/edits/merge-patch-edit.js';
import { DetachedReplica } from '../support/detached-replica.js';
import { put } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { claimOf, newTask } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const HOUR = 3_600_000;

describe('An entry that Redis refuses while it serves others', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let namespace: string;
  let dataDir: string;
  let open: DetachedReplica[];
  let one: DetachedReplica;
  let other: DetachedReplica;
  /** Tenant of the refused entries, and a tenant without any. */
  let poisoned: TestTenant;
  let fine: TestTenant;

  const replica = async (directory?: string) => {
    const given = { redisPort: redis.port, namespace, ...(directory !== undefined && { dataDir: directory }) };
    const opened = await DetachedReplica.open(given);
    open.push(opened);
    return opened;
  };
  const seenBy = ({ engine }: DetachedReplica, tenant: string) => new TestTenant(engine, tenant);
  const report = async ({ engine }: DetachedReplica) => engine.inspect();
  const drainedAll = (which: DetachedReplica) =>
    until(async () => (await report(which)).details['waitingEntries'] === 0, 'no entry waits');

  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
  });
  beforeEach(async () => {
    namespace = `ns-${randomUUID()}`;
    dataDir = await mkdtemp(join(tmpdir(), 'waymark-refused-'));
    open = [];
    [one, other] = [await replica(dataDir), await replica()];
    [poisoned, fine] = [seenBy(one, 'poisoned'), seenBy(one, 'fine')];
  });
  afterEach(async () => {
    await direct.call('ACL', 'SETUSER', 'default', 'resetkeys', '~*', '&*', '+@all');
    await direct.config('SET', 'maxmemory', '0');
    await Promise.all(open.map((opened) => opened.close()));
    await rm(dataDir, { recursive: true, force: true });
  });
  afterAll(async () => {
    direct.disconnect();
    await redis.stop();
  });

  /** Redis answers NOPERM for the keys of one tenant. */
  const forbid = () =>
    direct.call('ACL', 'SETUSER', 'default', 'resetkeys', `~*{fine}*`, `~${namespace}:waymark*`, `~*{.access}*`);
  const permit = () => direct.call('ACL', 'SETUSER', 'default', 'resetkeys', '~*');

  /** Another program has the key of the history of a workflow. */
  const keyOf = (id: string) => historyKey(prefixOf(namespace, 'poisoned'), id);
  const take = (id: string) => direct.set(keyOf(id), 'of another program');
  const give = (id: string) => direct.del(keyOf(id));

  it('never blocks the others: they are drained, and the replica attaches (NOPERM for one tenant)', async () => {
    await poisoned.put('w', { n: 1 }, { ttl: HOUR });
    await one.leave();
    await poisoned.put('w', { n: 2 }, { ttl: HOUR });
    for (let n = 0; n < 5; n++) await fine.put(`f-${n}`, { n });
    await forbid();
    await one.comeBack();
    expect(one.drained).toEqual(Array.from({ length: 5 }, () => 'exact'));
    const { warnings, details } = await report(one);
    expect(details).toMatchObject({ mode: 'attached', waitingEntries: 1, heldBackEntries: 1 });
    expect(warnings).toContainEqual(
      expect.stringMatching(/^Redis refuses write \d+ of tenant poisoned since .*NOPERM/),
    );
    await permit();
    await drainedAll(one);
    expect(await seenBy(other, 'poisoned').get('w')).toMatchObject({ version: 2, state: '{"n":2}' });
    expect((await report(one)).warnings.join()).not.toContain('refuses');
  });

  it('keeps the order within its workflow, and keeps nothing else waiting (a key of another program)', async () => {
    await poisoned.put('w', { logs: [] }, { ttl: HOUR });
    await poisoned.put('free', { logs: [] }, { ttl: HOUR });
    await one.leave();
    await poisoned.patch('w', appendLogEdit('{"m":1,"timestamp":"t"}'));
    await poisoned.commit({ enqueue: [newTask('of-w', { id: 'of-w', workflowId: 'w' })] });
    await poisoned.patch('w', appendLogEdit('{"m":2,"timestamp":"t"}'));
    await poisoned.patch('free', appendLogEdit('{"m":1,"timestamp":"t"}'));
    await poisoned.commit({ enqueue: [newTask('of-nothing', { id: 'of-nothing' })] });
    await take('w');
    await one.comeBack();
    expect(await seenBy(other, 'poisoned').state('free')).toMatchObject({ logs: [{ m: 1 }] });
    expect(await other.engine.tasks.find('poisoned', 'of-nothing')).toBeDefined();
    expect(await other.engine.tasks.find('poisoned', 'of-w')).toBeUndefined();
    expect((await report(one)).details).toMatchObject({ waitingEntries: 3, heldBackEntries: 3 });
    await give('w');
    await drainedAll(one);
    expect(await seenBy(other, 'poisoned').state('w')).toMatchObject({ logs: [{ m: 1 }, { m: 2 }] });
    expect(await other.engine.tasks.find('poisoned', 'of-w')).toMatchObject({ status: 'ready' });
    expect(one.drained).toEqual(Array.from({ length: 5 }, () => 'exact'));
  });

  it('is read as it was acknowledged, and writes to its workflow wait behind it', async () => {
    const once = { key: randomUUID(), keepMs: 24 * HOUR };
    await poisoned.put('w', { n: 1 }, { ttl: HOUR });
    await poisoned.put('free', { n: 1 }, { ttl: HOUR });
    await one.leave();
    const parts = { puts: [put('w', { n: 2 }, { ttl: HOUR })] };
    await poisoned.commit(parts, once);
    await take('w');
    await one.comeBack();

    const startedAt = performance.now();
    expect(await poisoned.get('w')).toMatchObject({ version: 2, state: '{"n":2}' });
    expect(one.engine.storageSince(startedAt)).toBe('detached');
    const many = await one.engine.findMany('poisoned', ['free', 'w', 'nowhere']);
    expect(many.map((found) => found?.state)).toEqual(['{"n":1}', '{"n":2}', undefined]);
    // A repeat has the first answer, and no second effect.
    expect(await poisoned.commit(parts, once)).toMatchObject({ replayed: true });
    expect(await one.engine.findOutcome('poisoned', once.key, 'fingerprint')).toMatchObject({ replayed: true });
    const seen = await poisoned.get('w');
    await expect(poisoned.put('w', {}, { expect: { exists: false } })).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
    });
    await poisoned.patch('w', mergePatchEdit('{"m":3}'), { expect: { version: seen.version } });
    expect(await poisoned.get('w')).toMatchObject({ version: 3, state: '{"n":2,"m":3}' });
    // A commit with another workflow would make that one wait too.
    const both = { puts: [put('w', { n: 4 }, { ttl: HOUR }), put('free', { n: 4 }, { ttl: HOUR })] };
    await expect(poisoned.commit(both)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryAfterSeconds: 30 });
    const after = performance.now();
    expect(await poisoned.state('free')).toEqual({ n: 1 });
    expect(one.engine.storageSince(after)).toBe('redis');
    await poisoned.put('free', { n: 5 }, { ttl: HOUR });
    expect(await seenBy(other, 'poisoned').state('free')).toEqual({ n: 5 });

    await give('w');
    await drainedAll(one);
    expect(await poisoned.get('w')).toMatchObject({ version: 3, state: '{"n":2,"m":3}' });
    expect(await seenBy(other, 'poisoned').get('w')).toMatchObject({ version: 3, state: '{"n":2,"m":3}' });
    expect(await seenBy(other, 'poisoned').commit(parts, once)).toMatchObject({ replayed: true });
  });

  it('is kept on the disk, over a restart and another outage', async () => {
    await poisoned.put('w', { n: 1 }, { ttl: HOUR });
    await one.leave();
    await poisoned.put('w', { n: 2 }, { ttl: HOUR });
    await take('w');
    await one.comeBack();
    await one.close();
    const again = await replica(dataDir);
    expect([again.engine.mode, (await report(again)).details['heldBackEntries']]).toEqual(['attached', 1]);
    expect(await seenBy(again, 'poisoned').state('w')).toEqual({ n: 2 });
    await again.leave();
    await seenBy(again, 'poisoned').put('w', { n: 3 }, { ttl: HOUR });
    await again.comeBack();
    await give('w');
    await drainedAll(again);
    expect(await seenBy(other, 'poisoned').get('w')).toMatchObject({ version: 3, state: '{"n":3}' });
    expect(again.drained).toEqual(['exact', 'exact']);
  });

  it('waits for a Redis that is full, and does not keep the replica from what a full Redis can do', async () => {
    await poisoned.put('w', { n: 1 }, { ttl: HOUR });
    await poisoned.put('gone', { n: 1 }, { ttl: HOUR });
    await poisoned.commit({ enqueue: [newTask('q')] });
    await one.leave();
    await poisoned.put('w', { n: 2 }, { ttl: HOUR });
    await poisoned.delete('gone');
    await direct.config('SET', 'maxmemory', '1mb');
    await one.comeBack();
    expect(one.drained).toEqual(['exact']);
    expect((await report(one)).details).toMatchObject({ mode: 'attached', heldBackEntries: 1 });
    const { tasks } = await one.engine.tasks.claim('poisoned', claimOf('q'), randomUUID());
    expect(tasks).toHaveLength(1);
    await expect(poisoned.put('new', {})).rejects.toMatchObject({ code: 'STORE_FULL' });
    await direct.config('SET', 'maxmemory', '0');
    await drainedAll(one);
    expect(await seenBy(other, 'poisoned').state('w')).toEqual({ n: 2 });
  });

  it('is tried again with growing pauses', async () => {
    await poisoned.put('w', { n: 1 }, { ttl: HOUR });
    await one.leave();
    await poisoned.put('w', { n: 2 }, { ttl: HOUR });
    await take('w');
    const startedAt = performance.now();
    await one.comeBack();
    const times = async () => Number(/\((\d+) times\)/.exec((await report(one)).warnings.join())?.[1] ?? 0);
    await until(async () => (await times()) === 3, 'it was refused three times');
    // After one second and after two more.
    expect(performance.now() - startedAt).toBeGreaterThan(3000);
  });

  it('is a conflict if others have written meanwhile', async () => {
    await poisoned.put('w', { n: 1 }, { ttl: HOUR });
    await one.leave();
    await poisoned.put('w', { n: 'detached' }, { ttl: HOUR });
    await take('w');
    await one.comeBack();
    await give('w');
    await seenBy(other, 'poisoned').put('w', { n: 'newer' }, { ttl: HOUR });
    await drainedAll(one);
    expect(one.drained).toEqual(['conflict']);
    expect(await poisoned.state('w')).toEqual({ n: 'newer' });
    const { conflicts } = await other.engine.listConflicts('poisoned', 'w', { limit: 10 });
    expect(conflicts).toHaveLength(1);
  });

  it('does not hide entries behind it, however many wait', async () => {
    await poisoned.put('w', { n: 0 }, { ttl: HOUR });
    await one.leave();
    await Promise.all(Array.from({ length: 1100 }, (_, n) => poisoned.put('w', { n: n + 1 }, { ttl: HOUR })));
    await fine.put('f', { n: 1 });
    await take('w');
    await one.comeBack();
    expect(await seenBy(other, 'fine').state('f')).toEqual({ n: 1 });
    expect((await report(one)).details).toMatchObject({ heldBackEntries: 1100 });
  });
});
