import { describe, expect, it } from '@jest/globals';
import type { Enqueued } from '../../../src/engine/commit.js';
import { once } from '../../support/parts.js';
import { newTask, TestQueue } from '../../support/tasks.js';
import type { Fixture } from '../engine-under-test.js';

const HOUR = 3_600_000;

const HOSTILE = [
  '',
  ' ',
  'k',
  'K',
  'k ',
  'k:',
  ':k',
  '__proto__',
  'constructor',
  '*',
  '[a-z]*',
  '{tag}',
  'a\nb',
  'a\r\nb',
  '\u0000',
  'a\u0000b',
  '"quoted"',
  '\\',
  'é',
  'e\u0301',
  '🚀',
  '99999999999999 task',
  '../../once:k',
  'x'.repeat(1000),
];

export function describeTaskDedupe(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);
  const enqueue = async (q: TestQueue, given: Parameters<typeof newTask>[1]) => {
    const { tasks } = await q.commit({ enqueue: [newTask(q.name, given)] });
    const [{ task, isDuplicate }] = tasks as [Enqueued];
    return { id: task.id, status: task.status, isDuplicate };
  };

  describe('a dedupe key', () => {
    it('lets one of many who bring it at the same time create a task (invariant 12)', async () => {
      const q = queue();
      const dedupe = { key: 'k', keepMs: HOUR };
      const all = await Promise.all(Array.from({ length: 20 }, () => enqueue(q, { dedupe })));
      expect(all.filter(({ isDuplicate }) => !isDuplicate)).toHaveLength(1);
      expect(new Set(all.map(({ id }) => id)).size).toBe(1);
      expect((await q.depth()).ready).toBe(1);
    });

    it('is kept to its very millisecond, from the first task on and not from its repeats (invariant 12)', async () => {
      const q = queue();
      const dedupe = { key: 'k', keepMs: 100 };
      const first = await enqueue(q, { dedupe });
      fixture.clock.advance(60);
      expect(await enqueue(q, { dedupe })).toEqual({ ...first, isDuplicate: true });
      fixture.clock.advance(39);
      expect(await enqueue(q, { dedupe })).toEqual({ ...first, isDuplicate: true });
      fixture.clock.advance(1);
      const second = await enqueue(q, { dedupe });
      expect([second.isDuplicate, second.id === first.id]).toEqual([false, false]);
      expect(await enqueue(q, { dedupe })).toEqual({ ...second, isDuplicate: true });
    });

    it('stands for its task whatever has become of that, and says what (invariant 12)', async () => {
      const q = queue();
      const dedupe = { key: 'k', keepMs: HOUR };
      const { id } = await enqueue(q, { dedupe });
      const task = await q.take();
      expect(await enqueue(q, { dedupe })).toEqual({ id, status: 'leased', isDuplicate: true });
      await q.fail(task, { retryAfterMs: 10 });
      expect(await enqueue(q, { dedupe })).toEqual({ id, status: 'delayed', isDuplicate: true });
      fixture.clock.advance(10);
      await q.complete(await q.take());
      expect(await enqueue(q, { dedupe })).toEqual({ id, status: 'done', isDuplicate: true });
      expect((await q.look()).totals.enqueued).toBe(1);
    });

    it('that is kept for longer than the result of its task creates no other one all the same (invariant 12)', async () => {
      const q = queue();
      const dedupe = { key: 'k', keepMs: 24 * HOUR };
      await enqueue(q, { dedupe });
      await q.complete(await q.take());
      fixture.clock.advance(2 * HOUR);
      await enqueue(q, { dedupe });
      expect((await q.look()).totals.enqueued).toBe(1);
    });

    it('of a task that was removed by hand is free (invariant 12)', async () => {
      const q = queue();
      const dedupe = { key: 'k', keepMs: HOUR };
      const { id } = await enqueue(q, { dedupe });
      await q.fail(await q.take(), { isRetryable: false });
      expect(await enqueue(q, { dedupe })).toEqual({ id, status: 'dead', isDuplicate: true });
      await q.engine.tasks.purgeDead(q.tenant, 'q', { ids: [id] }, once());
      expect((await enqueue(q, { dedupe })).isDuplicate).toBe(false);
    });

    it('works within one batch as well (invariants 12 and 13)', async () => {
      const q = queue();
      const dedupe = { key: 'k', keepMs: HOUR };
      const [a, b, c] = [newTask('q', { dedupe }), newTask('q', { dedupe }), newTask('q')];
      const { tasks } = await q.commit({ enqueue: [a, b, c] });
      expect(tasks?.map(({ task, isDuplicate }) => [task.id, isDuplicate])).toEqual([
        [a.id, false],
        [a.id, true],
        [c.id, false],
      ]);
      expect(await q.find(b.id)).toBeUndefined();
      expect((await q.depth()).ready).toBe(2);
    });

    it('is only itself, however it is spelled (invariant 12)', async () => {
      const q = queue();
      const all = [];
      for (const key of HOSTILE) all.push(await enqueue(q, { dedupe: { key, keepMs: HOUR } }));
      expect(all.map(({ isDuplicate }) => isDuplicate)).toEqual(HOSTILE.map(() => false));
      for (const [i, key] of HOSTILE.entries()) {
        const again = await enqueue(q, { dedupe: { key, keepMs: HOUR } });
        expect([key, again.id, again.isDuplicate]).toEqual([key, all[i]?.id, true]);
      }
      expect(await q.takeIds(50)).toEqual(all.map(({ id }) => id));
    });

    it('with half a character in it is one key or refused, and does no harm (invariant 12)', async () => {
      const q = queue();
      const dedupe = { key: 'half \ud83d', keepMs: HOUR };
      const both = await Promise.allSettled([enqueue(q, { dedupe }), enqueue(q, { dedupe })]);
      for (const one of both) {
        if (one.status === 'rejected') expect(one.reason).not.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      }
      expect((await q.depth()).ready).toBeLessThanOrEqual(1);
    });
  });

  describe('the id of a task', () => {
    it('is taken while its task is kept, in whichever queue, and free afterwards (invariants 12 and 18)', async () => {
      const q = queue();
      const other = new TestQueue(q.engine, q.tenant, 'other');
      const id = 'mine';
      await enqueue(q, { id, payload: '"first"' });
      expect(await enqueue(other, { id, payload: '"second"' })).toMatchObject({ id, isDuplicate: true });
      expect(await other.depth()).toMatchObject({ ready: 0 });
      await q.complete(await q.take());
      fixture.clock.advance(HOUR - 1);
      expect(await enqueue(other, { id })).toEqual({ id, status: 'done', isDuplicate: true });
      fixture.clock.advance(1);
      expect(await enqueue(other, { id, payload: '"second"' })).toMatchObject({ id, isDuplicate: false });
      expect(await other.take()).toMatchObject({ id, payload: '"second"', attempt: 1 });
      expect(await q.takeIds(5)).toEqual([]);
    });

    it('in a new life brings nothing along from the one before it (invariant 18)', async () => {
      const q = queue();
      const id = 'mine';
      await enqueue(q, { id, workflowId: 'before' });
      const task = await q.take();
      await q.progress(task, '"old"');
      await q.fail(task, { retryAfterMs: 0 });
      await q.complete(await q.take(), '"old"');
      fixture.clock.advance(HOUR);
      await enqueue(q, { id, workflowId: 'after' });
      expect(await q.get(id)).toMatchObject({ attempt: 0, failures: [], result: undefined, worker: null });
      expect(await q.engine.tasks.readProgress(q.tenant, id, 0, 10)).toEqual({
        events: [],
        isOver: false,
        oldest: null,
      });
      const tasksOf = (workflow: string) => q.engine.tasks.listOfWorkflow(q.tenant, workflow, 10);
      expect([await tasksOf('before'), (await tasksOf('after')).length]).toEqual([[], 1]);
    });
  });
}
