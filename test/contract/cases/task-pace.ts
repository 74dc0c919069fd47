import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask, Pace } from '../../../src/engine/task.js';
import { claimOf, TestQueue } from '../../support/tasks.js';
import type { Fixture } from '../engine-under-test.js';

/** Three at once, then one a second. */
const pace: Pace = { bucket: 'queue:q:', rate: { limit: 60, windowMs: 60_000, burst: 3 } };

export function describeTaskPace(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);

  describe('the pace of a queue', () => {
    it('is what claims hand out at most; they say when there is more', async () => {
      const q = queue();
      await q.enqueueSome(6);
      const first = await q.claim(5, { pace });
      expect([first.tasks.length, first.nextDueInMs]).toEqual([3, 1000]);
      fixture.clock.advance(400);
      const none = await q.claim(5, { pace });
      expect([none.tasks.length, none.nextDueInMs]).toEqual([0, 600]);
      fixture.clock.advance(600);
      const one = await q.claim(5, { pace });
      expect([one.tasks.length, one.nextDueInMs]).toEqual([1, 1000]);
      expect(await q.depth()).toMatchObject({ ready: 2, leased: 4 });
      expect((await q.claim(5)).tasks).toHaveLength(2);
    });

    it('costs nothing where there is no task', async () => {
      const q = queue();
      expect((await q.claim(5, { pace })).nextDueInMs).toBeNull();
      await q.enqueueSome(3);
      const claimed = await q.claim(2, { pace });
      expect([claimed.tasks.length, claimed.nextDueInMs]).toEqual([2, 0]);
      const last = await q.claim(5, { pace });
      expect(last.tasks).toHaveLength(1);
      // A lease ends before the bucket matters.
      expect(last.nextDueInMs).toBe(30_000);
      const { left } = (await q.engine.take(q.tenant, [{ ...pace, want: 0, least: 0 }]))[0] ?? {};
      expect(left).toBe(0);
    });

    it('is not charged again for a claim that is repeated', async () => {
      const q = queue();
      await q.enqueueSome(4);
      const [claim, key] = [claimOf(q.name, 2, { pace }), randomUUID()];
      const first = await q.engine.tasks.claim(q.tenant, claim, key);
      const again = await q.engine.tasks.claim(q.tenant, claim, key);
      expect(again.tasks.map(({ token }) => token)).toEqual(first.tasks.map(({ token }) => token));
      expect((await q.claim(5, { pace })).tasks).toHaveLength(1);
    });

    it('holds for the claim of a commit, and the commit is done without one', async () => {
      const q = queue();
      await q.enqueueSome(6);
      let [task] = (await q.claim(1, { pace })).tasks as [ClaimedTask];
      const ends: (string | undefined)[] = [];
      for (let i = 0; i < 2; i++) {
        const ack = { taskId: task.id, token: task.token, result: 'null' };
        const { next } = await q.commit(
          { ack, claim: claimOf(q.name, 1, { pace }) },
          i === 0 ? {} : { key: `ack:${task.token}`, isLease: true },
        );
        ends.push(next?.id);
        task = next as ClaimedTask;
      }
      expect(ends.filter((id) => id !== undefined)).toHaveLength(2);
      const { next } = await q.commit({
        ack: { taskId: task.id, token: task.token, result: 'null' },
        claim: claimOf(q.name, 1, { pace }),
      });
      expect(next).toBeUndefined();
      expect(await q.get(task.id)).toMatchObject({ status: 'done' });
    });
  });
}
