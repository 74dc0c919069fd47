import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { once, put } from '../../support/parts.js';
import { refusalOf } from '../../support/refusal.js';
import { newTask, TestQueue } from '../../support/tasks.js';
import { dumpTasks, sweepAll } from '../../support/task-dump.js';
import type { Fixture } from '../engine-under-test.js';
import { MAX_CANCELLED } from '../../../src/engine/limits.js';

export function describeTaskCancelling(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);
  const cancel = (q: TestQueue, id: string, reason: string) => q.step({ kind: 'cancel', id, reason, isForced: false });

  describe('a cancelled task', () => {
    it('is never delivered, whatever it was waiting for (invariant 15)', async () => {
      const q = queue();
      const ready = await q.enqueue();
      const delayed = await q.enqueue({ start: { delayMs: 10 } });
      const failed = await q.enqueue();
      const [first, , third] = [await q.take(), undefined, await q.take()];
      await q.release(first);
      await q.fail(third, { retryAfterMs: 10 });
      const ranOut = await q.enqueue();
      const [again, last] = (await q.claim(2, { leaseMs: 5 })).tasks as [ClaimedTask, ClaimedTask];
      expect([again.id, last.id]).toEqual([ready, ranOut]);
      fixture.clock.advance(5);
      await sweepAll(fixture.engine);
      for (const id of [ready, delayed, failed, ranOut]) {
        expect((await q.cancel(id)).task).toMatchObject({ status: 'cancelled', cancelRequested: true });
      }
      fixture.clock.advance(1000);
      await sweepAll(fixture.engine);
      expect(await q.takeIds(10)).toEqual([]);
      expect(await q.depth()).toEqual({ ready: 0, delayed: 0, leased: 0, dead: 0 });
      expect((await q.look()).totals.cancelled).toBe(4);
      // The last holder learns that the task was cancelled, not that another one has it.
      await expect(q.complete(last)).rejects.toMatchObject({ code: 'TASK_CANCELLED' });
    });

    it('says why, when and to whom, and keeps what went wrong, but neither payload nor result', async () => {
      const q = queue();
      const id = await q.enqueue({ payload: '"secret"' });
      await q.fail(await q.take({ worker: 'w-1' }), { retryAfterMs: 0 });
      fixture.clock.advance(7);
      await cancel(q, id, 'Grüße "x"\n🚀');
      const task = await q.get(id);
      expect(task).toMatchObject({
        status: 'cancelled',
        reason: 'Grüße "x"\n🚀',
        endedAtMs: fixture.clock.ms,
        worker: 'w-1',
        failures: [{ code: 'BROKEN' }],
      });
      expect([task.payload, task.result]).toEqual([undefined, undefined]);
    });

    it('may be cancelled for a reason with half a character in it, which does no harm', async () => {
      const q = queue();
      const id = await q.enqueue();
      const done = await cancel(q, id, 'half \ud83d').catch((error: unknown) => error);
      expect(done).not.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(done).not.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    });

    it('cannot be cancelled again, no more than one that has ended otherwise (invariant 15)', async () => {
      const q = queue();
      const ids = (await q.enqueueSome(3)) as [string, string, string];
      const [done, dead] = (await q.claim(2)).tasks as [ClaimedTask, ClaimedTask];
      await q.complete(done);
      await q.fail(dead, { isRetryable: false });
      await q.cancel(ids[2]);
      const before = await dumpTasks(q.engine, q.tenant, ids);
      for (const isForced of [false, true]) {
        for (const [i, taskStatus] of ['done', 'dead', 'cancelled'].entries()) {
          expect(await refusalOf(q.cancel(ids[i] as string, isForced))).toMatchObject({
            code: 'TASK_ENDED',
            extensions: { taskStatus },
          });
        }
      }
      expect(await dumpTasks(q.engine, q.tenant, ids)).toEqual(before);
    });
  });

  describe('a holder that was asked to stop', () => {
    const asked = async () => {
      const q = queue();
      const id = await q.enqueue({ maxAttempts: 5 });
      const task = await q.take({ leaseMs: 10 });
      const { task: told } = await cancel(q, id, 'ENOUGH');
      expect(told).toMatchObject({ status: 'leased', cancelRequested: true, reason: 'ENOUGH' });
      return { q, id, task };
    };

    it('sees it with every step, and may go on for a while (invariant 15)', async () => {
      const { q, id, task } = await asked();
      for (const step of [() => q.extend(task), () => q.progress(task)]) {
        expect((await step()).task).toMatchObject({ status: 'leased', cancelRequested: true });
      }
      expect((await q.depth()).leased).toBe(1);
      await q.complete(task, '"after all"');
      expect(await q.get(id)).toMatchObject({ status: 'done', result: '"after all"' });
    });

    it.each(['release', 'fail', 'lease that runs out', 'force'])('ends it by %s (invariant 15)', async (how) => {
      const { q, id, task } = await asked();
      if (how === 'release') await q.release(task);
      else if (how === 'fail') await q.fail(task);
      else if (how === 'force') await q.cancel(id, true);
      else {
        fixture.clock.advance(10);
        await sweepAll(fixture.engine);
      }
      expect((await q.get(id)).status).toBe('cancelled');
      if (how !== 'force') expect((await q.get(id)).reason).toBe('ENOUGH');
      expect(await q.takeIds(5)).toEqual([]);
      await expect(q.extend(task)).rejects.toMatchObject({ code: 'TASK_CANCELLED' });
    });
  });

  describe('cancelling all tasks of a workflow', () => {
    it('ends what is open and leaves what has ended, what is of others, and what comes after (invariant 15)', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      await tenant.commit({ puts: [put('a', {}), put('b', {}), put('c', {})] });
      const [done, dead, leased, acked, ready] = (await q.enqueueSome(5, { workflowId: 'a' })) as string[];
      const [one, two, three, four] = (await q.claim(4)).tasks as ClaimedTask[];
      await q.complete(one as ClaimedTask);
      await q.fail(two as ClaimedTask, { isRetryable: false });
      const delayed = await q.enqueue({ workflowId: 'b', start: { delayMs: 10 } });
      const others = await q.enqueue({ workflowId: 'c' });
      const free = await q.enqueue();
      const after = newTask('q', { workflowId: 'a' });
      await q.commit({
        ack: { taskId: acked as string, token: (four as ClaimedTask).token, result: '1' },
        cancelTasksOf: ['a', 'b', 'nobody'],
        enqueue: [after],
      });
      const statuses = Promise.all(
        [done, dead, leased, acked, ready, delayed, others, free, after.id].map(
          async (id) => (await q.get(id as string)).status,
        ),
      );
      const gone = 'cancelled';
      expect(await statuses).toEqual(['done', 'dead', gone, 'done', gone, gone, 'ready', 'ready', 'ready']);
      await expect(q.complete(three as ClaimedTask)).rejects.toMatchObject({ code: 'TASK_CANCELLED' });
      expect((await tenant.get('a')).deadlineMs).toBeNull();
      expect((await tenant.get('b')).deadlineMs).not.toBeNull();
      expect(await q.takeIds(10)).toEqual([others, free, after.id]);
    });

    it('is refused for more than one step can do, and changes nothing then (invariants 9 and 17)', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      await tenant.put('a', {});
      const tasks = (count: number, name: string) =>
        Array.from({ length: count }, () => newTask(name, { workflowId: 'a' }));
      for (let n = 0; n < MAX_CANCELLED / 100; n++) await q.commit({ enqueue: tasks(100, `q-${n % 2}`) });
      const [last] = tasks(1, 'q');
      await q.commit({ enqueue: [last as ReturnType<typeof newTask>] });
      const act = () => q.commit({ cancelTasksOf: ['a'], puts: [put('a', { cancelled: true })] }, once());
      expect(await refusalOf(act())).toMatchObject({ code: 'TOO_MANY_TASKS' });
      expect(await tenant.state('a')).toEqual({});
      await q.cancel((last as { id: string }).id);
      await act();
      const left = await Promise.all(
        ['q', 'q-0', 'q-1'].map((name) => new TestQueue(q.engine, q.tenant, name).depth()),
      );
      for (const depth of left) expect(depth).toEqual({ ready: 0, delayed: 0, leased: 0, dead: 0 });
      expect((await tenant.get('a')).deadlineMs).not.toBeNull();
    });
  });
}
