import { describe, expect, it } from '@jest/globals';
import { once, put } from '../../support/parts.js';
import { refusalOf } from '../../support/refusal.js';
import { claimOf, newTask, TestQueue } from '../../support/tasks.js';
import { dumpTasks, sweepAll } from '../../support/task-dump.js';
import type { ClaimedTask } from '../../../src/engine/task.js';
import type { Fixture } from '../engine-under-test.js';

export function describeTaskFencing(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);
  const commitOf = (q: TestQueue, { id, token }: ClaimedTask) =>
    q.commit({
      ack: { taskId: id, token, result: '"old"' },
      puts: [put('a', { by: 'old' })],
      enqueue: [newTask('next')],
      publish: [{ channel: 'c', type: 't', payload: '1' }],
      claim: claimOf('q'),
    });

  /** Ways in which a holder loses its lease, and the error code from then on. */
  const ways: Readonly<Record<string, { lose(q: TestQueue, held: ClaimedTask): Promise<unknown>; code: string }>> = {
    'its lease has run out and somebody else has claimed the task': {
      async lose(q) {
        fixture.clock.advance(10);
        expect(await q.takeIds(1)).toHaveLength(1);
      },
      code: 'LEASE_LOST',
    },
    'it has released the task': { lose: (q, held) => q.release(held), code: 'LEASE_LOST' },
    'it has released the task and got it again': {
      async lose(q, held) {
        await q.release(held);
        await q.take();
      },
      code: 'LEASE_LOST',
    },
    'it has failed': { lose: (q, held) => q.fail(held, { retryAfterMs: 100 }), code: 'LEASE_LOST' },
    'it has failed for the last time': { lose: (q, held) => q.fail(held, { isRetryable: false }), code: 'LEASE_LOST' },
    'it has failed, and the task came back from the dead': {
      async lose(q, held) {
        await q.fail(held, { isRetryable: false });
        const options = { resetAttempts: true, spreadMs: 0 };
        await q.engine.tasks.replayDead(q.tenant, q.name, { ids: [held.id] }, options, once());
      },
      code: 'LEASE_LOST',
    },
    'the task is done': { lose: (q, held) => q.complete(held), code: 'LEASE_LOST' },
    'the task was cancelled by force': { lose: (q, { id }) => q.cancel(id, true), code: 'TASK_CANCELLED' },
    'it gave back a task it was asked to stop': {
      async lose(q, held) {
        await q.cancel(held.id);
        await q.release(held);
      },
      code: 'TASK_CANCELLED',
    },
    'the task was cancelled with its workflow': {
      lose: (q) => q.commit({ cancelTasksOf: ['a'] }),
      code: 'TASK_CANCELLED',
    },
    'the task has died and was removed': {
      async lose(q, held) {
        await q.fail(held, { isRetryable: false });
        await q.engine.tasks.purgeDead(q.tenant, q.name, { ids: [held.id] }, once());
      },
      code: 'TASK_NOT_FOUND',
    },
  };

  describe('the holder of a lease', () => {
    it.each(Object.keys(ways))('can do nothing more once %s (invariant 3)', async (how) => {
      const { lose, code } = ways[how] as (typeof ways)[string];
      const q = queue();
      await q.commit({ puts: [put('a', { by: 'nobody' })] });
      const [id] = await q.enqueueSome(1, { workflowId: 'a' });
      const held = await q.take({ leaseMs: 10 });
      await lose(q, held);
      const before = await dumpTasks(q.engine, q.tenant, [id as string], ['a']);
      for (const step of [...q.heldSteps(held), () => commitOf(q, held)]) {
        expect(await refusalOf(step())).toMatchObject({ code });
      }
      expect(await dumpTasks(q.engine, q.tenant, [id as string], ['a'])).toEqual(before);
    });

    it('needs the token of this task, of this tenant, and all of it (invariant 3)', async () => {
      const q = queue();
      await q.enqueueSome(2);
      const [one, two] = (await q.claim(2)).tasks as [ClaimedTask, ClaimedTask];
      const elsewhere = queue();
      await elsewhere.enqueue({ id: one.id });
      await elsewhere.take();
      const before = await dumpTasks(q.engine, q.tenant, [one.id, two.id]);
      for (const token of [two.token, '', one.token.slice(0, -1), `${one.token} `, one.token.toUpperCase(), 'null']) {
        for (const step of q.heldSteps({ ...one, token })) {
          expect(await refusalOf(step())).toMatchObject({ code: 'LEASE_LOST' });
        }
      }
      for (const step of elsewhere.heldSteps(one))
        expect(await refusalOf(step())).toMatchObject({ code: 'LEASE_LOST' });
      expect(await dumpTasks(q.engine, q.tenant, [one.id, two.id])).toEqual(before);
    });

    it('of a task without a lease has no rights, whatever token it brings (invariant 3)', async () => {
      const q = queue();
      const id = await q.enqueue();
      const before = await dumpTasks(q.engine, q.tenant, [id]);
      for (const token of ['', 'null', 'undefined', 'false', id]) {
        for (const step of q.heldSteps({ id, token } as ClaimedTask)) {
          expect(await refusalOf(step())).toMatchObject({ code: 'LEASE_LOST' });
        }
      }
      expect(await dumpTasks(q.engine, q.tenant, [id])).toEqual(before);
    });
  });

  describe('a lease that has run out', () => {
    const lateSteps: Readonly<Record<string, [(q: TestQueue, late: ClaimedTask) => Promise<unknown>, object]>> = {
      complete: [(q, late) => q.complete(late), { status: 'done', attempt: 1 }],
      'complete with a state and a next task': [commitOf, { status: 'done', result: '"old"' }],
      fail: [(q, late) => q.fail(late, { retryAfterMs: 50 }), { status: 'delayed', attempt: 1 }],
      release: [(q, late) => q.release(late), { status: 'ready', attempt: 0, releases: 1 }],
      extend: [(q, late) => q.extend(late), { status: 'leased', attempt: 1 }],
      progress: [(q, late) => q.progress(late), { status: 'leased', attempt: 1 }],
    };

    for (const isSwept of [false, true]) {
      const when = isSwept ? 'after a sweep' : 'before anybody has noticed';
      it.each(Object.keys(lateSteps))(`still lets its holder %s, ${when} (invariant 5)`, async (name) => {
        const [step, expected] = lateSteps[name] as (typeof lateSteps)[string];
        const q = queue();
        const id = await q.enqueue();
        const late = await q.take({ leaseMs: 10 });
        fixture.clock.advance(isSwept ? 500 : 10);
        if (isSwept) await sweepAll(fixture.engine);
        await step(q, late);
        expect(await q.get(id)).toMatchObject(expected);
        const { status } = await q.get(id);
        expect(await q.depth()).toEqual({
          ready: Number(status === 'ready'),
          delayed: Number(status === 'delayed'),
          leased: Number(status === 'leased'),
          dead: 0,
        });
      });
    }

    it('accepts one end and no second one, without a key that says it is the same (invariant 5)', async () => {
      const q = queue();
      const id = await q.enqueue();
      const late = await q.take({ leaseMs: 10 });
      fixture.clock.advance(10);
      const ends = await Promise.allSettled(
        ['1', '2', '3'].map((result) => q.commit({ ack: { taskId: id, token: late.token, result } })),
      );
      expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await q.look()).totals.completed).toBe(1);
      for (const end of ends) {
        if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'LEASE_LOST' });
      }
    });

    it('is over for good when it was the last one and the task has died of it (invariants 5 and 6)', async () => {
      const q = queue();
      const id = await q.enqueue({ maxAttempts: 1 });
      const late = await q.take({ leaseMs: 10 });
      fixture.clock.advance(10);
      await sweepAll(fixture.engine);
      expect(await q.get(id)).toMatchObject({ status: 'dead', reason: 'LEASE_EXPIRED' });
      for (const step of q.heldSteps(late)) expect(await refusalOf(step())).toMatchObject({ code: 'LEASE_LOST' });
    });

    it('lasts until its very millisecond', async () => {
      const q = queue();
      const id = await q.enqueue();
      await q.take({ leaseMs: 10 });
      fixture.clock.advance(9);
      expect(await q.takeIds(1)).toEqual([]);
      fixture.clock.advance(1);
      expect(await q.takeIds(1)).toEqual([id]);
    });
  });
}
