import { describe, expect, it } from '@jest/globals';
import { once } from '../../support/parts.js';
import { DAY, TestQueue } from '../../support/tasks.js';
import { sweepAll } from '../../support/task-dump.js';
import type { Fixture } from '../engine-under-test.js';
import { MAX_FAILURES } from '../../../src/engine/limits.js';

export function describeTaskDead(fixture: Fixture): void {
  const queue = (name?: string) => new TestQueue(fixture.engine, fixture.tenant().name, name);
  const replay = (
    q: TestQueue,
    which: { ids: readonly string[] } | { max: number },
    resetAttempts = true,
    spreadMs = 0,
  ) => q.engine.tasks.replayDead(q.tenant, q.name, which, { resetAttempts, spreadMs }, once());
  /** Tasks that die one after the other, a second apart. */
  const died = async (q: TestQueue, count: number, given = {}) => {
    const ids: string[] = [];
    for (let n = 0; n < count; n++) {
      ids.push(await q.enqueue({ maxAttempts: 1, ...given }));
      await q.fail(await q.take({ worker: 'w-1' }));
      fixture.clock.advance(1000);
    }
    return ids;
  };

  describe('the dead list', () => {
    it('shows those that died last first, up to a limit, with all that is known of them', async () => {
      const q = queue();
      const ids = await died(q, 4, { payload: '{"p":1}', headers: '{"h":1}', workflowId: 'a' });
      const listed = await q.engine.tasks.listDead(q.tenant, 'q', 3);
      expect(listed.map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 3));
      expect(listed[0]).toEqual(await q.get(ids[3] as string));
      expect(listed[0]).toMatchObject({
        status: 'dead',
        reason: 'BROKEN',
        worker: 'w-1',
        payload: '{"p":1}',
        headers: '{"h":1}',
        attempt: 1,
        failures: [{ code: 'BROKEN', message: 'it broke', attempt: 1, atMs: fixture.clock.ms - 1000 }],
      });
      expect(await q.engine.tasks.listDead(q.tenant, 'other', 10)).toEqual([]);
    });

    it('is the end of everything that is tried too often, and never of what is still tried (invariant 6)', async () => {
      const q = queue();
      const id = await q.enqueue({ maxAttempts: 15, backoffMs: [1] });
      for (let n = 1; n <= 15; n++) {
        const task = await q.take({ leaseMs: 10 });
        expect(task.attempt).toBe(n);
        if (n % 3 === 0) fixture.clock.advance(10);
        else await q.fail(task, { error: { code: `E${n}`, message: '' } });
        fixture.clock.advance(1);
        await sweepAll(fixture.engine);
        expect((await q.get(id)).status).toBe(n === 15 ? 'dead' : 'ready');
      }
      const { failures, reason } = await q.get(id);
      expect(reason).toBe('LEASE_EXPIRED');
      expect(failures).toHaveLength(MAX_FAILURES);
      expect(failures.at(-1)?.code).toBe('E14');
      expect(await q.takeIds(1)).toEqual([]);
    });
  });

  describe('a replay', () => {
    it('takes the ones that have been dead for longest, when it says how many (invariant 24)', async () => {
      const q = queue();
      const ids = await died(q, 4);
      expect((await replay(q, { max: 2 })).ids).toEqual(ids.slice(0, 2));
      expect(await q.takeIds(10)).toEqual(ids.slice(0, 2));
      expect((await q.depth()).dead).toBe(2);
    });

    it('takes nothing that is not dead, not of this queue or not there, and each task once (invariant 24)', async () => {
      const q = queue();
      const other = new TestQueue(q.engine, q.tenant, 'other');
      const [mine] = (await died(q, 1)) as [string];
      const [theirs] = (await died(other, 1)) as [string];
      const ready = await q.enqueue();
      expect((await replay(q, { ids: [theirs, ready, 'nobody', mine, mine] })).ids).toEqual([mine]);
      expect((await replay(q, { ids: [mine] })).ids).toEqual([]);
      expect((await other.get(theirs)).status).toBe('dead');
      expect((await q.get(mine)).replays).toBe(1);
    });

    it('gives all attempts again, or the last one, and no releases of before (invariants 6 and 24)', async () => {
      const q = queue();
      const id = await q.enqueue({ maxAttempts: 3, backoffMs: [0] });
      const spend = async (deliveries: number) => {
        for (let n = 0; n < deliveries; n++) {
          await q.release(await q.take());
          await q.fail(await q.take(), { retryAfterMs: 0 });
        }
        expect(await q.get(id)).toMatchObject({ status: 'dead', releases: deliveries, attempt: 3 });
      };
      await spend(3);
      await replay(q, { ids: [id] }, true);
      expect(await q.get(id)).toMatchObject({ attempt: 0, releases: 0, replays: 1 });
      await spend(3);
      await replay(q, { ids: [id] }, false);
      expect(await q.get(id)).toMatchObject({ attempt: 2, releases: 0, replays: 2 });
      await spend(1);
      expect((await q.get(id)).failures).toHaveLength(7);
    });

    it('keeps what went wrong and forgets that it has ended (invariant 24)', async () => {
      const q = queue();
      const [id] = (await died(q, 1, { payload: '"p"', headers: '{"h":1}' })) as [string];
      const before = await q.get(id);
      await replay(q, { ids: [id] });
      expect(await q.get(id)).toMatchObject({
        createdAtMs: before.createdAtMs,
        failures: before.failures,
        payload: '"p"',
        headers: '{"h":1}',
        status: 'ready',
        reason: null,
        endedAtMs: null,
        readyAtMs: fixture.clock.ms,
      });
    });

    it('gives as much time again to what was not worth starting any more (invariant 24)', async () => {
      const q = queue();
      const id = await q.enqueue({ expires: { afterDueMs: 1000 } });
      fixture.clock.advance(1000);
      await sweepAll(fixture.engine);
      expect(await q.get(id)).toMatchObject({ status: 'dead', reason: 'EXPIRED', attempt: 0 });
      await replay(q, { ids: [id] });
      fixture.clock.advance(999);
      expect(await q.takeIds(1)).toEqual([id]);
    });

    it('spreads what it takes over the time it is given, none of it too early (invariants 8 and 24)', async () => {
      const q = queue();
      const ids = await died(q, 4);
      await replay(q, { max: 4 }, true, 400);
      const taken: string[][] = [];
      for (let n = 0; n < 5; n++) {
        taken.push(await q.takeIds(10));
        fixture.clock.advance(n === 0 ? 99 : 100);
      }
      expect(taken).toEqual([[ids[0]], [], [ids[1]], [ids[2]], [ids[3]]]);
    });
  });

  describe('what is dead for too long', () => {
    /** Ways to read a task that is past retention and not swept yet. */
    const sights: Readonly<Record<string, (q: TestQueue, id: string) => Promise<unknown>>> = {
      'its id': (q, id) => q.find(id),
      'the dead list': async (q) => (await q.engine.tasks.listDead(q.tenant, 'q', 10))[0],
      'its workflow': async (q) => (await q.engine.tasks.listOfWorkflow(q.tenant, 'a', 10))[0],
      'its progress': (q, id) => q.engine.tasks.readProgress(q.tenant, id, 0, 10),
      'a replay': async (q, id) => (await replay(q, { ids: [id] })).ids[0],
    };
    it.each(Object.keys(sights))(
      'is gone to the millisecond, before any sweep, for who comes by %s (invariant 18)',
      async (by) => {
        // The engine may have swept it by itself; it is gone then, too.
        const q = queue();
        const id = await q.enqueue({ workflowId: 'a' });
        await q.fail(await q.take(), { isRetryable: false });
        fixture.clock.advance(7 * DAY - 1);
        expect((await q.get(id)).status).toBe('dead');
        fixture.clock.advance(1);
        expect(await sights[by]?.(q, id)).toBeUndefined();
      },
    );

    it('is gone for good with a sweep (invariant 18)', async () => {
      const q = queue();
      const id = await q.enqueue({ workflowId: 'a' });
      const task = await q.take();
      await q.progress(task);
      await q.fail(task, { isRetryable: false });
      fixture.clock.advance(7 * DAY);
      await sweepAll(fixture.engine);
      expect(await q.find(id)).toBeUndefined();
      expect(await q.engine.tasks.readProgress(q.tenant, id, 0, 10)).toBeUndefined();
      expect(await q.engine.tasks.listOfWorkflow(q.tenant, 'a', 10)).toEqual([]);
      expect(await q.depth()).toEqual({ ready: 0, delayed: 0, leased: 0, dead: 0 });
      await expect(q.cancel(id)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    });
  });
}
