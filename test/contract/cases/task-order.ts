import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { once } from '../../support/parts.js';
import { claimOf, newTask, TestQueue } from '../../support/tasks.js';
import { sweepAll } from '../../support/task-dump.js';
import { Random } from '../fuzz/random.js';
import type { Fixture } from '../engine-under-test.js';

export function describeTaskOrder(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);
  const replay = (q: TestQueue, ids: string[]) =>
    q.engine.tasks.replayDead(q.tenant, q.name, { ids }, { resetAttempts: true, spreadMs: 0 }, once());

  describe('the order of tasks', () => {
    it('goes by all ten priorities, whatever came first (invariant 7)', async () => {
      const q = queue();
      const ids: string[] = [];
      for (const priority of [9, 3, 0, 7, 1, 5, 8, 2, 6, 4]) ids[priority] = await q.enqueue({ priority });
      expect(await q.takeIds(50)).toEqual(ids);
    });

    it('is that of a batch within it (invariant 7)', async () => {
      const q = queue();
      const ids = await q.enqueueSome(100);
      expect([...(await q.takeIds(50)), ...(await q.takeIds(50))]).toEqual(ids);
    });

    it('puts what became due behind what was ready, in the order of its times (invariant 7)', async () => {
      const q = queue();
      const late = await q.enqueue({ start: { delayMs: 30 } });
      const early = await q.enqueue({ start: { delayMs: 10 } });
      const between = await q.enqueue({ start: { delayMs: 20 } });
      const ready = await q.enqueue();
      fixture.clock.advance(30);
      expect(await q.takeIds(10)).toEqual([ready, early, between, late]);
    });

    it('keeps the place also of what runs out, is swept, and runs out again (invariant 7)', async () => {
      const q = queue();
      const [a, b] = (await q.enqueueSome(2)) as [string, string];
      for (let n = 0; n < 3; n++) {
        expect((await q.take({ leaseMs: 10 })).id).toBe(a);
        fixture.clock.advance(10);
        await sweepAll(fixture.engine);
        await q.enqueue();
      }
      expect((await q.takeIds(2)).slice(0, 2)).toEqual([a, b]);
    });

    it('keeps the place of many that come back in another order than they went (invariant 7)', async () => {
      const q = queue();
      const ids = await q.enqueueSome(12);
      const tasks = (await q.claim(12)).tasks;
      for (const task of new Random(5).some(tasks, 12)) await q.release(task);
      expect(await q.takeIds(12)).toEqual(ids);
    });

    it('puts what came back from the dead at the tail (invariants 7 and 24)', async () => {
      const q = queue();
      const [a, b] = (await q.enqueueSome(2)) as [string, string];
      await q.fail(await q.take(), { isRetryable: false });
      const c = await q.enqueue();
      await replay(q, [a]);
      expect(await q.takeIds(5)).toEqual([b, c, a]);
    });

    it('counts a released task of a lower number still before all others (invariant 7)', async () => {
      const q = queue();
      const urgent = await q.enqueue({ priority: 0 });
      const usual = await q.enqueue({ priority: 1 });
      await q.release(await q.take());
      expect(await q.takeIds(2)).toEqual([urgent, usual]);
    });

    it('is the same when commits claim (invariant 7)', async () => {
      const q = queue();
      const [a, b] = (await q.enqueueSome(2)) as [string, string];
      const urgent = newTask('q', { priority: 0 });
      const next = async (enqueue: ReturnType<typeof newTask>[]) =>
        (await q.commit({ enqueue, claim: claimOf('q') })).next?.id;
      expect([await next([newTask('q')]), await next([urgent]), await next([])]).toEqual([a, urgent.id, b]);
    });

    it('is that of becoming ready, through whatever happens (invariant 7)', async () => {
      await fixture.withEngine({}, async (tenant, { clock, engine }) => {
        const q = new TestQueue(engine, tenant.name);
        const random = new Random(11);
        /** Ids that are ready, in order, and those that will be. */
        let line: { id: string; place: number }[] = [];
        let places = 0;
        const delayed: { id: string; dueAtMs: number }[] = [];
        let held: (ClaimedTask & { place: number })[] = [];
        const back = (task: { id: string; place: number }) => {
          line = [...line, task].toSorted((a, b) => a.place - b.place);
        };
        const pass = async (ms: number) => {
          for (let i = 0; i < ms; i++) {
            clock.advance(1);
            for (const task of delayed.splice(0)) {
              if (task.dueAtMs > clock.ms) delayed.push(task);
              else back({ id: task.id, place: ++places });
            }
            for (const task of held) if (task.leaseEndsAtMs <= clock.ms) back(task);
            held = held.filter(({ leaseEndsAtMs }) => leaseEndsAtMs > clock.ms);
            await engine.sweep();
          }
        };
        for (let step = 0; step < 300; step++) {
          const kind = random.weighted({ enqueue: 5, delay: 2, claim: 5, release: 2, fail: 2, pass: 3 });
          const mine = held.length > 0 ? random.pick(held) : undefined;
          if (kind === 'enqueue') back({ id: await q.enqueue({ maxAttempts: 1000 }), place: ++places });
          else if (kind === 'claim') {
            const { tasks } = await q.claim(2, { leaseMs: 1 + random.below(8) });
            const first = line.splice(0, 2);
            expect(tasks.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
            held.push(...tasks.map((task, i) => ({ ...task, place: (first[i] as { place: number }).place })));
          } else if (kind === 'pass') await pass(1 + random.below(4));
          else {
            const dueAtMs = clock.ms + 1 + random.below(6);
            // Tasks that become due at the same moment have no order among each other.
            if (kind !== 'release' && delayed.some((one) => one.dueAtMs === dueAtMs)) continue;
            if (kind === 'delay') {
              delayed.push({ id: await q.enqueue({ start: { atMs: dueAtMs }, maxAttempts: 1000 }), dueAtMs });
            } else if (mine !== undefined) {
              held = held.filter((one) => one !== mine);
              if (kind === 'fail') {
                await q.fail(mine, { retryAfterMs: dueAtMs - clock.ms });
                delayed.push({ id: mine.id, dueAtMs });
              } else {
                if ((await q.release(mine)).task.status === 'ready') back(mine);
              }
            }
          }
        }
        expect(places).toBeGreaterThan(50);
      });
    });
  });

  describe('the start of a task', () => {
    it('comes at its very moment, for a delay, a time, a back-off and a replay alike (invariant 8)', async () => {
      const q = queue();
      const starts: [string, () => Promise<unknown>][] = [
        ['a delay', () => q.enqueue({ start: { delayMs: 100 } })],
        ['a time', () => q.enqueue({ start: { atMs: fixture.clock.ms + 100 } })],
        [
          'a back-off',
          async () => {
            await q.enqueue({ backoffMs: [100] });
            await q.fail(await q.take());
          },
        ],
        [
          'a wish',
          async () => {
            await q.enqueue();
            await q.fail(await q.take(), { retryAfterMs: 100 });
          },
        ],
      ];
      for (const [what, start] of starts) {
        await start();
        expect([what, (await q.claim()).nextDueInMs]).toEqual([what, 100]);
        fixture.clock.advance(99);
        expect([what, await q.takeIds(1)]).toEqual([what, []]);
        expect([what, (await q.claim()).nextDueInMs]).toEqual([what, 1]);
        fixture.clock.advance(1);
        const claimed = await q.claim();
        expect([what, claimed.tasks.length]).toEqual([what, 1]);
        await q.complete(claimed.tasks[0] as ClaimedTask);
      }
    });

    it('is forgotten for none of many that are due at once (invariant 8)', async () => {
      const q = queue();
      const ids = [
        ...(await q.enqueueSome(100, { start: { delayMs: 10 } })),
        ...(await q.enqueueSome(100, { start: { delayMs: 10 } })),
        ...(await q.enqueueSome(50, { start: { delayMs: 10 } })),
      ];
      fixture.clock.advance(10);
      const taken: string[] = [];
      for (;;) {
        const { tasks, nextDueInMs } = await q.claim(50);
        if (tasks.length === 0) break;
        taken.push(...tasks.map(({ id }) => id));
        // A hint, so that waiting claims ask again.
        if (taken.length < ids.length) expect(nextDueInMs).toBe(0);
      }
      expect(taken.toSorted()).toEqual(ids.toSorted());
    });

    it('is in the answer of a claim that finds nothing: the next due task or the next expiry of a lease, whichever is first', async () => {
      const q = queue();
      expect(await q.claim()).toEqual({ tasks: [], nextDueInMs: null, isPaused: false });
      await q.enqueue();
      await q.take({ leaseMs: 70 });
      expect((await q.claim()).nextDueInMs).toBe(70);
      await q.enqueue({ start: { delayMs: 90 } });
      expect((await q.claim()).nextDueInMs).toBe(70);
      await q.enqueue({ start: { delayMs: 50 } });
      expect((await q.claim()).nextDueInMs).toBe(50);
    });
  });
}
