import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask, NewTask, TaskDetail } from '../../../src/engine/task.js';
import { QueueFullError } from '../../../src/engine/errors.js';
import { bytesOf } from '../../../src/engine/task.js';
import { Random } from '../fuzz/random.js';
import { eraseAll } from './erasing.js';
import { FAIL, moveAll, readTask } from '../../support/moving.js';
import { stampOf } from '../../../src/engine/moving/stamp.js';
import { once, remove } from '../../support/parts.js';
import { refusalOf } from '../../support/refusal.js';
import { sweepAll } from '../../support/task-dump.js';
import { newTask, TestQueue } from '../../support/tasks.js';
import { TestTenant } from '../../support/tenant.js';
import { scaled } from '../../support/scale.js';
import { testOptions, type EngineUnderTest, type Fixture } from '../engine-under-test.js';

const QUOTA = 1000;

/** A payload and headers that have this many bytes together. */
function sized(bytes: number): Pick<NewTask, 'payload' | 'headers'> {
  const headers = '{"a":"ü"}';
  return { headers, payload: `"${'x'.repeat(bytes - Buffer.byteLength(headers) - 2)}"` };
}

/** Bytes of the open tasks and of the dead ones, counted from the tasks themselves. */
function recount(q: TestQueue, tasks: readonly TaskDetail[]): { bytes: number; deadBytes: number } {
  const sums = { bytes: 0, deadBytes: 0 };
  for (const task of tasks) {
    if (task.payload === undefined || task.queue !== q.name) continue;
    sums[task.status === 'dead' ? 'deadBytes' : 'bytes'] += bytesOf({ headers: task.headers, payload: task.payload });
  }
  return sums;
}

const bytesIn = async (q: TestQueue) => {
  const { bytes, deadBytes } = await q.look();
  return { bytes, deadBytes };
};

