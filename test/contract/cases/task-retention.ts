import { describe, expect, it } from '@jest/globals';
import { Random } from '../fuzz/random.js';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { once } from '../../support/parts.js';
import { DAY, newTask, SECOND, TestQueue } from '../../support/tasks.js';
import type { Fixture } from '../engine-under-test.js';

const HOUR = 3_600_000;
const MINUTE = 60_000;

export function describeTaskRetention(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);
  /** Repeats the sweep until it finds nothing: one call has a bound, and other cases leave expired data too. */
  const sweepAll = async () => {
    while ((await fixture.engine.sweep()) > 0);
  };

  describe('of tasks', () => {
    it('none is lost and none is in two places, whatever happens to them (invariant 1)', async () => {
      const q = queue();
      const random = new Random(3);
      const ids: string[] = [];
      const leases: ClaimedTask[] = [];
      for (let step = 0; step < 400; step++) {
        const lease = leases.length > 0 ? random.pick(leases) : undefined;
        const kind = random.weighted({
          enqueue: 4,
          claim: 5,
          complete: 3,
          fail: 3,
          release: 2,
          extend: 2,
          cancel: 1,
          advance: 3,
          sweep: 1,
          replay: 1,
        });
        if (kind === 'enqueue')
          ids.push(await q.enqueue({ maxAttempts: 2, backoffMs: [20], start: { delayMs: random.pick([0, 30]) } }));
        else if (kind === 'claim') leases.push(...(await q.claim(1 + random.below(3), { leaseMs: 25 })).tasks);
        else if (kind === 'advance') fixture.clock.advance(random.below(20));
        else if (kind === 'sweep') await fixture.engine.sweep();
        else if (kind === 'cancel' && ids.length > 0)
          await q.cancel(random.pick(ids), random.chance(0.5)).catch(() => 0);
        else if (kind === 'replay') {
          await q.engine.tasks.replayDead(q.tenant, 'q', { max: 1 }, { resetAttempts: true, spreadMs: 0 }, once());
        } else if (lease !== undefined) {
          const act = { complete: q.complete, fail: q.fail, release: q.release, extend: q.extend }[kind as 'complete'];
          await act.call(q, lease).catch(() => 0);
        }
      }
      const tasks = await Promise.all(ids.map((id) => q.get(id)));
      const count = (status: string) => tasks.filter((task) => task.status === status).length;
      expect(await q.depth()).toEqual({
        ready: count('ready'),
        delayed: count('delayed'),
        leased: count('leased'),
        dead: count('dead'),
      });
      const { totals } = await q.look();
      expect([totals.enqueued, totals.completed, totals.cancelled]).toEqual([
        ids.length,
        count('done'),
        count('cancelled'),
      ]);
    });

    it('results are kept for an hour, progress for ten minutes, and then nothing is left (invariant 18)', async () => {
      const q = queue();
      const ids = await q.enqueueSome(2, { dedupe: { key: 'k', keepMs: MINUTE }, workflowId: 'w' });
      const task = await q.take();
      await q.progress(task);
      await q.complete(task, '"result"');
      const read = () => q.engine.tasks.readProgress(q.tenant, task.id, 0, 10);
      fixture.clock.advance(10 * MINUTE - 1);
      expect((await read())?.events).toHaveLength(1);
      fixture.clock.advance(1);
      expect(await read()).toEqual({ events: [], isOver: true, oldest: null });
      await fixture.engine.sweep();
      fixture.clock.advance(50 * MINUTE - 1);
      expect((await q.get(task.id)).result).toBe('"result"');
      fixture.clock.advance(1);
      expect(await q.find(task.id)).toBeUndefined();
      await fixture.engine.sweep();
      expect(await q.find(ids[0] as string)).toBeUndefined();
      expect(await q.engine.tasks.listOfWorkflow(q.tenant, 'w', 10)).toEqual([]);
      await q.commit({ enqueue: [newTask('q', { id: task.id, payload: '"new life"' })] });
      expect((await q.take()).payload).toBe('"new life"');
    });

    it('dead ones are kept for a week, and so many of them', async () => {
      const tasks = {
        maxOpen: 100,
        maxBytes: 2 ** 30,
        resultMs: HOUR,
        progressMs: MINUTE,
        deadMs: 7 * DAY,
        maxDead: 3,
      };
      await fixture.withEngine({ options: { tasks } }, async (tenant, { clock, engine }) => {
        const q = new TestQueue(engine, tenant.name);
        const ids: string[] = [];
        for (let n = 0; n < 5; n++) {
          ids.push(await q.enqueue({ maxAttempts: 1 }));
          await q.fail(await q.take());
          clock.advance(SECOND);
        }
        await engine.sweep();
        const dead = await engine.tasks.listDead(q.tenant, 'q', 10);
        expect(dead.map(({ id }) => id)).toEqual(ids.slice(2).toReversed());
        expect(dead[0]).toMatchObject({ payload: '{}', failures: [{ code: 'BROKEN', attempt: 1 }] });
        clock.advance(7 * DAY);
        await engine.sweep();
        expect(await q.depth()).toMatchObject({ dead: 0 });
        expect(await q.find(ids[4] as string)).toBeUndefined();
      });
    });

    it('a task that no claim has taken in time is dead', async () => {
      const q = queue();
      const id = await q.enqueue({ start: { delayMs: SECOND }, expires: { afterDueMs: 7 * DAY } });
      fixture.clock.advance(7 * DAY);
      await sweepAll();
      expect((await q.get(id)).status).toBe('ready');
      fixture.clock.advance(SECOND);
      await sweepAll();
      expect(await q.get(id)).toMatchObject({ status: 'dead', reason: 'EXPIRED' });
    });
  });

  describe('a dead task', () => {
    const died = async (q: TestQueue, count: number) => {
      const ids = await q.enqueueSome(count, { maxAttempts: 1, payload: '"p"' });
      for (const task of (await q.claim(count)).tasks) await q.fail(task);
      return ids;
    };
    const replay = (q: TestQueue, which: { ids: string[] } | { max: number }, spreadMs = 0, resetAttempts = true) =>
      q.engine.tasks.replayDead(q.tenant, 'q', which, { resetAttempts, spreadMs }, once());

    it('is tried again as itself, with what it went through; a second time does nothing (invariant 24)', async () => {
      const q = queue();
      const [id] = (await died(q, 1)) as [string];
      expect((await replay(q, { ids: [id, 'nobody', id] })).ids).toEqual([id]);
      expect((await replay(q, { ids: [id] })).ids).toEqual([]);
      expect(await q.get(id)).toMatchObject({ status: 'ready', attempt: 0, replays: 1, failures: [{ attempt: 1 }] });
      const task = await q.take();
      expect(task).toMatchObject({ id, attempt: 1, payload: '"p"' });
      await q.complete(task);
      expect((await q.depth()).dead).toBe(0);
    });

    it('has one more attempt when they are not counted anew', async () => {
      const q = queue();
      const [id] = (await died(q, 1)) as [string];
      await replay(q, { max: 5 }, 0, false);
      expect((await q.take()).attempt).toBe(1);
      expect((await q.get(id)).replays).toBe(1);
    });

    it('does not come back with all the others at one moment, if so asked', async () => {
      const q = queue();
      const ids = await died(q, 4);
      expect((await replay(q, { max: 4 }, 1000)).ids.toSorted()).toEqual(ids.toSorted());
      expect(await q.depth()).toMatchObject({ ready: 1, delayed: 3 });
      fixture.clock.advance(750);
      expect(await q.takeIds(10)).toHaveLength(4);
    });

    it('can be removed for good', async () => {
      const q = queue();
      const [a, b] = (await died(q, 2)) as [string, string];
      const purged = await q.engine.tasks.purgeDead(q.tenant, 'q', { ids: [a, 'nobody'] }, once());
      expect(purged.ids).toEqual([a]);
      expect([await q.find(a), (await q.get(b)).status]).toEqual([undefined, 'dead']);
      expect((await q.engine.tasks.purgeDead(q.tenant, 'q', { max: 10 }, once())).ids).toEqual([b]);
      expect(await q.depth()).toMatchObject({ dead: 0 });
    });

    it('is done to once for a key (invariant 11)', async () => {
      const q = queue();
      await died(q, 2);
      const name = once();
      const act = () => q.engine.tasks.purgeDead(q.tenant, 'q', { max: 1 }, name);
      const first = await act();
      expect(await act()).toEqual({ ...first, replayed: true });
      expect((await q.depth()).dead).toBe(1);
    });
  });
}
