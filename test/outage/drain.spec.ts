import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { appendLogEdit } from '../../src/workflows/edits/append-edit.js';
import { jsonPatchEdit } from '../../src/workflows/edits/json-patch-edit.js';
import { mergePatchEdit } from '../../src/workflows/edits/merge-patch-edit.js';
import { setStatusEdit } from '../../src/workflows/edits/status-edit.js';
import { etagOf, type WorkflowRecord } from '../../src/engine/records/workflow-meta.js';
import { StoreFullError } from '../../src/engine/errors.js';
import type { DetachedJournal } from '../../src/engine/detached/detached-journal.js';
import type { NewTask } from '../../src/engine/task.js';
import { DetachedReplica, type ReplicaOptions } from '../support/detached-replica.js';
import { append as appendWithoutRecipe } from '../support/edits.js';
import { deadlineIn } from '../support/packed-meta.js';
import { patch, put } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const TENANT = 'default';
const putOf = (id: string, state: unknown) => put(id, state, { ttl: HOUR });
const HOUR = 3_600_000;

describe('A write while Redis is unreachable', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let namespace: string;
  let open: DetachedReplica[];
  let a: TestTenant;
  let b: TestTenant;
  let one: DetachedReplica;
  let two: DetachedReplica;
  let aheadMs: number;

  const replica = async (given: Partial<ReplicaOptions> = {}) => {
    const opened = await DetachedReplica.open({
      redisPort: redis.port,
      namespace,
      clock: () => Date.now() + aheadMs,
      ...given,
    });
    open.push(opened);
    return opened;
  };

  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
  });
  beforeEach(async () => {
    namespace = `ns-${randomUUID()}`;
    open = [];
    aheadMs = 0;
    [one, two] = [await replica(), await replica()];
    [a, b] = [new TestTenant(one.engine, TENANT), new TestTenant(two.engine, TENANT)];
  });
  afterEach(async () => {
    await Promise.all(open.map((opened) => opened.close()));
  });
  afterAll(async () => {
    direct.disconnect();
    await redis.stop();
  });

  const conflictsOf = async (id: string) => {
    const { conflicts } = await two.engine.listConflicts(TENANT, id, { limit: 100 });
    return Promise.all(conflicts.map(({ n }) => two.engine.findConflict(TENANT, id, n)));
  };
  const tag = (record: WorkflowRecord) => ({ etags: [etagOf(record)] });
  const refusal = (promise: Promise<unknown>) =>
    promise.then(
      () => 'accepted',
      ({ code }: { code: string }) => code,
    );
  const eventTypes = async () => (await two.engine.readFeed(TENANT, undefined, 1000)).map(({ type }) => type);

  it('keeps the order of what cancels tasks of a workflow and what enqueues new ones', async () => {
    await a.put('w', { status: 'running' }, { ttl: HOUR });
    await one.leave();
    await a.commit({
      patches: [{ id: 'w', edit: setStatusEdit({ status: 'cancelled' }), ttl: 'keep', by: 'x' }],
      cancelTasksOf: ['w'],
    });
    await a.commit({ enqueue: [{ ...newTask('compensate'), workflowId: 'w' }] });
    await one.comeBack();
    expect((await two.engine.tasks.find(TENANT, 'compensate'))?.status).toBe('ready');
  });

  it('becomes the next version where Redis has not moved on', async () => {
    const before = await a.put('w', { n: 1 }, { ttl: HOUR });
    await one.leave();
    const provisional = await a.put('w', { n: 2 }, { expect: { version: 1 }, ttl: HOUR });
    expect(provisional).toMatchObject({ version: 2, incarnation: expect.stringMatching(/^detached-/) });
    await a.patch('w', jsonPatchEdit('[{"op":"add","path":"/m","value":3}]'));
    expect(await a.get('w')).not.toHaveProperty('isHeldCopy');
    await one.comeBack();
    expect(await b.get('w')).toMatchObject({ incarnation: before.incarnation, version: 3, state: '{"n":2,"m":3}' });
    expect(one.drained).toEqual(['exact', 'exact']);
    expect(await conflictsOf('w')).toEqual([]);
  });

  it('is kept as a conflict where Redis has moved on, and Redis stays as it is', async () => {
    const before = await a.put('w', { n: 1 });
    await one.leave();
    await a.put('w', { n: 'detached' }, { ttl: null, about: { by: 'me', cause: 'put', changed: null, note: 'why' } });
    await b.put('w', { n: 'newer' });
    await one.comeBack();
    expect(await a.state('w')).toEqual({ n: 'newer' });
    expect((await a.get('w')).version).toBe(2);
    const [kept] = await conflictsOf('w');
    expect(kept).toMatchObject({
      n: 1,
      is: 'state',
      state: '{"n":"detached"}',
      reason: 'VERSION_CONFLICT',
      base: { kind: 'version', etag: etagOf(before) },
      about: { by: 'me', note: 'why' },
      untilMs: null,
    });
    expect(await eventTypes()).toContain('workflow.conflict');
  });

  it('is run again on the newer state where it is an operation without condition', async () => {
    await a.put('w', { logs: [], status: 'new' });
    await one.leave();
    await a.patch('w', appendLogEdit('{"m":"detached","timestamp":"t"}'));
    await a.patch('w', setStatusEdit({ status: 'going' }));
    await b.patch('w', appendLogEdit('{"m":"newer","timestamp":"t"}'));
    await one.comeBack();
    expect(await b.state('w')).toMatchObject({ status: 'going', logs: [{ m: 'newer' }, { m: 'detached' }] });
    expect(one.drained).toEqual(['merged', 'merged']);
    expect(await conflictsOf('w')).toEqual([]);
  });

  it('stamps an operation with the time at which it was accepted', async () => {
    await a.put('w', { logs: [] });
    await one.leave();
    const at = Date.now();
    await a.patch('w', appendLogEdit('{"m":1}'));
    aheadMs = HOUR;
    await one.comeBack();
    const { logs } = (await b.state('w')) as { logs: { timestamp: string }[] };
    expect(Math.abs(Date.parse(String(logs[0]?.timestamp)) - at)).toBeLessThan(HOUR / 2);
  });

  it('is a conflict where it replaces a state that was merged with another one: that would erase what the other side wrote', async () => {
    await a.put('w', { logs: [] });
    await one.leave();
    await a.patch('w', appendLogEdit('{"m":"detached","timestamp":"t"}'));
    const seen = await a.get('w');
    await a.put('w', { logs: ['whole'] }, { expect: tag(seen) });
    await b.patch('w', appendLogEdit('{"m":"newer","timestamp":"t"}'));
    await one.comeBack();
    expect(one.drained).toEqual(['merged', 'conflict']);
    expect(await b.state('w')).toMatchObject({ logs: [{ m: 'newer' }, { m: 'detached' }] });
    expect((await conflictsOf('w')).map((kept) => kept?.state)).toEqual(['{"logs":["whole"]}']);
  });

  it('deletes and creates anew: in that order, and by what became of the delete', async () => {
    await a.put('w', { n: 'old' });
    await one.leave();
    await a.delete('w');
    expect(await a.find('w')).toBeUndefined();
    await a.put('w', { n: 'new' }, { expect: { exists: false } });
    await one.comeBack();
    expect(await b.get('w')).toMatchObject({ version: 1, state: '{"n":"new"}' });
    expect(one.drained).toEqual(['exact', 'exact']);
  });

  it('keeps a delete that came too late as a conflict without a state', async () => {
    await a.put('w', { n: 1 });
    await one.leave();
    await a.delete('w');
    await b.put('w', { n: 2 });
    await one.comeBack();
    expect(await b.state('w')).toEqual({ n: 2 });
    expect(await conflictsOf('w')).toMatchObject([{ is: 'delete', state: undefined, etag: null }]);
  });

  it('conflicts with a delete by others, and with another life of the id', async () => {
    await a.put('gone', { n: 1 });
    await a.put('other', { logs: [] });
    await one.leave();
    await a.put('gone', { n: 2 });
    await a.patch('other', appendLogEdit('{"m":1}'));
    await b.delete('gone');
    await b.delete('other');
    await b.put('other', { logs: ['another life'] });
    await one.comeBack();
    expect(await b.find('gone')).toBeUndefined();
    expect(await b.state('other')).toEqual({ logs: ['another life'] });
    expect(one.drained).toEqual(['conflict', 'conflict']);
    expect(await conflictsOf('gone')).toHaveLength(1);
    expect(await conflictsOf('other')).toHaveLength(1);
  });

  it('creates an unknown workflow only if Redis has none by then', async () => {
    await b.put('theirs', { n: 'theirs' });
    await one.leave();
    await a.put('theirs', { n: 'mine' });
    await a.put('mine', { n: 'mine' });
    await one.comeBack();
    expect(await b.state('theirs')).toEqual({ n: 'theirs' });
    expect(await b.state('mine')).toEqual({ n: 'mine' });
    expect(await conflictsOf('theirs')).toMatchObject([{ base: { kind: 'unknown' }, state: '{"n":"mine"}' }]);
  });

  it('is refused where this replica cannot know, and unknown is never absent', async () => {
    await a.put('seen', { n: 1 });
    await b.put('unseen', { n: 1 });
    await one.leave();
    expect(await a.find('seen')).toMatchObject({ state: '{"n":1}', isHeldCopy: true });
    const refused = [
      a.find('unseen'),
      a.find('nobody-wrote-it'),
      a.put('unseen', {}, { expect: { exists: false } }),
      a.put('unseen', {}, { expect: { exists: true } }),
      a.put('seen', {}, { expect: { version: 7 } }),
      a.put('seen', {}, { expect: { etags: ['"another-1"'] } }),
      a.put('seen', {}, { expect: { exists: false } }),
      a.patch('unseen', mergePatchEdit('{}')),
      a.touch('unseen', HOUR),
      a.delete('unseen'),
      a.list(),
      a.count(),
      one.engine.listVersions(TENANT, 'seen', { limit: 1, includeState: false }),
      one.engine.listConflicts(TENANT, 'seen', { limit: 1 }),
      one.engine.tasks.claim(TENANT, { queue: 'q', worker: 'w', leaseMs: 1000, tokens: ['t'] }, 'key'),
      one.engine.tasks.findQueue(TENANT, 'q'),
      a.commit({ puts: [], ack: { taskId: 't', token: 't', result: 'null' } }),
      a.commit({ claim: { queue: 'q', worker: 'w', leaseMs: 1000, tokens: ['t'] } }),
    ];
    expect(await Promise.all(refused.map(refusal))).toEqual(refused.map(() => 'STORE_UNAVAILABLE'));
    await a.put('seen', { n: 2 });
    // The replica knows its own write, so the etag before it is stale for certain.
    expect(await refusal(a.put('seen', {}, { expect: { exists: false } }))).toBe('VERSION_CONFLICT');
    await one.comeBack();
    expect(await b.ids()).toEqual(['seen', 'unseen']);
  });

  it('is all or nothing: one workflow that conflicts takes the whole commit to the conflicts', async () => {
    await a.put('x', { n: 1 });
    await a.put('y', { n: 1 });
    await one.leave();
    const task: NewTask = newTask('conflicting');
    await a.commit({
      puts: [putOf('x', { n: 2 }), putOf('y', { n: 2 })],
      enqueue: [task],
    });
    await a.commit({ puts: [putOf('z', { n: 1 })], enqueue: [newTask('fine')] });
    await b.put('y', { n: 'newer' });
    await one.comeBack();
    expect(await b.state('x')).toEqual({ n: 1 });
    expect(await b.state('y')).toEqual({ n: 'newer' });
    expect(await b.state('z')).toEqual({ n: 1 });
    expect(await conflictsOf('x')).toMatchObject([{ state: '{"n":2}', enqueue: [{ id: 'conflicting' }] }]);
    expect(await conflictsOf('y')).toMatchObject([{ state: '{"n":2}', enqueue: [] }]);
    expect(await two.engine.tasks.find(TENANT, 'conflicting')).toBeUndefined();
    expect(await two.engine.tasks.find(TENANT, 'fine')).toMatchObject({ status: 'ready' });
  });

  it('leaves a conflict record also if it has no workflow: tasks and messages that are refused', async () => {
    const [first, second] = [randomUUID(), randomUUID()].map((key) => ({ key, keepMs: 24 * HOUR }));
    await b.commit({ enqueue: [newTask('theirs')] }, { ...first, fingerprint: 'of another request' });
    await b.commit({ enqueue: [newTask('theirs too')] }, { ...second, fingerprint: 'of another request' });
    await one.leave();
    await a.commit({ enqueue: [{ ...newTask('mine'), workflowId: 'w' }], cancelTasksOf: ['w'] }, first);
    const message = { channel: 'c', type: 't', payload: '{"m":1}' };
    await a.commit({ enqueue: [newTask('without-workflow')], publish: [message] }, second);
    await one.comeBack();
    expect(one.drained).toEqual(['conflict', 'conflict']);
    expect(await two.engine.tasks.find(TENANT, 'mine')).toBeUndefined();
    expect(await conflictsOf('w')).toMatchObject([
      { is: 'tasks', etag: null, reason: 'IDEMPOTENCY_MISMATCH', enqueue: [{ id: 'mine' }], cancelTasksOf: ['w'] },
    ]);
    expect(await conflictsOf('without-workflow')).toMatchObject([
      { is: 'tasks', reason: 'IDEMPOTENCY_MISMATCH', enqueue: [{ id: 'without-workflow' }], publish: [message] },
    ]);
    const events = await two.engine.readFeed(TENANT, undefined, 1000);
    const conflicts = events.filter(({ type }) => type === 'workflow.conflict').map(({ fields }) => fields['id']);
    expect(conflicts.toSorted()).toEqual(['w', 'without-workflow']);
  });

  it('leaves a conflict record for each of two replicas that used one key for different requests', async () => {
    const once = { key: randomUUID(), keepMs: 24 * HOUR };
    await b.commit({ enqueue: [newTask('theirs')] }, { ...once, fingerprint: 'first' });
    await Promise.all([one.leave(), two.leave()]);
    await a.commit({ enqueue: [newTask('of-a')] }, { ...once, fingerprint: 'second' });
    await b.commit({ enqueue: [newTask('of-b')] }, { ...once, fingerprint: 'third' });
    await one.comeBack();
    await two.comeBack();
    expect([one.drained, two.drained]).toEqual([['conflict'], ['conflict']]);
    expect([await conflictsOf('of-a'), await conflictsOf('of-b')].map(({ length }) => length)).toEqual([1, 1]);
  });

  it('gives drained tasks room in a queue that is full by now', async () => {
    await one.leave();
    await a.commit({ enqueue: [newTask('late')] });
    const others = Array.from({ length: 1000 }, (_, i) => newTask(`other-${i}`));
    for (let i = 0; i < others.length; i += 100) await b.commit({ enqueue: others.slice(i, i + 100) });
    expect(await refusal(b.commit({ enqueue: [newTask('too-many')] }))).toBe('QUEUE_FULL');
    await one.comeBack();
    expect(await two.engine.tasks.find(TENANT, 'late')).toMatchObject({ status: 'ready' });
  });

  it('never shortens a deadline, and gives no time anew', async () => {
    await a.put('shorter', {}, { ttl: HOUR });
    await a.put('fresh', {}, { ttl: HOUR });
    await one.leave();
    await a.patch('shorter', mergePatchEdit('{"d":1}'), { ttl: HOUR });
    await a.put('fresh', {}, { ttl: 12_000 });
    await b.touch('shorter', 10 * HOUR);
    aheadMs = 5000;
    await one.comeBack();
    const left = async (id: string) => ((await b.get(id)).deadlineMs ?? 0) - Date.now();
    expect(await left('shorter')).toBeGreaterThan(9 * HOUR);
    expect(await left('fresh')).toBeGreaterThan(HOUR / 2);
    await two.leave();
    await b.put('new', {}, { ttl: 12_000, expect: { exists: false } }).catch(() => b.put('new', {}, { ttl: 12_000 }));
    await two.comeBack();
    expect(await left('new')).toBeLessThan(12_000);
  });

  it('is dropped and counted when its time is over before Redis is back', async () => {
    await one.leave();
    await a.put('short', {}, { ttl: 1000 });
    aheadMs = 2000;
    expect(await refusal(a.find('short'))).toBe('STORE_UNAVAILABLE');
    await one.comeBack();
    expect(one.drained).toEqual(['expired']);
    expect(await b.find('short')).toBeUndefined();
    expect(await conflictsOf('short')).toEqual([]);
  });

  it('counts when its time is over, but the workflow lives on: a task holds it, or a touch has prolonged it', async () => {
    const tasks = { enqueue: [{ ...newTask('holder'), workflowId: 'held' }] };
    await a.put('held', { n: 1 }, { ttl: 60_000 });
    await b.commit(tasks);
    await a.put('prolonged', { n: 1 }, { ttl: HOUR });
    await one.leave();
    await a.put('held', { n: 2 }, { ttl: 60_000 });
    await a.put('prolonged', { n: 2 }, { ttl: 60_000 });
    aheadMs = 61_000;
    await one.comeBack();
    expect(one.drained).toEqual(['exact', 'exact']);
    expect(await b.get('held')).toMatchObject({ version: 2, state: '{"n":2}', deadlineMs: null });
    expect(await b.state('prolonged')).toEqual({ n: 2 });
  });

  it('cancels tasks also when its own time is over', async () => {
    await b.commit({ enqueue: [{ ...newTask('waiting'), workflowId: 'over' }] });
    await one.leave();
    await a.commit({ puts: [put('short', {}, { ttl: 1000 })], cancelTasksOf: ['over'] });
    aheadMs = 2000;
    await one.comeBack();
    expect(one.drained).toEqual(['expired']);
    expect((await two.engine.tasks.find(TENANT, 'waiting'))?.status).toBe('cancelled');
  });

  it('happens once for its key: within the outage, across it, and after a first attempt that reached Redis', async () => {
    const once = { key: randomUUID(), keepMs: 24 * HOUR };
    const reached = { key: randomUUID(), keepMs: 24 * HOUR };
    const parts = { puts: [putOf('k', { n: 1 })] };
    await b.commit({ puts: [putOf('r', { n: 1 })] }, reached);
    await one.leave();
    expect(await a.commit(parts, once)).toMatchObject({ replayed: false });
    expect(await a.commit(parts, once)).toMatchObject({ replayed: true });
    expect(await refusal(a.commit(parts, { ...once, fingerprint: 'other' }))).toBe('IDEMPOTENCY_MISMATCH');
    await a.commit({ puts: [putOf('r', { n: 1 })] }, reached);
    await one.comeBack();
    expect(one.drained).toEqual(['exact', 'replayed']);
    expect(await b.commit(parts, once)).toMatchObject({ replayed: true, workflows: [{ version: 1 }] });
    expect(await b.get('r')).toMatchObject({ version: 1 });
  });

  it('tells a repeat of what was kept as a conflict so', async () => {
    const once = { key: randomUUID(), keepMs: 24 * HOUR };
    await a.put('w', { n: 1 });
    await one.leave();
    const parts = { puts: [putOf('w', { n: 2 })] };
    await a.commit(parts, once);
    await b.put('w', { n: 3 });
    await one.comeBack();
    const repeated = b.commit(parts, once);
    await expect(repeated).rejects.toMatchObject({ code: 'KEPT_AS_CONFLICT', conflicts: [{ id: 'w', n: 1 }] });
  });

  it('of two replicas: the second to come back finds that the first has moved on', async () => {
    await a.put('w', { n: 1 });
    await b.find('w');
    await Promise.all([one.leave(), two.leave()]);
    await a.put('w', { n: 'a' }, { expect: { version: 1 } });
    await b.put('w', { n: 'b' }, { expect: { version: 1 } });
    await two.comeBack();
    await one.comeBack();
    expect(await a.state('w')).toEqual({ n: 'b' });
    expect((await conflictsOf('w')).map((kept) => kept?.state)).toEqual(['{"n":"a"}']);
  });

  it('is put back where Redis lost the version it was based on, and no number is used twice', async () => {
    await a.put('older', { n: 1 });
    const keys = await direct.keys(`${namespace}:document_workflow*older`);
    const dumps = await Promise.all(keys.map((key) => direct.dumpBuffer(key)));
    await a.put('older', { n: 2 });
    await a.put('older', { logs: [3] });
    await one.leave();
    await a.patch('older', mergePatchEdit('{"n":4}'));
    // Like a failover to a replica that had not received the last two versions.
    await Promise.all(keys.map((key, i) => direct.restore(key, 86_400_000, dumps[i] as Buffer, 'REPLACE')));
    const meta = `${namespace}:document_workflow_meta:older`;
    await direct.pexpireat(`${namespace}:document_workflow:older`, await deadlineIn(direct, meta));
    await one.comeBack();
    expect(one.drained).toEqual(['recovered']);
    expect(await b.get('older')).toMatchObject({ version: 4, state: '{"logs":[3],"n":4}' });
    expect(await eventTypes()).toContain('workflow.recovered');
  });

  it('is put back where Redis lost everything, under its old tag of life', async () => {
    const before = await a.put('w', { n: 1 });
    await one.leave();
    await a.patch('w', appendLogEdit('{"m":1,"timestamp":"t"}'));
    for (const key of await direct.keys(`${namespace}*`)) await direct.del(key);
    await one.comeBack();
    expect(await b.get('w')).toMatchObject({ incarnation: before.incarnation, version: 2 });
    expect(await eventTypes()).toContain('workflow.recovered');
  });

  it('is put back where Redis lost everything, and what it was based on happens once (invariant 11)', async () => {
    const keyed = (key: string) => ({ key: `${key}-${namespace}`, keepMs: 86_400_000 });
    const append = (n: number) => ({ patches: [patch('w', appendLogEdit(`{"n":${n},"timestamp":"t"}`))] });
    await a.put('w', { logs: [] });
    await one.leave();
    for (const n of [1, 2]) await a.commit(append(n), keyed(`${n}`));
    await one.comeBack();
    await one.leave();
    await a.commit(append(3), keyed('3'));
    for (const key of await direct.keys(`${namespace}*`)) await direct.del(key);
    await one.comeBack();
    const again = await Promise.all([1, 2, 3].map((n) => b.commit(append(n), keyed(`${n}`))));
    expect(again.map(({ replayed }) => replayed)).toEqual([true, true, true]);
    expect(await b.state('w')).toMatchObject({ logs: [{ n: 1 }, { n: 2 }, { n: 3 }] });
  });

  it('drains an edit that cannot be made again as the state it came to', async () => {
    await a.put('same', { items: [] });
    await a.put('moved', { items: [] });
    await one.leave();
    await a.patch('same', appendWithoutRecipe('items', 1));
    await a.patch('moved', appendWithoutRecipe('items', 1));
    await b.put('moved', { items: ['newer'] });
    await one.comeBack();
    expect(await b.state('same')).toEqual({ items: [1] });
    expect(await b.state('moved')).toEqual({ items: ['newer'] });
    expect(one.drained).toEqual(['exact', 'conflict']);
  });

  it('is bounded by bytes: beyond them it is refused, and nothing is dropped', async () => {
    const small = await replica({ maxBytes: 20_000 });
    const c = new TestTenant(small.engine, TENANT);
    await small.leave();
    let accepted = 0;
    let code = 'accepted';
    while (code === 'accepted') {
      code = await refusal(c.put(`w-${accepted}`, { pad: 'x'.repeat(2000) }));
      if (code === 'accepted') accepted++;
    }
    expect([code, accepted]).toEqual(['STORE_FULL', 6]);
    await small.comeBack();
    expect(await b.count()).toBe(6);
    expect(await refusal(c.put('again', {}))).toBe('accepted');
  });

  it('is drained side by side where workflows differ, and in order where they do not', async () => {
    await one.leave();
    const ids = Array.from({ length: 300 }, (_, i) => `w-${i}`);
    for (let n = 0; n < 3; n++) await Promise.all(ids.map((id) => a.put(id, { n })));
    await one.comeBack();
    expect(one.drained).toEqual(Array.from({ length: 900 }, () => 'exact'));
    for (const record of await two.engine.findMany(TENANT, ids)) {
      expect(record).toMatchObject({ version: 3, state: '{"n":2}' });
    }
  });

  describe('with a data directory', () => {
    let dataDir: string;
    beforeEach(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'waymark-detached-'));
    });
    afterEach(async () => {
      await rm(dataDir, { recursive: true, force: true });
    });

    it('survives a restart of the replica, away or not, and is drained before Redis answers', async () => {
      let own = await replica({ dataDir });
      let c = new TestTenant(own.engine, TENANT);
      await c.put('w', { logs: [] });
      await own.leave();
      await c.patch('w', appendLogEdit('{"m":1,"timestamp":"t"}'));
      expect((await stat(join(dataDir, 'waymark-detached.mdb'))).mode & 0o777).toBe(0o600);
      await own.close();

      own = await replica({ dataDir, isAway: true });
      c = new TestTenant(own.engine, TENANT);
      expect(own.engine.mode).toBe('detached');
      expect(await c.state('w')).toMatchObject({ logs: [{ m: 1 }] });
      await c.patch('w', appendLogEdit('{"m":2,"timestamp":"t"}'));
      await own.close();

      own = await replica({ dataDir });
      expect(own.engine.mode).toBe('attached');
      expect(own.drained).toEqual(['exact', 'exact']);
      expect(await b.state('w')).toMatchObject({ logs: [{ m: 1 }, { m: 2 }] });
      expect(await b.get('w')).toMatchObject({ version: 3 });
    });

    it('has a file for each replica that shares the directory, and what all left behind is brought in by another', async () => {
      const [first, second] = [await replica({ dataDir }), await replica({ dataDir })];
      for (const [i, own] of [first, second].entries()) {
        await own.leave();
        await new TestTenant(own.engine, TENANT).put(`of-${i}`, {});
        await own.close();
      }
      expect(await b.count()).toBe(0);
      const third = await replica({ dataDir });
      await until(() => third.drained.length === 2, 'both are drained');
      const fourth = await replica({ dataDir });
      expect([third.drained, fourth.drained]).toEqual([['exact', 'exact'], []]);
      expect(await b.ids()).toEqual(['of-0', 'of-1']);
    });

    it('is drained once, also when the journal was not told that it was', async () => {
      let own = await replica({ dataDir });
      let c = new TestTenant(own.engine, TENANT);
      await c.put('w', { logs: [] });
      await own.leave();
      for (let m = 0; m < 10; m++) await c.patch('w', appendLogEdit(`{"m":${m},"timestamp":"t"}`));
      await own.close();
      // Like a process that ends after draining and before recording it.
      await cp(dataDir, `${dataDir}-copy`, { recursive: true });
      own = await replica({ dataDir });
      expect(own.drained).toHaveLength(10);
      await b.put('x', {});
      const again = await replica({ dataDir: `${dataDir}-copy` });
      expect(again.drained).toEqual(Array.from({ length: 10 }, () => 'replayed'));
      expect(await b.get('w')).toMatchObject({ version: 11 });
      c = new TestTenant(again.engine, TENANT);
      expect(((await c.state('w')) as { logs: unknown[] }).logs).toHaveLength(10);
      await rm(`${dataDir}-copy`, { recursive: true, force: true });
    });

    /** Removals of drained entries fail, as on a full disk, while the function says so. */
    const failing = (isFull: () => boolean) => (journal: DetachedJournal) =>
      Object.assign(journal, {
        remove: (drained: Parameters<DetachedJournal['remove']>[0]) =>
          isFull()
            ? Promise.reject(new Error('the disk is full'))
            : Object.getPrototypeOf(journal).remove.call(journal, drained),
      });

    it('is kept as a conflict when it was drained before and its once key is gone', async () => {
      let own = await replica({ dataDir });
      const c = new TestTenant(own.engine, TENANT);
      await c.put('w', { logs: [] });
      await own.leave();
      await c.patch('w', appendLogEdit('{"m":1,"timestamp":"t"}'));
      await c.commit({ puts: [{ ...put('made', { n: 1 }, { ttl: null }), isNewId: true }] });
      await own.close();
      own = await replica({ dataDir, withJournal: failing(() => true) });
      expect(own.drained).toHaveLength(2);
      await own.close();
      await b.commit({ deletes: [{ id: 'made' }] });
      // As a day later.
      await direct.del(...(await direct.keys(`${namespace}*once:*`)));
      const later = await replica({ dataDir, clock: () => Date.now() + 25 * HOUR });
      expect(later.drained).toEqual(['conflict', 'conflict']);
      expect(((await b.state('w')) as { logs: unknown[] }).logs).toHaveLength(1);
      expect(await b.find('made')).toBeUndefined();
      for (const id of ['w', 'made']) {
        const { conflicts } = await later.engine.listConflicts(TENANT, id, { limit: 10 });
        expect(conflicts).toEqual([expect.objectContaining({ id, reason: 'OUTCOME_UNKNOWN' })]);
      }
    });

    it('is drained as ever when it waited for longer than that, and was never drained', async () => {
      const own = await replica({ dataDir });
      const c = new TestTenant(own.engine, TENANT);
      await c.put('w', { logs: [] }, { ttl: null });
      await own.leave();
      await c.patch('w', appendLogEdit('{"m":1,"timestamp":"t"}'));
      await own.close();
      const later = await replica({ dataDir, clock: () => Date.now() + 25 * HOUR });
      expect(later.drained).toEqual(['exact']);
    });

    it('is not drained before it is in the journal, so that a refused one has no effect', async () => {
      let appending: ((error: Error) => void) | undefined;
      let isFull = false;
      const withJournal = (journal: DetachedJournal) =>
        Object.assign(journal, {
          append: (entries: Parameters<DetachedJournal['append']>[0]) =>
            isFull
              ? new Promise((_resolve, reject) => (appending = reject))
              : Object.getPrototypeOf(journal).append.call(journal, entries),
        });
      const own = await replica({ dataDir, withJournal });
      const c = new TestTenant(own.engine, TENANT);
      await own.leave();
      await c.commit({ puts: [putOf('kept', {})] });
      isFull = true;
      const answer = refusal(
        c.commit({ puts: [putOf('refused', {})], publish: [{ channel: 'c', type: 'said', payload: '{}' }] }),
      );
      await until(() => appending !== undefined, 'the write is on its way to the disk');
      own.proxy.up();
      await until(() => own.drained.length > 0, 'the drain is under way');
      isFull = false;
      appending?.(new StoreFullError());
      expect(await answer).toBe('STORE_FULL');
      const { id } = await c.put('next', {}, { ttl: HOUR });
      await until(() => own.engine.mode === 'attached', 'the replica is attached again');
      expect(await b.ids()).toEqual(['kept', id]);
      expect(await eventTypes()).not.toContain('said');
    });

    it('is removed from the journal as soon as the disk has space again', async () => {
      let own = await replica({ dataDir });
      const c = new TestTenant(own.engine, TENANT);
      await c.put('w', { n: 0 });
      await own.leave();
      await c.put('w', { n: 1 });
      await own.close();
      let isFull = true;
      let kept: DetachedJournal | undefined;
      own = await replica({
        dataDir,
        withJournal: (journal) => (kept = failing(() => isFull)(journal)),
      });
      expect([own.drained, kept?.read().entries.length]).toEqual([['exact'], 1]);
      isFull = false;
      await until(() => kept?.read().entries.length === 0, 'the journal is empty');
      await until(() => kept?.read().drainingSinceMs === undefined, 'the drain has ended');
    });
  });
});

function newTask(id: string): NewTask {
  return {
    id,
    queue: 'q',
    payload: '{}',
    headers: '{}',
    priority: 5,
    start: { delayMs: 0 },
    maxAttempts: 3,
    backoffMs: [1000],
    leaseMs: 30_000,
    limitMs: null,
    expires: { afterDueMs: HOUR },
  };
}
