import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { patch, put, remove, touch } from '../../support/parts.js';
import { merge } from '../../support/edits.js';
import { refusalOf } from '../../support/refusal.js';
import { claimOf, DAY, dumpAll, newTask, repeated, TestQueue } from '../../support/tasks.js';
import { TestTenant, type Parts } from '../../support/tenant.js';
import { MIB, type Fixture } from '../engine-under-test.js';

export function describeTaskCommits(fixture: Fixture): void {
  /** A workflow at version 2 and two leased tasks about it. */
  const started = async () => {
    const tenant = fixture.tenant();
    const q = new TestQueue(tenant.engine, tenant.name);
    await tenant.put('a', { n: 1 });
    await tenant.put('a', { n: 2 });
    await tenant.put('b', { n: 1 });
    await q.enqueueSome(3, { workflowId: 'a' });
    const [one, two] = (await q.claim(2)).tasks as [ClaimedTask, ClaimedTask];
    return { tenant, q, one, two };
  };
  const ackOf = ({ id, token }: ClaimedTask) => ({ taskId: id, token, result: '"done"' });

  describe('a commit with tasks', () => {
    it('ends a task, moves states, enqueues, publishes and claims, all at one moment (invariant 9)', async () => {
      const { tenant, q, one } = await started();
      const next = newTask('q', { priority: 0, workflowId: 'a' });
      const outcome = await tenant.commit({
        ack: ackOf(one),
        puts: [put('a', { n: 3 }, { expect: { version: 2 } })],
        patches: [patch('b', merge({ n: 2 }))],
        enqueue: [next, newTask('other')],
        publish: [{ channel: 'c', type: 'told', payload: '{"x":[]}' }],
        claim: claimOf('q'),
      });
      expect(outcome.workflows.map(({ id, version }) => [id, version])).toEqual([
        ['a', 3],
        ['b', 2],
      ]);
      expect(outcome.tasks?.map(({ task, isDuplicate }) => [task.queue, isDuplicate])).toEqual([
        ['q', false],
        ['other', false],
      ]);
      expect(outcome.next).toMatchObject({ id: next.id, attempt: 1 });
      expect(await q.get(one.id)).toMatchObject({ status: 'done', result: '"done"' });
      expect(await q.depth()).toEqual({ ready: 1, delayed: 0, leased: 2, dead: 0 });
      const events = await tenant.engine.readFeed(tenant.name, undefined, 1000);
      const told = events.find(({ type }) => type === 'told');
      expect(told).toMatchObject({ id: outcome.eventIds?.[0], fields: { channel: 'c', payload: '{"x":[]}' } });
      const after = await tenant.engine.readFeed(tenant.name, told?.id, 1000);
      expect(after.every(({ id }) => id !== told?.id)).toBe(true);
    });

    it('that is refused changes nothing, whichever part it was, alone or with others (invariant 9)', async () => {
      const { tenant, q, one } = await started();
      const good: Parts = {
        ack: ackOf(one),
        puts: [put('a', {}, { expect: { version: 2 } })],
        patches: [patch('b', merge({}), { expect: { version: 1 } })],
        enqueue: [newTask('q', { workflowId: 'a' })],
        publish: [{ channel: 'c', type: 't', payload: '1' }],
        claim: claimOf('q'),
      };
      const bad: [Parts, string][] = [
        [{ ack: { ...ackOf(one), token: 'other' } }, 'LEASE_LOST'],
        [{ ack: { ...ackOf(one), taskId: 'nobody' } }, 'TASK_NOT_FOUND'],
        [{ puts: [put('a', {}, { expect: { version: 1 } })] }, 'VERSION_CONFLICT'],
        [{ puts: [put('new', 'x'.repeat(MIB))] }, 'STATE_TOO_LARGE'],
        [{ patches: [patch('b', merge({}), { expect: { version: 9 } })] }, 'VERSION_CONFLICT'],
        [{ deletes: [remove('nobody')] }, 'WORKFLOW_NOT_FOUND'],
        [{ touches: [touch('b', 5, { version: 7 })], patches: [] }, 'VERSION_CONFLICT'],
        [{ enqueue: Array.from({ length: 999 }, () => newTask('q')) }, 'QUEUE_FULL'],
      ];
      for (const [parts, code] of bad) {
        const ids = [one.id, ...(good.enqueue ?? []).map(({ id }) => id)];
        const before = await dumpAll(tenant.engine, tenant.name, ids);
        expect(await refusalOf(tenant.commit({ ...good, ...parts }))).toMatchObject({ code });
        expect(await dumpAll(tenant.engine, tenant.name, ids)).toEqual(before);
      }
      const all = Object.assign({}, good, ...bad.map(([parts]) => parts)) as Parts;
      await expect(tenant.commit(all)).rejects.toThrow();
      expect((await tenant.commit(good)).replayed).toBe(false);
      expect((await q.get(one.id)).status).toBe('done');
    });

    it('from one version has one winner, whichever task it acknowledges (invariant 10)', async () => {
      const { tenant, q, one, two } = await started();
      const steps = [one, two].map((task, n) =>
        tenant.commit({
          ack: ackOf(task),
          puts: [put('a', { n }, { expect: { version: 2 } })],
          enqueue: [newTask('next')],
        }),
      );
      const results = await Promise.allSettled(steps);
      expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      const loser = results[0]?.status === 'rejected' ? one : two;
      expect((await tenant.get('a')).version).toBe(3);
      expect(await q.get(loser.id)).toMatchObject({ status: 'leased', attempt: 1 });
      expect(await new TestQueue(q.engine, q.tenant, 'next').depth()).toMatchObject({ ready: 1 });
    });

    it('that is repeated gives the same outcome, by its key and by its token (invariant 11)', async () => {
      const { tenant, one } = await started();
      const parts = {
        ack: ackOf(one),
        patches: [patch('b', merge({ x: 1 }))],
        enqueue: [newTask('q')],
        claim: claimOf('q'),
      };
      const name = { key: `k-${one.token}`, alias: `ack-${one.token}`, keepMs: DAY };
      const first = await tenant.commit(parts, name);
      const { state: _state, ...workflow } = first.workflows[0] as { state?: string };
      const expected = (n: number) => ({ ...repeated(first, n), workflows: [workflow] });
      expect(await tenant.commit(parts, name)).toEqual(expected(1));
      expect(await tenant.commit(parts, { ...name, key: 'another', fingerprint: 'x' })).toEqual(expected(2));
      const q = new TestQueue(tenant.engine, tenant.name);
      await q.complete(first.next as ClaimedTask);
      expect((await tenant.commit(parts, name)).next).toBeUndefined();
      await expect(tenant.commit(parts, { ...name, fingerprint: 'x' })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_MISMATCH',
      });
      expect((await tenant.get('b')).version).toBe(2);
    });

    it('cancels what is open for a workflow, also what workers have', async () => {
      const { tenant, q, one, two } = await started();
      await q.enqueue({ workflowId: 'b' });
      await tenant.commit({ deletes: [remove('a')], cancelTasksOf: ['a'] });
      expect(await q.depth()).toMatchObject({ ready: 1, leased: 0 });
      for (const task of [one, two]) {
        expect(await q.get(task.id)).toMatchObject({ status: 'cancelled', reason: 'WORKFLOW_CANCELLED' });
      }
      await expect(q.complete(two)).rejects.toMatchObject({ code: 'TASK_CANCELLED' });
    });
  });

  describe('the deadline of a workflow', () => {
    const held = async (tenant: TestTenant) => (await tenant.get('a')).deadlineMs === null;

    it('waits for open tasks that name it, and begins anew when the last one has ended', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      await tenant.put('a', { status: 'x' }, { ttl: 1000 });
      await q.enqueueSome(2, { workflowId: 'a', start: { delayMs: 5000 } });
      fixture.clock.advance(5000);
      await fixture.engine.sweep();
      expect(await held(tenant)).toBe(true);
      const one = await q.take();
      fixture.clock.advance(5000);
      await q.complete(one);
      expect(await held(tenant)).toBe(true);
      await q.fail(await q.take(), { isRetryable: false });
      expect((await tenant.get('a')).deadlineMs).toBe(fixture.clock.ms + 1000);
      fixture.clock.advance(1000);
      expect(await tenant.find('a')).toBeUndefined();
    });

    it('waits for tasks that were there before it, and through writes that set another one', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      const id = await q.enqueue({ workflowId: 'a' });
      await tenant.put('a', {}, { ttl: 1000 });
      expect(await held(tenant)).toBe(true);
      await tenant.put('a', {}, { ttl: 2000 });
      await tenant.patch('a', merge({}), { ttl: 'keep' });
      await tenant.touch('a', 3000);
      expect(await held(tenant)).toBe(true);
      await q.cancel(id);
      expect((await tenant.get('a')).deadlineMs).toBe(fixture.clock.ms + 3000);
    });

    it('stays never where it is never, and is not brought back where it has passed', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      await tenant.put('a', {}, { ttl: null });
      await q.cancel(await q.enqueue({ workflowId: 'a' }));
      expect(await held(tenant)).toBe(true);
      await tenant.put('gone', {}, { ttl: 10 });
      fixture.clock.advance(10);
      await q.enqueue({ workflowId: 'gone' });
      expect(await tenant.find('gone')).toBeUndefined();
      expect(await tenant.put('gone', {}, { ttl: 10 })).toMatchObject({ version: 1, deadlineMs: null });
    });

    it('is right in the answer of the very commit that ends one task and begins another', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      await tenant.put('a', {}, { ttl: 1000 });
      await q.enqueue({ workflowId: 'a' });
      const task = await q.take();
      const on = await tenant.commit({
        ack: ackOf(task),
        puts: [put('a', {}, { ttl: 1000 })],
        enqueue: [newTask('q', { workflowId: 'a' })],
      });
      expect(on.workflows[0]?.deadlineMs).toBeNull();
      const last = await q.take();
      const over = await tenant.commit({ ack: ackOf(last), puts: [put('a', {}, { ttl: 1000 })] });
      expect(over.workflows[0]?.deadlineMs).toBe(fixture.clock.ms + 1000);
    });

    it('does not keep a task back: a deleted workflow leaves its tasks as they are', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      await tenant.put('a', {});
      const id = await q.enqueue({ workflowId: 'a' });
      await tenant.delete('a');
      expect((await q.take()).id).toBe(id);
      const tasks = await tenant.engine.tasks.listOfWorkflow(tenant.name, 'a', 10);
      expect(tasks.map((task) => task.id)).toEqual([id]);
    });
  });
}