export function describeTaskBytes(fixture: Fixture): void {
  /** An engine whose queues hold a thousand bytes. */
  const withQuota = (run: (q: TestQueue, opened: EngineUnderTest) => Promise<void>) =>
    fixture.withEngine({ options: { tasks: { ...testOptions.tasks, maxBytes: QUOTA } } }, (tenant, opened) =>
      run(new TestQueue(tenant.engine, tenant.name), opened),
    );
  const isFull = async (enqueued: Promise<unknown>, index = 0) =>
    expect(await refusalOf(enqueued)).toMatchObject({
      code: 'QUEUE_FULL',
      message: expect.stringContaining('1000 bytes') as unknown,
      extensions: { queue: 'q', limit: QUOTA, unit: 'bytes' },
      failed: { part: 'enqueue', index },
    });
  const ackOf = ({ id, token }: ClaimedTask) => ({ taskId: id, token, result: '1' });

  describe('the bytes of a queue', () => {
    it('are those of headers and payloads of open tasks, in UTF-8, and end with them (invariant 19)', async () => {
      await withQuota(async (q) => {
        const [a] = await q.enqueueSome(2, { headers: '{"k":"ü"}', payload: '"Grüße 🚀"' });
        expect(await bytesIn(q)).toEqual({ bytes: 2 * (10 + 14), deadBytes: 0 });
        await q.cancel(a as string);
        expect(await bytesIn(q)).toEqual({ bytes: 24, deadBytes: 0 });
        const task = await q.take();
        await q.progress(task, '"a progress event has no part in it"');
        await q.complete(task, '"nor has a result"');
        expect(await bytesIn(q)).toEqual({ bytes: 0, deadBytes: 0 });
      });
    });

    it('are full with ready, delayed and leased tasks, and have room again for each that ends (invariant 19)', async () => {
      await withQuota(async (q) => {
        await q.enqueue({ ...sized(300), maxAttempts: 1 });
        const task = await q.take();
        const waiting = await q.enqueue(sized(300));
        await q.enqueue({ ...sized(400), start: { delayMs: 1000 } });
        await isFull(q.enqueue(sized(20)));
        await q.fail(task);
        expect(await bytesIn(q)).toEqual({ bytes: 700, deadBytes: 300 });
        await q.enqueue(sized(300));
        await isFull(q.enqueue(sized(20)));
        await q.cancel(waiting);
        await isFull(q.enqueue(sized(301)));
        await q.enqueue(sized(300));
        await isFull(q.enqueue(sized(20)));
      });
    });

    it('have room again when a task has expired, a lease included (invariant 19)', async () => {
      await withQuota(async (q, { engine, clock }) => {
        await q.enqueue({ ...sized(600), expires: { atMs: clock.ms + 10 } });
        await q.enqueue({ ...sized(400), maxAttempts: 1 });
        await isFull(q.enqueue(sized(20)));
        clock.advance(10);
        await sweepAll(engine);
        await q.enqueue(sized(600));
        await q.take({ leaseMs: 10 });
        clock.advance(10);
        await sweepAll(engine);
        await q.enqueue(sized(400));
        expect(await bytesIn(q)).toEqual({ bytes: 1000, deadBytes: 1000 });
      });
    });

    it('do not change while a task is released, retried, renewed or leased again (invariant 19)', async () => {
      await withQuota(async (q, { engine, clock }) => {
        await q.enqueue(sized(1000));
        await q.release(await q.take());
        await q.fail(await q.take(), { retryAfterMs: 10 });
        clock.advance(10);
        await q.extend(await q.take({ leaseMs: 10 }), 20);
        clock.advance(20);
        await sweepAll(engine);
        expect(await bytesIn(q)).toEqual({ bytes: 1000, deadBytes: 0 });
        await isFull(q.enqueue(sized(20)));
        await q.complete(await q.take());
        await q.enqueue(sized(1000));
      });
    });

    it('name the first task of a batch that has no room, and take none of it (invariants 13 and 19)', async () => {
      await withQuota(async (q) => {
        const other = { ...newTask('other', sized(900)) };
        const batch = [newTask('q', sized(500)), other, newTask('q', sized(500)), newTask('q', sized(20))];
        await isFull(q.commit({ enqueue: batch }), 3);
        expect(await q.depth()).toMatchObject({ ready: 0 });
        await q.commit({ enqueue: batch.slice(0, 3) });
        expect(await bytesIn(q)).toEqual({ bytes: 1000, deadBytes: 0 });
      });
    });

    it('take any one task while the queue is empty, and no second one beside it (invariant 19)', async () => {
      await withQuota(async (q) => {
        await isFull(q.commit({ enqueue: [newTask('q', sized(5000)), newTask('q', sized(20))] }), 1);
        await q.enqueue(sized(5000));
        await isFull(q.enqueue(sized(20)));
        const task = await q.take();
        await q.commit({ ack: ackOf(task), enqueue: [newTask('q', sized(7000))] });
        expect(await bytesIn(q)).toEqual({ bytes: 7000, deadBytes: 0 });
      });
    });

    it('give a step the room of the task that it ends, and of no task of another queue (invariant 19)', async () => {
      await withQuota(async (q) => {
        await q.enqueue(sized(400));
        const task = await q.take();
        await q.enqueue(sized(600));
        const other = new TestQueue(q.engine, q.tenant, 'other');
        await other.enqueue(sized(400));
        const elsewhere = await other.take();
        await isFull(q.commit({ ack: ackOf(elsewhere), enqueue: [newTask('q', sized(400))] }));
        await isFull(q.commit({ ack: ackOf(task), enqueue: [newTask('q', sized(401))] }));
        await q.commit({ ack: ackOf(task), enqueue: [newTask('q', sized(400))] });
        expect([await bytesIn(q), await bytesIn(other)]).toEqual([
          { bytes: 1000, deadBytes: 0 },
          { bytes: 400, deadBytes: 0 },
        ]);
      });
    });

    it('are not needed by duplicates (invariants 12 and 19)', async () => {
      await withQuota(async (q) => {
        const task = newTask('q', { ...sized(500), dedupe: { key: 'k', keepMs: 1000 } });
        await q.commit({ enqueue: [task, newTask('q', sized(500))] });
        for (const again of [task, { ...newTask('q', sized(900)), dedupe: task.dedupe }]) {
          expect((await q.commit({ enqueue: [again] })).tasks?.[0]).toMatchObject({ isDuplicate: true });
        }
        expect(await bytesIn(q)).toEqual({ bytes: 1000, deadBytes: 0 });
      });
    });

    it('leave the limit on the number of tasks alone (invariant 19)', async () => {
      const tasks = { ...testOptions.tasks, maxBytes: QUOTA, maxOpen: 2 };
      await fixture.withEngine({ options: { tasks } }, async (tenant) => {
        const q = new TestQueue(tenant.engine, tenant.name);
        await q.enqueueSome(2, sized(20));
        expect(await refusalOf(q.enqueue())).toMatchObject({ extensions: { queue: 'q', limit: 2, unit: 'tasks' } });
      });
    });

    it('end with a workflow that cancels its tasks, and with an erased tenant (invariant 19)', async () => {
      await withQuota(async (q, { engine }) => {
        const tenant = new TestTenant(engine, q.tenant);
        await tenant.put('w', {});
        await q.enqueueSome(2, { ...sized(300), workflowId: 'w' });
        await q.take();
        await q.enqueue(sized(100));
        await tenant.commit({ deletes: [remove('w')], cancelTasksOf: ['w'] });
        expect(await bytesIn(q)).toEqual({ bytes: 100, deadBytes: 0 });
        await eraseAll(engine, q.tenant, 10);
        expect(await bytesIn(q)).toEqual({ bytes: 0, deadBytes: 0 });
      });
    });

    it('are as many as before after a restart', async () => {
      await withQuota(async (q, opened) => {
        await q.enqueueSome(3, { ...sized(200), maxAttempts: 1 });
        await q.fail(await q.take());
        await q.take();
        await opened.reopen?.();
        const again = new TestQueue(opened.engine, q.tenant);
        expect(await bytesIn(again)).toEqual({ bytes: 400, deadBytes: 200 });
        await isFull(again.enqueue(sized(601)));
      });
    });

    it('move with the tasks, in place of earlier ones too, and leave with them', async () => {
      await withQuota(async (q, { engine }) => {
        await q.enqueueSome(2, { ...sized(200), maxAttempts: 1 });
        await q.fail(await q.take());
        const id = await q.enqueue(sized(300));
        const there = new TestQueue(engine, `${q.tenant}-moved`);
        await moveAll(engine, q.tenant, engine, there.tenant);
        await moveAll(engine, q.tenant, engine, there.tenant);
        expect(await bytesIn(there)).toEqual({ bytes: 500, deadBytes: 200 });
        const task = await readTask(engine, q.tenant, id);
        const replaced = { ...task, payload: '"short"', startedAtMs: 5 };
        await engine.moving.put(there.tenant, replaced, { ...FAIL, replaces: stampOf(task) });
        expect(await bytesIn(there)).toEqual({ bytes: 200 + 10 + 7, deadBytes: 200 });
        await engine.moving.remove(there.tenant, 'task', id, stampOf(replaced));
        for (const { id: dead } of await engine.tasks.listDead(there.tenant, 'q', 1))
          await engine.moving.remove(there.tenant, 'task', dead, stampOf(await readTask(engine, q.tenant, dead)));
        expect(await bytesIn(there)).toEqual({ bytes: 200, deadBytes: 0 });
      });
    });
  });

  describe('the bytes of dead tasks', () => {
    const died = async (q: TestQueue, clock: EngineUnderTest['clock'], ...sizes: number[]) => {
      const ids: string[] = [];
      for (const size of sizes) {
        ids.push(await q.enqueue({ ...sized(size), maxAttempts: 1 }));
        await q.fail(await q.take());
        clock.advance(1);
      }
      return ids;
    };
    const deadOf = async (q: TestQueue) => (await q.engine.tasks.listDead(q.tenant, 'q', 100)).map(({ id }) => id);

    it('have the same limit: the sweep removes the oldest first, and leaves the last one (invariant 19)', async () => {
      await withQuota(async (q, { engine, clock }) => {
        const ids = await died(q, clock, 300, 300, 400);
        await sweepAll(engine);
        expect(await deadOf(q)).toEqual(ids.toReversed());
        ids.push(...(await died(q, clock, 301)));
        await sweepAll(engine);
        expect([await deadOf(q), (await bytesIn(q)).deadBytes]).toEqual([ids.slice(2).toReversed(), 701]);
        expect(await q.find(ids[0] as string)).toBeUndefined();
        ids.push(...(await died(q, clock, 3000)));
        await sweepAll(engine);
        expect([await deadOf(q), (await bytesIn(q)).deadBytes]).toEqual([ids.slice(4), 3000]);
        await died(q, clock, 20);
        await sweepAll(engine);
        expect((await bytesIn(q)).deadBytes).toBe(20);
      });
    });

    it('become those of open tasks by a replay, and end with a purge or their retention (invariant 19)', async () => {
      await withQuota(async (q, { engine, clock }) => {
        const [a, b] = await died(q, clock, 100, 200, 300);
        const options = { resetAttempts: true, spreadMs: 100 };
        await engine.tasks.replayDead(q.tenant, 'q', { ids: [a as string] }, options, once());
        expect(await bytesIn(q)).toEqual({ bytes: 100, deadBytes: 500 });
        await engine.tasks.purgeDead(q.tenant, 'q', { ids: [b as string] }, once());
        expect(await bytesIn(q)).toEqual({ bytes: 100, deadBytes: 300 });
        await q.cancel(a as string);
        clock.advance(testOptions.tasks.deadMs);
        await sweepAll(engine);
        expect(await bytesIn(q)).toEqual({ bytes: 0, deadBytes: 0 });
      });
    });

    it('end when the id of a dead task past its retention is used again (invariant 19)', async () => {
      await withQuota(async (q, { clock }) => {
        const [id] = await died(q, clock, 100);
        clock.advance(testOptions.tasks.deadMs);
        await q.enqueue({ id: id as string, ...sized(50) });
        expect(await bytesIn(q)).toEqual({ bytes: 50, deadBytes: 0 });
      });
    });
  });

  it('the bytes of queues are those of their tasks, whatever happens to them (invariant 19)', async () => {
    const tasks = { ...testOptions.tasks, maxBytes: QUOTA, maxDead: 4, resultMs: 500, deadMs: 2000 };
    await fixture.withEngine({ options: { tasks } }, async (tenant, opened) => {
      const { clock } = opened;
      const random = new Random(11);
      let ids: string[] = [];
      let leases: ClaimedTask[] = [];
      let refused = 0;
      const queues = () => ['q', 'other'].map((name) => new TestQueue(opened.engine, tenant.name, name));
      for (let step = 1; step <= scaled({ short: 3000, long: 20_000 }); step++) {
        const q = random.pick(queues());
        const lease = leases.length > 0 ? random.pick(leases) : undefined;
        const fresh = () => {
          const id = random.chance(0.1) && ids.length > 0 ? random.pick(ids) : `task-${step}-${ids.length}`;
          ids.push(id);
          const timed = random.chance(0.3) ? { expires: { atMs: clock.ms + 60 } } : {};
          const start = { delayMs: random.pick([0, 0, 30]) };
          const workflowId = random.pick(['w', null]);
          return newTask(q.name, {
            id,
            ...sized(20 + random.below(300)),
            maxAttempts: 2,
            backoffMs: [20],
            start,
            workflowId,
            ...timed,
          });
        };
        const batch = () => Array.from({ length: 1 + random.below(3) }, fresh);
        const enqueue = () => q.commit({ enqueue: batch() });
        const options = { resetAttempts: true, spreadMs: 50 };
        const acts: Record<string, () => Promise<unknown>> = {
          enqueue,
          together: () => Promise.allSettled([enqueue(), q.takeIds(2), enqueue(), lease && q.complete(lease)]),
          claim: async () => leases.push(...(await q.claim(1 + random.below(3), { leaseMs: 25 })).tasks),
          step: async () => lease && q.commit({ ack: ackOf(lease), enqueue: batch() }),
          complete: async () => lease && q.complete(lease),
          fail: async () => lease && q.fail(lease, { isRetryable: random.chance(0.5) }),
          release: async () => lease && q.release(lease),
          extend: async () => lease && q.extend(lease),
          cancel: async () => ids.length > 0 && q.cancel(random.pick(ids), random.chance(0.5)),
          cancelAll: () => q.commit({ cancelTasksOf: ['w'] }),
          replay: () => q.engine.tasks.replayDead(q.tenant, q.name, { max: 2 }, options, once()),
          purge: () => q.engine.tasks.purgeDead(q.tenant, q.name, { max: 1 }, once()),
          advance: () => Promise.resolve(clock.advance(random.below(40))),
          sweep: () => q.engine.sweep(),
          reopen: async () => opened.reopen?.(),
          remove: async () => {
            const id = random.pick(ids);
            await q.engine.moving.remove(q.tenant, 'task', id, stampOf(await readTask(q.engine, q.tenant, id)));
          },
        };
        const name = random.weighted({
          enqueue: 16,
          together: 4,
          claim: 20,
          step: 8,
          complete: 8,
          fail: 12,
          release: 4,
          extend: 4,
          cancel: 4,
          cancelAll: 1,
          replay: 4,
          purge: 2,
          advance: 12,
          sweep: 6,
          reopen: 0.2,
          remove: 2,
        });
        await acts[name]?.().catch((error: unknown) => {
          if (error instanceof QueueFullError && error.extensions['unit'] === 'bytes') refused++;
        });
        leases = leases.slice(-12);
        if (step % 25 > 0) continue;
        // A task past its retention counts until the sweep removes it.
        await sweepAll(opened.engine);
        const found = (
          await Promise.all([...new Set(ids)].map((id) => opened.engine.tasks.find(tenant.name, id)))
        ).filter((task) => task !== undefined);
        for (const each of queues()) expect(await bytesIn(each)).toEqual(recount(each, found));
        ids = found.map(({ id }) => id);
      }
      expect(refused).toBeGreaterThan(20);
      clock.advance(1_000_000_000);
      await sweepAll(opened.engine);
      clock.advance(1_000_000_000);
      await sweepAll(opened.engine);
      for (const each of queues()) expect(await bytesIn(each)).toEqual({ bytes: 0, deadBytes: 0 });
    });
  });
}
