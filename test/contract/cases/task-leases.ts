import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { refusalOf } from '../../support/refusal.js';
import { deliveredAgain, dumpAll, TestQueue } from '../../support/tasks.js';
import { until } from '../../support/until.js';
import type { Fixture } from '../engine-under-test.js';
import { MAX_PROGRESS_EVENTS, MAX_RELEASES } from '../../../src/engine/limits.js';

export function describeTaskLeases(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);
  const expire = (q: TestQueue, task: ClaimedTask) =>
    q.extend(task, 10).then(() => {
      fixture.clock.advance(10);
    });

  describe('a lease', () => {
    it('has a token of its own for every delivery, and one holder at a time (invariant 4)', async () => {
      const q = queue();
      await q.enqueueSome(3);
      const all = await Promise.all(Array.from({ length: 5 }, () => q.claim(2)));
      const tasks = all.flatMap((claimed) => claimed.tasks);
      expect(new Set(tasks.map(({ id }) => id)).size).toBe(3);
      expect(new Set(tasks.map(({ token }) => token)).size).toBe(3);
    });

    it('is not affected by any call with an old token (invariant 3)', async () => {
      const q = queue();
      const id = await q.enqueue();
      const old = await q.take();
      await expire(q, old);
      const current = await q.take();
      expect(current.id).toBe(id);
      const before = await dumpAll(q.engine, q.tenant, [id]);
      for (const step of q.heldSteps(old)) expect(await refusalOf(step())).toMatchObject({ code: 'LEASE_LOST' });
      await expect(
        q.commit({
          ack: { taskId: id, token: old.token, result: '1' },
          publish: [{ channel: 'c', type: 't', payload: '1' }],
        }),
      ).rejects.toMatchObject({ code: 'LEASE_LOST', failed: { part: 'ack', index: 0 } });
      expect(await dumpAll(q.engine, q.tenant, [id])).toEqual(before);
      expect((await q.complete(current)).replayed).toBe(false);
    });

    it('that has expired can still be ended, once, until another claim takes the task (invariant 5)', async () => {
      const q = queue();
      await q.enqueueSome(2);
      const [late, tooLate] = (await q.claim(2, { leaseMs: 10 })).tasks as [ClaimedTask, ClaimedTask];
      fixture.clock.advance(1000);
      await fixture.engine.sweep();
      expect(await q.depth()).toMatchObject({ ready: 2, leased: 0 });
      expect((await q.complete(late, '"late"')).replayed).toBe(false);
      expect((await q.complete(late, '"again"')).replayed).toBe(true);
      expect(await q.get(late.id)).toMatchObject({ status: 'done', result: '"late"' });
      expect(await q.takeIds(5)).toEqual([tooLate.id]);
      await expect(q.complete(tooLate)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    });

    it('can be renewed, also when it had run out unnoticed, but not beyond the limit of the task', async () => {
      const q = queue();
      await q.enqueue({ limitMs: 50 });
      const task = await q.take({ leaseMs: 10 });
      fixture.clock.advance(20);
      await fixture.engine.sweep();
      const renewed = await q.extend(task, 1000);
      expect(renewed.task).toMatchObject({ status: 'leased', attempt: 1, leaseEndsAtMs: fixture.clock.ms + 30 });
      expect(await q.depth()).toMatchObject({ ready: 0, leased: 1 });
      fixture.clock.advance(30);
      expect(await q.takeIds(1)).toEqual([task.id]);
    });

    it('is given again for the same claim, as long as it is still its own (invariant 11)', async () => {
      const q = queue();
      await q.enqueueSome(3);
      const key = randomUUID();
      const first = await q.claim(2, {}, key);
      expect((await q.claim(2, {}, key)).tasks).toEqual(first.tasks.map((task) => deliveredAgain(task)));
      await q.complete(first.tasks[0] as ClaimedTask);
      expect((await q.claim(2, {}, key)).tasks).toEqual([deliveredAgain(first.tasks[1] as ClaimedTask, 2)]);
      await q.release(first.tasks[1] as ClaimedTask);
      const fresh = await q.claim(2, {}, key);
      expect(fresh.tasks.map(({ id }) => id)).toContain((first.tasks[1] as ClaimedTask).id);
      expect((await q.look()).leased).toBe(2);
    });

    it('takes as long as the claim says, or the task', async () => {
      const q = queue();
      await q.enqueueSome(2, { leaseMs: 7000 });
      expect((await q.take()).leaseEndsAtMs).toBe(fixture.clock.ms + 7000);
      expect((await q.take({ leaseMs: 9000 })).leaseEndsAtMs).toBe(fixture.clock.ms + 9000);
    });
  });

  describe('a lease that is over', () => {
    const events = async (q: TestQueue, ids: readonly string[]) =>
      (await q.engine.readFeed(q.tenant, undefined, 1000))
        .filter(({ fields }) => ids.includes(fields['id'] as string))
        .map(({ type, fields }) => [type, fields['id']]);

    it('is not shown as held, by no read of its task, and ends once for all readers', async () => {
      const q = queue();
      const [back, spent] = ['back', 'spent'];
      await q.enqueue({ id: back, workflowId: 'a', maxAttempts: 2, leaseMs: 10 });
      await q.enqueue({ id: spent, workflowId: 'a', maxAttempts: 1, leaseMs: 10 });
      await q.enqueue({ id: 'held', workflowId: 'a' });
      const leases = (await q.claim(3)).tasks;
      fixture.clock.advance(9);
      expect(await q.get(back)).toMatchObject({ status: 'leased', attempt: 1 });
      fixture.clock.advance(1);
      const read = await Promise.all([q.get(back), q.get(spent), q.get(back), q.get(spent)]);
      const expected = [
        { status: 'ready', attempt: 1, leaseEndsAtMs: null },
        { status: 'dead', attempt: 1, reason: 'LEASE_EXPIRED' },
      ];
      expect(read).toMatchObject([...expected, ...expected]);
      expect(await q.depth()).toEqual({ ready: 1, delayed: 0, leased: 1, dead: 1 });
      const ended = [
        ['task.dead', spent],
        ['task.lease-expired', back],
      ];
      const all = await events(q, [back, spent]);
      expect(all.slice(0, 4)).toEqual([
        ...[back, spent].map((id) => ['task.enqueued', id]),
        ...[back, spent].map((id) => ['task.claimed', id]),
      ]);
      // Two readers may end one lease each, in any order.
      expect(all.slice(4).toSorted()).toEqual(ended);
      expect((await q.complete(leases[0] as ClaimedTask)).replayed).toBe(false);
    });

    it.each<[string, (q: TestQueue) => Promise<unknown>, unknown]>([
      [
        'the tasks of a workflow',
        (q) => q.engine.tasks.listOfWorkflow(q.tenant, 'a', 10),
        [{ status: 'ready', attempt: 1 }, { status: 'dead' }],
      ],
      ['the dead tasks', (q) => q.engine.tasks.listDead(q.tenant, q.name, 10), [{ status: 'dead', payload: '"kept"' }]],
      ['the queue', (q) => q.look(), { ready: 1, leased: 0, dead: 1, nextLeaseEndsAtMs: null, totals: { died: 1 } }],
    ])('is not shown as held by %s', async (_, read, expected) => {
      const q = queue();
      const given = { workflowId: 'a', leaseMs: 10, payload: '"kept"' };
      await q.enqueue({ ...given, maxAttempts: 2 });
      await q.enqueue({ ...given, maxAttempts: 1 });
      await q.claim(2);
      fixture.clock.advance(10);
      expect(await read(q)).toMatchObject(expected as object);
    });

    it('ends with its task when that was asked to stop', async () => {
      const q = queue();
      const id = await q.enqueue({ leaseMs: 10 });
      await q.take();
      await q.cancel(id);
      fixture.clock.advance(10);
      expect(await q.get(id)).toMatchObject({ status: 'cancelled', cancelRequested: true });
    });
  });

  describe('a delivery', () => {
    it('that failed comes back after its back-off, with what went wrong', async () => {
      const q = queue();
      const id = await q.enqueue({ backoffMs: [100, 200], maxAttempts: 5 });
      for (const wait of [100, 200, 200]) {
        const failed = await q.fail(await q.take());
        expect(failed.task).toMatchObject({ status: 'delayed', dueAtMs: fixture.clock.ms + wait });
        fixture.clock.advance(wait);
      }
      const { failures, attempt } = await q.get(id);
      expect(attempt).toBe(3);
      expect(failures.map((failure) => failure.attempt)).toEqual([1, 2, 3]);
      expect(failures[0]).toMatchObject({ code: 'BROKEN', message: 'it broke' });
      const again = await q.fail(await q.take(), { jitter: 1.5 });
      expect(again.task.dueAtMs).toBe(fixture.clock.ms + 300);
      fixture.clock.advance(300);
      const asked = await q.fail(await q.take(), { retryAfterMs: 7 });
      expect(asked.task.status).toBe('dead');
    });

    it('happens at most maxAttempts times, and the last one ends among the dead (invariant 6)', async () => {
      const q = queue();
      const id = await q.enqueue({ maxAttempts: 3, backoffMs: [1] });
      await expire(q, await q.take());
      await q.fail(await q.take());
      fixture.clock.advance(1);
      const last = await q.take();
      expect(last.attempt).toBe(3);
      await expire(q, last);
      expect(await q.takeIds(1)).toEqual([]);
      expect(await q.get(id)).toMatchObject({ status: 'dead', reason: 'LEASE_EXPIRED', attempt: 3, payload: '{}' });
      await expect(q.complete(last)).rejects.toMatchObject({ code: 'LEASE_LOST' });
      expect(await q.depth()).toEqual({ ready: 0, delayed: 0, leased: 0, dead: 1 });
    });

    it('that cannot be tried again dies at once', async () => {
      const q = queue();
      await q.enqueue();
      const failed = await q.fail(await q.take(), { isRetryable: false });
      expect(failed.task).toMatchObject({ status: 'dead', reason: 'BROKEN', attempt: 1 });
    });

    it('that was released costs no attempt, until that has been done too often (invariant 6)', async () => {
      const q = queue();
      await q.enqueue({ maxAttempts: 1 });
      for (let n = 0; n < MAX_RELEASES; n++) {
        const task = await q.take();
        expect(task.attempt).toBe(1);
        expect((await q.release(task)).task.status).toBe('ready');
      }
      expect((await q.release(await q.take())).task).toMatchObject({ status: 'dead', reason: 'RELEASED_TOO_OFTEN' });
    });

    it('is not begun when it is too late for it', async () => {
      const q = queue();
      const late = await q.enqueue({ expires: { atMs: fixture.clock.ms + 100 } });
      const alone = await q.enqueue({ expires: { afterDueMs: 50 }, start: { delayMs: 50 } });
      const other = await q.enqueue();
      fixture.clock.advance(100);
      expect(await q.takeIds(5)).toEqual([other]);
      await fixture.engine.sweep();
      for (const id of [late, alone]) expect(await q.get(id)).toMatchObject({ status: 'dead', reason: 'EXPIRED' });
    });
  });

  describe('cancelling', () => {
    it('takes a waiting task out for good, and asks the holder of one to stop (invariant 15)', async () => {
      const q = queue();
      const [ready, leased] = await q.enqueueSome(2);
      const delayed = await q.enqueue({ start: { delayMs: 100 } });
      for (const id of [ready as string, delayed]) {
        expect((await q.cancel(id)).task).toMatchObject({ status: 'cancelled' });
        expect((await q.get(id)).payload).toBeUndefined();
      }
      const task = await q.take();
      expect(task.id).toBe(leased);
      expect((await q.cancel(task.id)).task).toMatchObject({ status: 'leased', cancelRequested: true });
      expect((await q.extend(task)).task.cancelRequested).toBe(true);
      expect((await q.progress(task)).task.cancelRequested).toBe(true);
      expect((await q.release(task)).task.status).toBe('cancelled');
      fixture.clock.advance(1000);
      expect(await q.takeIds(5)).toEqual([]);
      await expect(q.cancel(task.id)).rejects.toMatchObject({ code: 'TASK_ENDED' });
      await expect(q.cancel('nobody')).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    });

    it('lets a holder that has finished all the same be done', async () => {
      const q = queue();
      await q.enqueue();
      const task = await q.take();
      await q.cancel(task.id);
      await q.complete(task);
      expect((await q.get(task.id)).status).toBe('done');
    });

    it('by force takes the lease away (invariant 15)', async () => {
      const q = queue();
      await q.enqueue();
      const task = await q.take();
      await q.cancel(task.id, true);
      for (const step of q.heldSteps(task)) expect(await refusalOf(step())).toMatchObject({ code: 'TASK_CANCELLED' });
    });

    it('ends what its holder left behind instead of giving it to the next one', async () => {
      const q = queue();
      await q.enqueueSome(2);
      const [one, two] = (await q.claim(2, { leaseMs: 10 })).tasks as [ClaimedTask, ClaimedTask];
      await q.cancel(one.id);
      await q.cancel(two.id);
      await q.fail(two);
      fixture.clock.advance(10);
      expect(await q.takeIds(5)).toEqual([]);
      for (const { id } of [one, two]) expect((await q.get(id)).status).toBe('cancelled');
    });
  });

  describe('a step', () => {
    it('that is repeated under its key is not taken again (invariant 11)', async () => {
      const q = queue();
      await q.enqueue({ backoffMs: [100] });
      const { id, token } = await q.take();
      const key = randomUUID();
      const error = { code: 'X', message: '' };
      const fail = () => q.step({ kind: 'fail', id, token, error, isRetryable: true, jitter: 1 }, { key });
      const first = await fail();
      fixture.clock.advance(5);
      expect(await fail()).toEqual({ ...first, replayed: true });
      expect((await q.get(id)).failures).toHaveLength(1);
      await expect(q.step({ kind: 'release', id, token }, { key, fingerprint: 'other' })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_MISMATCH',
      });
    });

    it('is announced to requests that wait for the task', async () => {
      const q = queue();
      const id = await q.enqueue();
      let hints = 0;
      const stop = fixture.engine.onChange(q.tenant, `task ${id}`, () => hints++);
      const next = async (act: () => Promise<unknown>) => {
        const before = hints;
        await act();
        await until(() => hints > before, 'a hint comes');
      };
      let task!: ClaimedTask;
      await next(async () => (task = await q.take()));
      await next(() => q.progress(task));
      await next(() => q.complete(task));
      stop();
    });
  });

  describe('progress', () => {
    it('is read from anywhere, in order, and renews the lease', async () => {
      const q = queue();
      const id = await q.enqueue();
      const task = await q.take({ leaseMs: 10 });
      for (let n = 1; n <= 5; n++) {
        const told = await q.progress(task, `{"n":${n}}`);
        // Renewed for as long as the lease was.
        expect([told.eventId, told.task.leaseEndsAtMs]).toEqual([String(n), fixture.clock.ms + 10]);
      }
      const read = (after: number, limit: number) => q.engine.tasks.readProgress(q.tenant, id, after, limit);
      expect((await read(1, 2))?.events.map(({ event }) => event)).toEqual(['{"n":2}', '{"n":3}']);
      expect(await read(5, 10)).toEqual({ events: [], isOver: false, oldest: 1 });
      await q.complete(task);
      expect(await read(4, 10)).toMatchObject({ events: [{ id: 5, event: '{"n":5}' }], isOver: true });
      expect(await q.engine.tasks.readProgress(q.tenant, 'nobody', 0, 1)).toBeUndefined();
    });

    it('is bounded', async () => {
      const q = queue();
      const id = await q.enqueue();
      const task = await q.take();
      for (let n = 0; n < MAX_PROGRESS_EVENTS + 5; n++) await q.progress(task);
      const progress = await q.engine.tasks.readProgress(q.tenant, id, 0, 2000);
      expect([progress?.oldest, progress?.events.length]).toEqual([6, MAX_PROGRESS_EVENTS]);
    });
  });
}
