import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { claimOf, newTask, queueNames, SECOND, TestQueue } from '../../support/tasks.js';
import { sweepAll } from '../../support/task-dump.js';
import type { Fixture } from '../engine-under-test.js';
import { MINUTE_MS, WORKER_SHOWN_MS } from '../../../src/engine/limits.js';

const HOUR = 3_600_000;

export function describeTaskFigures(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);

  describe('the figures of a queue', () => {
    it('are those of an empty queue before its first use', async () => {
      const q = queue();
      const totals = { enqueued: 0, claimed: 0, completed: 0, retried: 0, died: 0, cancelled: 0 };
      expect(await q.look()).toEqual({
        name: 'q',
        isPaused: false,
        ready: 0,
        delayed: 0,
        leased: 0,
        dead: 0,
        bytes: 0,
        deadBytes: 0,
        oldestReadyAtMs: null,
        nextDueAtMs: null,
        nextLeaseEndsAtMs: null,
        totals,
        perMinute: { enqueued: 0, completed: 0 },
        workers: [],
      });
      expect(await queueNames(q.engine, q.tenant)).toEqual([]);
    });

    it('count each thing that happened once, however it happened', async () => {
      const q = queue();
      await q.enqueueSome(5, { maxAttempts: 2, backoffMs: [0] });
      const [a, b, c, d] = (await q.claim(4, { leaseMs: 10 })).tasks as ClaimedTask[];
      await q.complete(a as ClaimedTask);
      await q.complete(a as ClaimedTask);
      await q.fail(b as ClaimedTask);
      await q.fail(c as ClaimedTask, { isRetryable: false });
      await q.cancel((d as ClaimedTask).id);
      fixture.clock.advance(10);
      await sweepAll(fixture.engine);
      await q.commit({ enqueue: [newTask('q')], claim: claimOf('q') });
      await expect(q.complete(b as ClaimedTask)).rejects.toThrow();
      expect((await q.look()).totals).toEqual({
        enqueued: 6,
        claimed: 5,
        completed: 1,
        retried: 1,
        died: 1,
        cancelled: 1,
      });
    });

    it('tell since when the first one waits, what is due next and which lease ends next, as time goes on', async () => {
      const q = queue();
      const at = fixture.clock.ms;
      await q.enqueueSome(2, { start: { delayMs: 10 } });
      await q.enqueue({ start: { delayMs: 30 } });
      const times = async () => {
        const { oldestReadyAtMs, nextDueAtMs, nextLeaseEndsAtMs } = await q.look();
        return [oldestReadyAtMs, nextDueAtMs, nextLeaseEndsAtMs].map((ms) => ms && ms - at);
      };
      expect(await times()).toEqual([null, 10, null]);
      fixture.clock.advance(10);
      await sweepAll(fixture.engine);
      expect(await times()).toEqual([10, 30, null]);
      const task = await q.take({ leaseMs: 50 });
      expect(await times()).toEqual([10, 30, 60]);
      fixture.clock.advance(5);
      await q.extend(task, 100);
      expect(await times()).toEqual([10, 30, 115]);
      await q.take({ leaseMs: 10 });
      expect(await times()).toEqual([null, 30, 25]);
    });

    it('tell which workers ask, how many tasks each has in hand, and forget those that ask no more', async () => {
      const q = queue();
      await q.enqueueSome(3);
      await q.claim(2, { worker: 'w-1', leaseMs: HOUR });
      fixture.clock.advance(SECOND);
      await q.claim(1, { worker: 'w-2', leaseMs: HOUR });
      await q.claim(1, { worker: 'w-3' });
      const workers = async () =>
        (await q.look()).workers.map(({ name, leased }) => [name, leased]).toSorted() as [string, number][];
      expect(await workers()).toEqual([
        ['w-1', 2],
        ['w-2', 1],
        ['w-3', 0],
      ]);
      fixture.clock.advance(WORKER_SHOWN_MS - SECOND);
      expect(await workers()).toEqual([
        ['w-2', 1],
        ['w-3', 0],
      ]);
      await q.claim(1, { worker: 'w-1' });
      fixture.clock.advance(SECOND);
      expect(await workers()).toEqual([['w-1', 2]]);
      const [first] = (await q.look()).workers;
      expect(first?.seenAtMs).toBe(fixture.clock.ms - SECOND);
    });

    it('give rates that follow what happens and end with it', async () => {
      const q = queue();
      const rate = async () => (await q.look()).perMinute;
      await q.enqueueSome(30);
      for (const task of (await q.claim(10)).tasks) await q.complete(task);
      expect((await rate()).enqueued).toBeGreaterThanOrEqual(30);
      expect((await rate()).completed).toBeGreaterThanOrEqual(10);
      fixture.clock.advance(2 * MINUTE_MS);
      expect(await rate()).toEqual({ enqueued: 0, completed: 0 });
    });
  });
}
