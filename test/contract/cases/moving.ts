import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { etagOf } from '../../../src/engine/records/workflow-meta.js';
import type { MovedBoard, MovedVersion } from '../../../src/engine/moving/moved.js';
import { stampOf } from '../../../src/engine/moving/stamp.js';
import { fillTenant } from '../../support/full-tenant.js';
import {
  digestsOf,
  dumpMovable,
  everythingOf,
  FAIL,
  moveAll,
  readTask,
  readWorkflow,
  taskStamps,
  workflowStamps,
} from '../../support/moving.js';
import { DAY, newTask, SECOND, TestQueue } from '../../support/tasks.js';
import type { TestTenant } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

export function describeMoving(fixture: Fixture): void {
  describe('moving', () => {
    it('brings all of a tenant over exactly as it is, and a second time does nothing', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      const { engine, clock } = fixture;
      const ids = await fillTenant(from, clock);
      const arrived = await moveAll(engine, from.name, engine, to.name);
      expect(new Set(arrived)).toEqual(new Set(['created']));
      expect(await dumpMovable(engine, to.name, ids)).toEqual(await dumpMovable(engine, from.name, ids));
      expect(await digestsOf(engine, to.name)).toEqual(await digestsOf(engine, from.name));
      expect(Object.keys(await digestsOf(engine, to.name))).toHaveLength(6 + 2 + 1 + ids.length);
      expect(new Set(await moveAll(engine, from.name, engine, to.name))).toEqual(new Set(['same']));
    });

    it('lists stamps that are those of the records, in pages of any size', async () => {
      const tenant = fixture.tenant();
      await fillTenant(tenant, fixture.clock);
      const { moving } = fixture.engine;
      for (const limit of [1, 2, 1000]) {
        const stamps = await workflowStamps(moving, tenant.name, limit);
        expect(stamps.map(({ id }) => id)).toEqual((await tenant.ids()).toSorted());
        for (const { id, stamp } of stamps)
          expect(stampOf(await readWorkflow(fixture.engine, tenant.name, id))).toBe(stamp);
      }
      for (const { id, stamp } of await taskStamps(moving, tenant.name)) {
        expect(stampOf(await readTask(fixture.engine, tenant.name, id))).toBe(stamp);
      }
    });

    it('lets tags, expectations, leases and the order of tasks hold after the move', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      const { etag } = await from.put('w', { a: 1 }).then((written) => ({ etag: etagOf(written) }));
      const queue = new TestQueue(fixture.engine, from.name);
      const ids = await queue.enqueueSome(5);
      const leased = await queue.take();
      await queue.enqueue({ id: 'urgent', priority: 0 });
      await moveAll(fixture.engine, from.name, fixture.engine, to.name);

      const moved = new TestQueue(fixture.engine, to.name);
      await to.put('w', { a: 2 }, { expect: { etags: [etag] } });
      expect((await to.get('w')).version).toBe(2);
      await moved.extend(leased);
      await moved.complete(leased, '1');
      await moved.enqueue({ id: 'late' });
      expect(await moved.takeIds(10)).toEqual(['urgent', ...ids.slice(1), 'late']);
    });

    it('finds what was moved by its index values, and expires it when its time is over', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      await from.put('w', { status: 'open' }, { ttl: 5 * SECOND });
      await moveAll(fixture.engine, from.name, fixture.engine, to.name);
      expect(await to.ids({ filter: { fields: { status: 'open' } } })).toEqual(['w']);
      expect(await to.ids({ sort: '-updatedAt' })).toEqual(['w']);
      expect(await to.count({ idPrefix: 'w' })).toBe(1);
      fixture.clock.advance(5 * SECOND);
      expect(await to.find('w')).toBeUndefined();
      expect(await everythingOf(fixture.engine, from.name)).toEqual([]);
    });

    it('does not bring what has expired', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      await from.put('w', {}, { ttl: SECOND });
      const record = await readWorkflow(fixture.engine, from.name, 'w');
      fixture.clock.advance(SECOND);
      expect(await fixture.engine.moving.put(to.name, record, FAIL)).toBe('expired');
      expect(await to.find('w')).toBeUndefined();
    });

    it('follows a workflow that goes on at its source, without a question', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      const { moving } = fixture.engine;
      await from.put('w', { n: 1 });
      await moveAll(fixture.engine, from.name, fixture.engine, to.name);
      for (const n of [2, 3]) {
        fixture.clock.advance(SECOND);
        await from.put('w', { n });
      }
      const record = await readWorkflow(fixture.engine, from.name, 'w');
      expect(await moving.put(to.name, record, FAIL)).toBe('updated');
      expect(await digestsOf(fixture.engine, to.name)).toEqual(await digestsOf(fixture.engine, from.name));
      // An older version does not follow from the current one.
      await to.put('w', { n: 4 });
      expect(await moving.put(to.name, record, FAIL)).toBe('conflict');
      expect(await to.state('w')).toEqual({ n: 4 });
    });

    it('asks what to do when the other store has something else under the id', async () => {
      const { moving } = fixture.engine;
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      await to.put('w', 'theirs');
      fixture.clock.advance(SECOND);
      await from.put('w', 'ours');
      const ours = await readWorkflow(fixture.engine, from.name, 'w');
      const theirs = await readWorkflow(fixture.engine, to.name, 'w');

      expect(await moving.put(to.name, ours, { onConflict: 'fail' })).toBe('conflict');
      expect(await moving.put(to.name, ours, { onConflict: 'skip' })).toBe('kept');
      expect(await moving.put(from.name, theirs, { onConflict: 'newer' })).toBe('kept');
      expect(await moving.put(to.name, ours, { onConflict: 'newer', isDryRun: true })).toBe('updated');
      expect(await to.state('w')).toBe('theirs');
      expect(await moving.put(to.name, ours, { onConflict: 'newer' })).toBe('updated');
      expect(await to.get('w')).toEqual(await from.get('w'));
      expect(await moving.put(to.name, theirs, { onConflict: 'fail', replaces: stampOf(ours) })).toBe('updated');
      expect(await to.state('w')).toBe('theirs');
    });

    it('tries out without changing anything', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      await fillTenant(from, fixture.clock);
      const arrived = await moveAll(fixture.engine, from.name, fixture.engine, to.name, { ...FAIL, isDryRun: true });
      expect(new Set(arrived)).toEqual(new Set(['created']));
      expect(await everythingOf(fixture.engine, to.name)).toEqual([]);
    });

    it('takes back only what is still as it was brought', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      const { moving } = fixture.engine;
      await from.put('w', {});
      const queue = new TestQueue(fixture.engine, from.name);
      await queue.enqueue({ id: 't', workflowId: 'w' });
      await moveAll(fixture.engine, from.name, fixture.engine, to.name);
      const [workflow] = await workflowStamps(moving, to.name);
      const [task] = await taskStamps(moving, to.name);
      expect(await moving.remove(to.name, 'workflow', 'w', 'another 1 2 3 4')).toBe(false);
      expect(await moving.remove(to.name, 'task', 't', 'another')).toBe(false);
      expect(await moving.remove(to.name, 'task', 't', task?.stamp ?? '')).toBe(true);
      expect(await moving.remove(to.name, 'workflow', 'w', workflow?.stamp ?? '')).toBe(true);
      expect(await moving.remove(to.name, 'workflow', 'w', workflow?.stamp ?? '')).toBe(false);
      expect(await to.ids()).toEqual([]);
      expect(await fixture.engine.tasks.listOfWorkflow(to.name, 'w', 10)).toEqual([]);
      expect(await new TestQueue(fixture.engine, to.name).takeIds(1)).toEqual([]);
    });

    it('keeps a moved dedupe key, and the tasks of an id in one place only', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      const queue = new TestQueue(fixture.engine, from.name);
      await queue.enqueue({ id: 'first', dedupe: { key: 'k', keepMs: DAY } });
      await moveAll(fixture.engine, from.name, fixture.engine, to.name);
      const again = new TestQueue(fixture.engine, to.name);
      const { tasks } = await again.commit({ enqueue: [newTask('q', { dedupe: { key: 'k', keepMs: DAY } })] });
      expect(tasks).toMatchObject([{ isDuplicate: true, task: { id: 'first' } }]);

      // Meanwhile the task has been claimed and has failed at the source.
      const before = await readTask(fixture.engine, to.name, 'first');
      await queue.fail(await queue.take());
      const after = await readTask(fixture.engine, from.name, 'first');
      const { moving } = fixture.engine;
      expect(await moving.put(to.name, after, { onConflict: 'skip' })).toBe('kept');
      expect(await moving.put(to.name, after, { onConflict: 'skip', replaces: stampOf(before) })).toBe('updated');
      expect(await again.depth()).toEqual({ ready: 0, delayed: 1, leased: 0, dead: 0 });
    });

    it('holds a workflow that an open task is brought to', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      await new TestQueue(fixture.engine, from.name).enqueue({ id: 't', workflowId: 'w' });
      await to.put('w', {}, { ttl: SECOND });
      await moveAll(fixture.engine, from.name, fixture.engine, to.name);
      fixture.clock.advance(DAY);
      expect((await to.get('w')).deadlineMs).toBeNull();
    });

    it('never lets a paused queue go on by itself', async () => {
      const { moving } = fixture.engine;
      const to = fixture.tenant().name;
      const queue = (isPaused: boolean) => ({ kind: 'queue' as const, id: 'q', isPaused });
      expect(await moving.put(to, queue(false), FAIL)).toBe('created');
      expect(await moving.put(to, queue(true), FAIL)).toBe('updated');
      expect(await moving.put(to, queue(true), FAIL)).toBe('same');
      expect(await moving.put(to, queue(false), FAIL)).toBe('conflict');
      expect(await moving.put(to, queue(false), { onConflict: 'skip' })).toBe('kept');
      expect(await moving.put(to, queue(false), { onConflict: 'fail', replaces: 'paused' })).toBe('updated');
      expect(await moving.listQueues(to)).toEqual([queue(false)]);
    });

    it('copies a board that is not there, and never mixes it with another one', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      const { moving } = fixture.engine;
      const add = (tenant: TestTenant, total: number) => tenant.commit({ board: { board: 'b', add: { total } } });
      const totalOf = async ({ engine, name }: TestTenant) => (await engine.readBoard(name, 'b')).counts['total'];
      const record = async ({ name }: TestTenant) => (await moving.listBoards(name))[0] as MovedBoard;
      await add(from, 1);
      expect(await moving.put(to.name, await record(from), { ...FAIL, isDryRun: true })).toBe('created');
      expect(await moving.listBoards(to.name)).toEqual([]);
      expect(await moving.put(to.name, await record(from), FAIL)).toBe('created');
      expect(await moving.put(to.name, await record(from), FAIL)).toBe('same');
      const moved = stampOf(await record(to));
      await add(from, 1);
      expect(await moving.put(to.name, await record(from), FAIL)).toBe('kept');
      expect(await moving.put(to.name, await record(from), { ...FAIL, replaces: moved })).toBe('updated');
      expect(await totalOf(to)).toBe(2);
      await add(to, 40);
      await add(from, 1);
      for (const onConflict of ['fail', 'skip', 'newer'] as const)
        expect(await moving.put(to.name, await record(from), { onConflict, replaces: moved })).toBe('kept');
      expect(await totalOf(to)).toBe(42);
      expect(await moving.read(to.name, 'board', ['nothing', 'b'])).toEqual([undefined, await record(to)]);
    });

    it('shows every task that is there throughout, however it moves meanwhile', async () => {
      await fixture.withEngine({}, async ({ engine, name }) => {
        const queue = new TestQueue(engine, name);
        const ids: string[] = [];
        for (let i = 0; i < 10; i++) ids.push(...(await queue.enqueueSome(100)));
        const seen = new Set<string>();
        let step = 0;
        for await (const page of engine.moving.listTasks(name)) {
          for (const { id } of page) seen.add(id);
          // Records not listed yet move to where the listing has already been.
          if (step++ < 6) await Promise.all((await queue.claim(50)).tasks.map((task) => queue.fail(task)));
        }
        expect([...seen].toSorted()).toEqual(ids.toSorted());
      });
    });

    it('brings a large history and many progress events', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      for (let i = 0; i < 4; i++) await from.put('w', { text: randomUUID().repeat(7000) });
      const queue = new TestQueue(fixture.engine, from.name);
      await queue.enqueue({ id: 't' });
      const task = await queue.take();
      for (let i = 0; i < 300; i++) await queue.progress(task, JSON.stringify({ i, text: 'x'.repeat(500) }));
      await moveAll(fixture.engine, from.name, fixture.engine, to.name);
      expect(await digestsOf(fixture.engine, to.name)).toEqual(await digestsOf(fixture.engine, from.name));
      expect(await dumpMovable(fixture.engine, to.name, ['t'])).toEqual(
        await dumpMovable(fixture.engine, from.name, ['t']),
      );
    });

    it('brings a history beyond the limits whole; the next write keeps as much of it as they allow', async () => {
      const [from, to] = [fixture.tenant(), fixture.tenant()];
      const { moving } = fixture.engine;
      await from.put('w', 0);
      await from.put('w', 1);
      const record = await readWorkflow(fixture.engine, from.name, 'w');
      const [earlier] = record.history as readonly [MovedVersion];
      const state = JSON.stringify('x'.repeat(200_000));
      const history = Array.from({ length: 40 }, (_, i) => ({ ...earlier, version: 40 - i, state }));
      expect(await moving.put(to.name, { ...record, version: 41, history }, FAIL)).toBe('created');
      expect(await to.versions('w')).toHaveLength(41);
      await to.put('w', 2);
      // One small version, and five of 200 KB in 1 MiB.
      expect((await to.versions('w')).map(({ version }) => version)).toEqual([42, 41, 40, 39, 38, 37, 36]);
      await to.put('w', 3);
      expect((await to.versions('w')).map(({ version }) => version)).toEqual([43, 42, 41, 40, 39, 38, 37, 36]);
    });

    it('knows its tenants', async () => {
      const [one, two] = [fixture.tenant(), fixture.tenant()];
      await one.put('w', {});
      await moveAll(fixture.engine, one.name, fixture.engine, two.name);
      const tenants = await fixture.engine.moving.listTenants();
      expect(tenants).toEqual(expect.arrayContaining(['default', one.name, two.name]));
    });
  });
}
