import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../src/engine/task.js';
import { accessTenantOf } from '../../src/engine/profile.js';
import { digestsOf } from '../support/moving.js';
import { once, patch, put, remove, replayOf, touch } from '../support/parts.js';
import { increment, merge } from '../support/edits.js';
import { claimOf, deliveredAgain, newTask, repeated, TestQueue } from '../support/tasks.js';
import { dumpTasks, sweepAll } from '../support/task-dump.js';
import { dump, TestTenant } from '../support/tenant.js';
import { eraseAll, fillWithHidden } from './cases/erasing.js';
import { eventsOf } from './cases/feed.js';
import { newTenant, type EngineUnderTest, type OpenOptions } from './engine-under-test.js';

const A_DAY_MS = 86_400_000;

/** Data and order that a restart must not change. */
export function describeDurability(
  name: string,
  open: (given?: OpenOptions) => Promise<EngineUnderTest & { reopen(): Promise<void> }>,
): void {
  describe(`A restart of ${name}`, () => {
    let opened: EngineUnderTest & { reopen(): Promise<void> };
    let tenant: TestTenant;
    beforeEach(async () => {
      opened = await open();
      tenant = newTenant(opened.engine);
    });
    afterEach(async () => {
      await opened.close();
    });
    const reopen = async () => {
      await opened.reopen();
      tenant = new TestTenant(opened.engine, tenant.name);
    };

    it('keeps states, versions, incarnations, times, deadlines and histories of all tenants', async () => {
      const names = ['default', tenant.name, 'document_workflow', 'a:b', '~'];
      for (const name of names) {
        const one = new TestTenant(opened.engine, name);
        await one.putText('a', '{ "big": 12345678901234567890, "nul": "\\u0000", "o": {}, "l": [] }', { ttl: null });
        opened.clock.advance(3);
        await one.patch('a', merge({ of: name }), { note: 'Grüße\n🚀', ttl: 5000 });
        await one.put('b', { status: name });
        await one.touch('b', 700);
      }
      const before = await Promise.all(names.map((name) => dump(opened.engine, name)));
      await reopen();
      expect(await Promise.all(names.map((name) => dump(opened.engine, name)))).toEqual(before);
      expect(before.map((workflows) => workflows.length)).toEqual(names.map(() => 2));
    });

    it('in the middle of an erasure lets it go on to its end (invariant 28)', async () => {
      const other = new TestTenant(opened.engine, `${tenant.name}-other`);
      await fillWithHidden(opened, other);
      await fillWithHidden(opened, tenant);
      const before = await digestsOf(opened.engine, other.name);
      for (let i = 0; i < 3; i++) expect(await opened.engine.erase(tenant.name, 10)).toMatchObject({ isDone: false });
      await reopen();
      await eraseAll(opened.engine, tenant.name, 10);
      await reopen();
      expect(await digestsOf(opened.engine, tenant.name)).toEqual({});
      expect(await digestsOf(opened.engine, accessTenantOf(tenant.name))).toEqual({});
      expect(await eventsOf(opened.engine, tenant.name)).toEqual([]);
      expect(await digestsOf(opened.engine, other.name)).toEqual(before);
    });

    it('goes on with the next version of the same incarnation', async () => {
      const created = await tenant.put('a', { count: 0 });
      await tenant.patch('a', increment);
      await reopen();
      const next = await tenant.patch('a', increment);
      expect(next).toMatchObject({ version: 3, incarnation: created.incarnation, state: '{"count":2}' });
      expect((await tenant.versions('a')).map(({ version }) => version)).toEqual([3, 2, 1]);
    });

    it('keeps the feed, so that readers go on where they were', async () => {
      const start = await opened.engine.lastEventId(tenant.name);
      await tenant.put('a', {}, { ttl: 10 });
      const { eventIds } = await tenant.commit({ publish: [{ channel: 'c', type: 't', payload: '{"x": 1.0}' }] });
      const before = await eventsOf(opened.engine, tenant.name);
      await reopen();
      expect(await eventsOf(opened.engine, tenant.name, start)).toEqual(before);
      expect(await opened.engine.lastEventId(tenant.name)).toBe(eventIds?.[0]);
      opened.clock.advance(10);
      await sweepAll(opened.engine);
      await tenant.put('b');
      const after = await eventsOf(opened.engine, tenant.name, eventIds?.[0]);
      expect(after.map(({ type }) => type)).toEqual(['workflow.expired', 'workflow.created']);
      await reopen();
      expect(await eventsOf(opened.engine, tenant.name)).toEqual([...before, ...after]);
    });

    it('keeps the bounds of the feed', async () => {
      await opened.close();
      opened = await open({ options: { feed: { maxEvents: 100, maxAgeMs: 1e12 } } });
      tenant = newTenant(opened.engine);
      const publish = Array.from({ length: 50 }, () => ({ channel: 'c', type: 't', payload: '1' }));
      for (let i = 0; i < 10; i++) await tenant.commit({ publish });
      await reopen();
      const kept = await eventsOf(opened.engine, tenant.name);
      expect(kept.length).toBeLessThan(260);
      await tenant.commit({ publish });
      expect(await eventsOf(opened.engine, tenant.name, kept.at(-1)?.id)).toHaveLength(50);
    });

    it('keeps what is found by field, prefix and time', async () => {
      const start = opened.clock.ms;
      for (let i = 0; i < 20; i++) {
        await tenant.put(`w-${i}`, { status: i % 2 === 0 ? 'even' : 'odd', case_id: i });
        opened.clock.advance(1);
      }
      await tenant.put('w-4', { status: 'odd' });
      const filters = [
        { fields: { status: 'even' } },
        { fields: { status: 'odd' } },
        { fields: { case_id: '4' } },
        { idPrefix: 'w-1' },
        { updatedAfterMs: start + 12 },
      ];
      const found = () =>
        Promise.all(
          filters.flatMap((filter) => [
            tenant.ids({ filter, sort: '-updatedAt', limit: 3 }),
            tenant.ids({ filter, sort: 'createdAt' }),
            tenant.count(filter),
          ]),
        );
      const before = await found();
      await reopen();
      expect(await found()).toEqual(before);
    });

    it('remembers outcomes: a commit sent again is still a replay', async () => {
      await tenant.commit({ puts: ['a', 'd', 't'].map((id) => put(id, {})) });
      const name = once({ keepMs: A_DAY_MS, memo: 'Grüße\n"' });
      const parts = {
        puts: [put('new', {})],
        patches: [patch('a', increment)],
        deletes: [remove('d')],
        touches: [touch('t', null)],
      };
      const first = await tenant.commit(parts, name);
      await reopen();
      expect(await tenant.commit(parts, name)).toEqual(replayOf(first));
      expect(await opened.engine.findOutcome(tenant.name, name.key, name.fingerprint)).toEqual(replayOf(first));
      await expect(tenant.commit(parts, { ...name, fingerprint: 'another' })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_MISMATCH',
      });
      expect(await tenant.state('a')).toEqual({ count: 1 });
    });

    it('forgets an outcome whose time ended meanwhile', async () => {
      await tenant.put('a', {}, { ttl: null });
      const name = once({ keepMs: A_DAY_MS });
      await tenant.commit({ patches: [patch('a', increment)] }, name);
      await reopen();
      opened.clock.advance(A_DAY_MS);
      expect((await tenant.commit({ patches: [patch('a', increment)] }, name)).replayed).toBe(false);
    });

    it('knows which tasks have been ended under their lease, however short that is kept', async () => {
      const q = new TestQueue(opened.engine, tenant.name);
      await q.enqueue();
      const { id, token } = await q.take();
      const own = { key: `lease-${id}`, isLease: true, keepMs: 1000 } as const;
      await q.commit({ ack: { taskId: id, token, result: '1' } }, own);
      await reopen();
      const again = new TestQueue(opened.engine, tenant.name);
      expect(await again.commit({ ack: { taskId: id, token, result: '1' } }, own)).toMatchObject({ replayed: true });
    });

    it('does not bring back what was deleted', async () => {
      await tenant.put('a', { status: 'x' });
      await tenant.put('a', { status: 'y' });
      await tenant.delete('a');
      await reopen();
      expect(await tenant.find('a')).toBeUndefined();
      expect(await tenant.count()).toBe(0);
      expect(await tenant.put('a', {})).toMatchObject({ version: 1, created: true });
      expect(await tenant.versions('a')).toHaveLength(1);
    });

    it('does not bring the history of a former life back', async () => {
      for (let n = 1; n <= 5; n++) await tenant.put('a', { life: 1, n });
      await tenant.delete('a');
      await tenant.put('a', { life: 2, n: 1 });
      await tenant.put('a', { life: 2, n: 2 });
      await reopen();
      expect((await tenant.versions('a')).map(({ state }) => state)).toEqual(['{"life":2,"n":2}', '{"life":2,"n":1}']);
    });

    it('does not bring back what expired, before or while it was away', async () => {
      await tenant.put('before', {}, { ttl: 10 });
      await tenant.put('while', { status: 'x' }, { ttl: 20 });
      await tenant.put('stays', { status: 'x' }, { ttl: 30 });
      opened.clock.advance(10);
      const reopened = reopen();
      opened.clock.advance(10);
      await reopened;
      expect(await tenant.ids()).toEqual(['stays']);
      expect(await tenant.count({ fields: { status: 'x' } })).toBe(1);
      opened.clock.advance(10);
      expect(await tenant.find('stays')).toBeUndefined();
    });

    it('does not bring back what was swept', async () => {
      await tenant.put('a', {}, { ttl: 10 });
      await tenant.put('a', {}, { ttl: 10 });
      opened.clock.advance(10);
      await opened.engine.sweep();
      await reopen();
      expect(await tenant.find('a')).toBeUndefined();
      expect(await tenant.put('a', {})).toMatchObject({ version: 1 });
      expect(await tenant.versions('a')).toHaveLength(1);
    });

    it('leaves nothing of refused commits', async () => {
      await tenant.put('a', { n: 1 });
      const before = await dump(opened.engine, tenant.name);
      await expect(tenant.commit({ puts: [put('b', {}), put('a', {}, { expect: { version: 9 } })] })).rejects.toThrow();
      await reopen();
      expect(await dump(opened.engine, tenant.name)).toEqual(before);
    });

    it('keeps everything that was answered, when many write at once until the end', async () => {
      await tenant.put('hot', {});
      const landed = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          i % 2 === 0 ? tenant.put(`w-${i}`, { i }) : tenant.patch('hot', increment),
        ),
      );
      expect(landed).toHaveLength(200);
      await reopen();
      expect(await tenant.count()).toBe(101);
      expect(await tenant.state('hot')).toEqual({ count: 100 });
      expect((await tenant.get('hot')).version).toBe(101);
    });

    it('keeps tasks wherever they are, with all that is known of them, their workflows held (invariants 1 and 2)', async () => {
      await tenant.commit({ puts: [put('a', {}, { ttl: 1000 }), put('b', {}, { ttl: 1000 })] });
      const q = new TestQueue(opened.engine, tenant.name);
      const ids = await q.enqueueSome(7, {
        workflowId: 'a',
        payload: '{ "n" : 9223372036854775808 }',
        headers: '{"h":1}',
      });
      const [done, dead, failed, released, cancelled, leased] = (await q.claim(6)).tasks as ClaimedTask[];
      await q.progress(done as ClaimedTask, '"told"');
      await q.complete(done as ClaimedTask, '{"result":[]}');
      await q.fail(dead as ClaimedTask, { isRetryable: false });
      await q.fail(failed as ClaimedTask, { retryAfterMs: 500, error: { code: 'X', message: 'Grüße\n🚀' } });
      await q.release(released as ClaimedTask);
      await q.cancel((cancelled as ClaimedTask).id, true);
      await q.progress(leased as ClaimedTask, '"first"');
      await q.progress(leased as ClaimedTask, '"second"');
      const seen = async () => {
        const { tasks } = opened.engine;
        const found = await tasks.findQueue(tenant.name, 'q');
        return {
          workflows: await dump(opened.engine, tenant.name),
          tasks: await Promise.all(ids.map((id) => tasks.find(tenant.name, id))),
          progress: await Promise.all(ids.map((id) => tasks.readProgress(tenant.name, id, 0, 10))),
          ofWorkflow: await tasks.listOfWorkflow(tenant.name, 'a', 10),
          dead: await tasks.listDead(tenant.name, 'q', 10),
          // Totals, rates and workers may start from zero.
          figures: { ...found, totals: 'any', perMinute: 'any', workers: 'any' },
        };
      };
      const before = await seen();
      await reopen();
      expect(await seen()).toEqual(before);
      expect(before.figures).toMatchObject({ ready: 2, delayed: 1, leased: 1, dead: 1 });
    });

    it('leaves leases to their holders, and to no one else (invariants 3 and 5)', async () => {
      const q = () => new TestQueue(opened.engine, tenant.name);
      await q().enqueueSome(3);
      const [one, two, three] = (await q().claim(3, { leaseMs: 100 })).tasks as [ClaimedTask, ClaimedTask, ClaimedTask];
      await q().release(three);
      const [again] = (await q().claim(1, { leaseMs: 100 })).tasks as [ClaimedTask];
      await reopen();
      expect((await q().claim()).tasks).toEqual([]);
      await expect(q().complete(three)).rejects.toMatchObject({ code: 'LEASE_LOST' });
      expect((await q().extend(one, 500)).task.attempt).toBe(1);
      await q().complete(again);
      opened.clock.advance(100);
      await sweepAll(opened.engine);
      await reopen();
      // The lease has expired, and no claim has taken the task since.
      await q().complete(two, '"late"');
      await q().complete(one);
      expect(await q().depth()).toEqual({ ready: 0, delayed: 0, leased: 0, dead: 0 });
    });

    it('changes no order: places, retries and priorities are as they were (invariant 7)', async () => {
      const q = () => new TestQueue(opened.engine, tenant.name);
      const [a, b, c] = (await q().enqueueSome(3)) as [string, string, string];
      const tasks = (await q().claim(3)).tasks as [ClaimedTask, ClaimedTask, ClaimedTask];
      for (const task of tasks.toReversed()) await q().release(task);
      await reopen();
      const urgent = await q().enqueue({ priority: 0 });
      const last = await q().enqueue();
      const first = await q().take();
      expect(first.id).toBe(urgent);
      await q().fail(first, { retryAfterMs: 10 });
      await reopen();
      await q().enqueue({ id: 'behind' });
      opened.clock.advance(10);
      expect(await q().takeIds(10)).toEqual([urgent, a, b, c, last, 'behind']);
    });

    it('starts what has become due meanwhile, lets run out what has run out, and no earlier (invariants 6 and 8)', async () => {
      const q = () => new TestQueue(opened.engine, tenant.name);
      await q().enqueue({ id: 'leased', maxAttempts: 1 });
      await q().take({ leaseMs: 50 });
      await q().enqueue({ id: 'delayed', start: { delayMs: 50 } });
      opened.clock.advance(49);
      await reopen();
      expect(await q().takeIds(5)).toEqual([]);
      opened.clock.advance(1);
      await reopen();
      expect(await q().takeIds(5)).toEqual(['delayed']);
      expect(await q().get('leased')).toMatchObject({ status: 'dead', reason: 'LEASE_EXPIRED' });
    });

    it('remembers claims, ends and steps by their keys, and dedupe keys as long as they are kept (invariants 11 and 12)', async () => {
      const q = () => new TestQueue(opened.engine, tenant.name);
      const kept = { keepMs: A_DAY_MS };
      const dedupe = { key: 'k:é\n', keepMs: 1000 };
      await q().enqueueSome(3, { maxAttempts: 9 });
      const claimed = await q().claim(2, {}, 'claim');
      const [one, two] = claimed.tasks as [ClaimedTask, ClaimedTask];
      const released = once(kept);
      const ended = once({ ...kept, alias: `ack-${two.token}` });
      const ack = { taskId: two.id, token: two.token, result: '"done"' };
      const commit = { ack, enqueue: [newTask('q', { dedupe })], claim: claimOf('q') };
      const first = await q().commit(commit, ended);
      await reopen();
      expect((await q().claim(2, {}, 'claim')).tasks).toEqual([deliveredAgain(one)]);
      expect(await q().commit(commit, ended)).toEqual(repeated(first));
      expect(await q().commit(commit, { ...ended, key: 'other', fingerprint: 'other' })).toEqual(repeated(first, 2));
      const step = { kind: 'release', id: one.id, token: one.token } as const;
      const stepped = await q().step(step, released);
      await reopen();
      expect(await q().step(step, released)).toEqual({ ...stepped, replayed: true });
      const again = await q().commit({ enqueue: [newTask('q', { dedupe })] });
      expect(again.tasks?.[0]).toMatchObject({ isDuplicate: true, task: { id: first.tasks?.[0]?.task.id } });
      opened.clock.advance(1000);
      await reopen();
      expect((await q().commit({ enqueue: [newTask('q', { dedupe })] })).tasks?.[0]?.isDuplicate).toBe(false);
    });

    it('keeps a paused queue paused, and goes on counting progress', async () => {
      const q = () => new TestQueue(opened.engine, tenant.name);
      await q().enqueue({ id: 'one' });
      const task = await q().take();
      await q().progress(task, '"one"');
      await opened.engine.tasks.pause(tenant.name, 'q', true);
      await reopen();
      expect((await q().look()).isPaused).toBe(true);
      expect((await q().progress(task, '"two"')).eventId).toBe('2');
      await opened.engine.tasks.pause(tenant.name, 'q', false);
      await reopen();
      expect((await q().look()).isPaused).toBe(false);
      const progress = await opened.engine.tasks.readProgress(tenant.name, 'one', 0, 10);
      expect(progress?.events.map(({ id, event }) => [id, event])).toEqual([
        [1, '"one"'],
        [2, '"two"'],
      ]);
    });

    it('does not bring back tasks that were removed, forgotten or replaced by a new life (invariant 18)', async () => {
      const q = () => new TestQueue(opened.engine, tenant.name);
      const ids = await q().enqueueSome(3, { workflowId: 'a' });
      const [done, dead] = (await q().claim(2)).tasks as [ClaimedTask, ClaimedTask];
      await q().progress(done);
      await q().complete(done);
      await q().fail(dead, { isRetryable: false });
      await q().cancel(ids[2] as string);
      await opened.engine.tasks.purgeDead(tenant.name, 'q', { ids: [dead.id] }, once());
      opened.clock.advance(3_600_000);
      await reopen();
      for (const id of ids) expect(await q().find(id)).toBeUndefined();
      await q().commit({ enqueue: [newTask('q', { id: done.id })] });
      await sweepAll(opened.engine);
      await reopen();
      expect(await q().get(done.id)).toMatchObject({ status: 'ready', result: undefined, failures: [] });
      expect(await opened.engine.tasks.readProgress(tenant.name, done.id, 0, 10)).toMatchObject({ events: [] });
      expect(await opened.engine.tasks.listOfWorkflow(tenant.name, 'a', 10)).toEqual([]);
    });

    it('leaves nothing of refused commits with tasks (invariant 9)', async () => {
      const q = () => new TestQueue(opened.engine, tenant.name);
      const dedupe = { key: 'k', keepMs: A_DAY_MS };
      await tenant.put('a', {});
      await q().enqueue({ id: 'one', workflowId: 'a' });
      const { id, token } = await q().take();
      const task = newTask('q', { dedupe, workflowId: 'a' });
      const look = () => dumpTasks(opened.engine, tenant.name, [id, task.id], ['a']);
      const before = (await look()) as { all: { tasks: unknown; workflows: unknown } };
      await expect(
        tenant.commit({ ack: { taskId: id, token, result: '1' }, enqueue: [task], deletes: [remove('nobody')] }),
      ).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
      await reopen();
      const { all } = (await look()) as typeof before;
      expect([all.tasks, all.workflows]).toEqual([before.all.tasks, before.all.workflows]);
      expect((await q().commit({ enqueue: [newTask('q', { dedupe })] })).tasks?.[0]?.isDuplicate).toBe(false);
    });

    it('starts the time of a workflow anew when its last task has ended before or after it', async () => {
      const q = () => new TestQueue(opened.engine, tenant.name);
      await tenant.commit({ puts: [put('a', {}, { ttl: 1000 }), put('b', {}, { ttl: 1000 })] });
      await q().commit({ enqueue: ['a', 'b'].map((id) => newTask('q', { id, workflowId: id })) });
      opened.clock.advance(5000);
      await q().cancel('a');
      await reopen();
      const deadlines = async () => [(await tenant.get('a')).deadlineMs, (await tenant.get('b')).deadlineMs];
      expect(await deadlines()).toEqual([opened.clock.ms + 1000, null]);
      opened.clock.advance(500);
      await q().complete(await q().take());
      expect(await deadlines()).toEqual([opened.clock.ms + 500, opened.clock.ms + 1000]);
    });

    it('keeps every task that was answered, when many enqueue, claim and end them at once until the end (invariant 2)', async () => {
      const q = () => new TestQueue(opened.engine, tenant.name);
      const first = await q().enqueueSome(100);
      const claimed = await Promise.all(Array.from({ length: 10 }, () => q().claim(5)));
      const tasks = claimed.flatMap((one) => one.tasks);
      const [ended, added] = await Promise.all([
        Promise.all(tasks.map((task, n) => (n % 2 === 0 ? q().complete(task) : q().release(task)))),
        Promise.all(Array.from({ length: 20 }, () => q().enqueue())),
      ]);
      expect(ended).toHaveLength(50);
      await reopen();
      const statuses = await Promise.all([...first, ...added].map(async (id) => (await q().get(id)).status));
      expect(statuses.filter((status) => status === 'done')).toHaveLength(25);
      expect(statuses.filter((status) => status === 'ready')).toHaveLength(95);
      expect(await q().depth()).toEqual({ ready: 95, delayed: 0, leased: 0, dead: 0 });
    });

    it('keeps boards', async () => {
      const board = { board: 'b', notices: [{ name: 'x', text: '"Grüße\n🚀"', keepMs: 1000 }], entries: ['e', 'f'] };
      await tenant.commit({ board: { ...board, add: { n: 2 } } });
      await tenant.commit({ board: { board: 'b', add: { n: 1 } } });
      const read = () => opened.engine.readBoard(tenant.name, 'b');
      const before = await read();
      expect([before.counts, before.notices.length]).toEqual([{ n: 3 }, 1]);
      await reopen();
      expect(await read()).toEqual(before);
    });

    it('can come again and again', async () => {
      await tenant.put('a', {});
      for (let i = 1; i <= 5; i++) {
        await reopen();
        expect((await tenant.patch('a', increment)).state).toBe(`{"count":${i}}`);
      }
      expect(await tenant.versions('a')).toHaveLength(6);
    });
  });
}
