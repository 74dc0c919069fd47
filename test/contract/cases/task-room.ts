import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { once, put } from '../../support/parts.js';
import { refusalOf } from '../../support/refusal.js';
import { claimOf, newTask, TestQueue } from '../../support/tasks.js';
import { dumpTasks } from '../../support/task-dump.js';
import { testOptions, type Fixture } from '../engine-under-test.js';

export function describeTaskRoom(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);
  /** An engine whose queues hold three open tasks. */
  const withThree = (run: (q: TestQueue, advance: (ms: number) => void) => Promise<void>) =>
    fixture.withEngine({ options: { tasks: { ...testOptions.tasks, maxOpen: 3 } } }, (tenant, { clock }) =>
      run(new TestQueue(tenant.engine, tenant.name), (ms) => clock.advance(ms)),
    );
  const isFull = async (q: TestQueue) =>
    expect(await refusalOf(q.enqueue())).toMatchObject({
      code: 'QUEUE_FULL',
      extensions: { queue: 'q', limit: 3 },
      failed: { part: 'enqueue', index: 0 },
    });

  describe('a full queue', () => {
    it('is full of whatever is open, ready, delayed or leased, and of nothing else (invariant 19)', async () => {
      await withThree(async (q) => {
        await q.enqueueSome(2);
        const task = await q.take();
        await q.enqueue({ start: { delayMs: 1000 } });
        await isFull(q);
        await q.fail(task, { isRetryable: false });
        const id = await q.enqueue();
        await isFull(q);
        await q.cancel(id);
        await q.enqueue();
        await isFull(q);
        expect(await q.depth()).toEqual({ ready: 2, delayed: 1, leased: 0, dead: 1 });
      });
    });

    it('leaves other queues and other tenants alone (invariant 19)', async () => {
      await withThree(async (q) => {
        await q.enqueueSome(3);
        await new TestQueue(q.engine, q.tenant, 'other').enqueueSome(3);
        await new TestQueue(q.engine, 'somebody-else').enqueueSome(3);
        await isFull(q);
      });
    });

    it('lets every step pass that its tasks take, and every state that is written beside it (invariant 19)', async () => {
      await withThree(async (q, advance) => {
        await q.enqueueSome(3, { maxAttempts: 9 });
        const [a, b, c] = (await q.claim(3)).tasks as [ClaimedTask, ClaimedTask, ClaimedTask];
        await q.extend(a);
        await q.progress(b);
        await q.release(c);
        await q.fail(b, { retryAfterMs: 10 });
        await isFull(q);
        advance(10);
        await q.commit({ puts: [put('a', {})], claim: claimOf('q', 1) });
        expect(await q.takeIds(3)).toEqual([b.id]);
        await isFull(q);
        await q.complete(a);
        await q.enqueue();
      });
    });

    it('takes a successor for each task that is ended, and not for one of another queue (invariant 19)', async () => {
      await withThree(async (q) => {
        await q.enqueueSome(3);
        const other = new TestQueue(q.engine, q.tenant, 'other');
        await other.enqueue();
        const [task, elsewhere] = [await q.take(), await other.take()];
        const ackOf = ({ id, token }: ClaimedTask) => ({ taskId: id, token, result: '1' });
        const ids = [task.id, elsewhere.id];
        const before = await dumpTasks(q.engine, q.tenant, ids);
        await expect(q.commit({ ack: ackOf(elsewhere), enqueue: [newTask('q')] })).rejects.toMatchObject({
          code: 'QUEUE_FULL',
          failed: { part: 'enqueue', index: 0 },
        });
        await expect(q.commit({ ack: ackOf(task), enqueue: [newTask('q'), newTask('q')] })).rejects.toMatchObject({
          failed: { part: 'enqueue', index: 1 },
        });
        expect(await dumpTasks(q.engine, q.tenant, ids)).toEqual(before);
        await q.commit({ ack: ackOf(task), enqueue: [newTask('q')] });
        expect(await q.depth()).toMatchObject({ ready: 3, leased: 0 });
      });
    });

    it('still knows what it has: duplicates need no room (invariants 12 and 19)', async () => {
      await withThree(async (q) => {
        const dedupe = { key: 'k', keepMs: 1000 };
        const task = newTask('q', { dedupe });
        await q.commit({ enqueue: [task, newTask('q'), newTask('q')] });
        for (const again of [task, newTask('q', { dedupe })]) {
          const { tasks } = await q.commit({ enqueue: [again] });
          expect(tasks?.[0]).toMatchObject({ isDuplicate: true, task: { id: task.id } });
        }
      });
    });

    it('counts one task once, though a batch may name it twice (invariants 12 and 19)', async () => {
      await withThree(async (q) => {
        await q.enqueueSome(2);
        const task = newTask('q');
        const { tasks } = await q.commit({ enqueue: [task, task] });
        expect(tasks?.map(({ isDuplicate }) => isDuplicate)).toEqual([false, true]);
      });
    });
  });

  describe('asking for nothing', () => {
    it('claims nothing: a claim without tokens takes no task (invariant 17)', async () => {
      const q = queue();
      const [id] = await q.enqueueSome(3);
      expect((await q.claim(0)).tasks).toEqual([]);
      expect((await q.commit({ claim: claimOf('q', 0) })).next).toBeUndefined();
      expect(await q.depth()).toEqual({ ready: 3, delayed: 0, leased: 0, dead: 0 });
      expect((await q.take()).id).toBe(id);
    });

    const died = async () => {
      const q = queue();
      await q.enqueueSome(3, { workflowId: 'a' });
      for (const task of (await q.claim(3)).tasks) {
        await q.progress(task);
        await q.fail(task, { isRetryable: false });
      }
      return q;
    };

    it('replays nothing of the dead (invariant 17)', async () => {
      const q = await died();
      for (const which of [{ max: 0 }, { ids: [] }]) {
        const options = { resetAttempts: true, spreadMs: 0 };
        expect((await q.engine.tasks.replayDead(q.tenant, 'q', which, options, once())).ids).toEqual([]);
      }
      expect(await q.depth()).toMatchObject({ ready: 0, dead: 3 });
    });

    it('removes nothing of the dead (invariant 17)', async () => {
      const q = await died();
      for (const which of [{ max: 0 }, { ids: [] }]) {
        expect((await q.engine.tasks.purgeDead(q.tenant, 'q', which, once())).ids).toEqual([]);
      }
      expect(await q.depth()).toMatchObject({ dead: 3 });
    });

    it('lists none of the dead (invariant 17)', async () => {
      const q = await died();
      expect(await q.engine.tasks.listDead(q.tenant, 'q', 0)).toEqual([]);
    });

    it('lists no tasks of a workflow (invariant 17)', async () => {
      const q = await died();
      expect(await q.engine.tasks.listOfWorkflow(q.tenant, 'a', 0)).toEqual([]);
    });

    it('reads no progress (invariant 17)', async () => {
      const q = await died();
      const [dead] = await q.engine.tasks.listDead(q.tenant, 'q', 1);
      expect(await q.engine.tasks.readProgress(q.tenant, dead?.id ?? '', 0, 0)).toMatchObject({
        events: [],
        oldest: 1,
      });
    });

    it('for more than there is gives what there is (invariant 17)', async () => {
      const q = await died();
      expect(await q.engine.tasks.listDead(q.tenant, 'q', 1_000_000)).toHaveLength(3);
      expect(await q.engine.tasks.listOfWorkflow(q.tenant, 'a', 1_000_000)).toHaveLength(3);
      const options = { resetAttempts: true, spreadMs: 0 };
      expect((await q.engine.tasks.replayDead(q.tenant, 'q', { max: 1_000 }, options, once())).ids).toHaveLength(3);
    });
  });
}
