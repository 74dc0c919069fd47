import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { increment } from '../../support/edits.js';
import { patch, put } from '../../support/parts.js';
import { claimOf, newTask, TestQueue } from '../../support/tasks.js';
import type { Fixture } from '../engine-under-test.js';

export function describeTaskRaces(fixture: Fixture): void {
  const started = () => {
    const tenant = fixture.tenant();
    return { tenant, q: new TestQueue(tenant.engine, tenant.name) };
  };
  const ackOf = ({ id, token }: ClaimedTask) => ({ taskId: id, token, result: 'null' });

  describe('racing for tasks', () => {
    it('many commits from one version, each with a task of its own, have one winner (invariant 10)', async () => {
      const { tenant, q } = started();
      await tenant.put('a', {});
      for (let version = 1; version <= 5; version++) {
        await q.enqueueSome(12, { workflowId: 'a' });
        const tasks = (await q.claim(12)).tasks;
        const results = await Promise.allSettled(
          tasks.map((task, n) =>
            tenant.commit({
              ack: ackOf(task),
              puts: [put('a', { version, n }, { expect: { version } })],
              enqueue: [newTask('next')],
              publish: [{ channel: 'c', type: 'won', payload: String(n) }],
            }),
          ),
        );
        const winners = results.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
        expect(winners).toHaveLength(1);
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'VERSION_CONFLICT' });
        }
        expect(await tenant.get('a')).toMatchObject({
          version: version + 1,
          state: JSON.stringify({ version, n: winners[0] }),
        });
        const statuses = await Promise.all(tasks.map(async ({ id }) => (await q.get(id)).status));
        expect(statuses).toEqual(tasks.map((_, n) => (n === winners[0] ? 'done' : 'leased')));
        expect((await new TestQueue(q.engine, q.tenant, 'next').depth()).ready).toBe(version);
        const events = await q.engine.readFeed(q.tenant, undefined, 10_000);
        expect(events.filter(({ type }) => type === 'won')).toHaveLength(version);
        for (const [n, task] of tasks.entries()) if (n !== winners[0]) await q.complete(task);
      }
    });

    it('many commits that patch one workflow all land, each with its task (invariant 10)', async () => {
      const { tenant, q } = started();
      await tenant.put('a', { count: 0 });
      await q.enqueueSome(40, { workflowId: 'a' });
      const { tasks } = await q.claim(40);
      const outcomes = await Promise.all(
        tasks.map((task) => tenant.commit({ ack: ackOf(task), patches: [patch('a', increment)] })),
      );
      expect(outcomes.map(({ workflows }) => workflows[0]?.version).toSorted((a, b) => Number(a) - Number(b))).toEqual(
        tasks.map((_, n) => n + 2),
      );
      expect(await tenant.state('a')).toEqual({ count: 40 });
      expect(await q.depth()).toEqual({ ready: 0, delayed: 0, leased: 0, dead: 0 });
      expect((await tenant.get('a')).deadlineMs).not.toBeNull();
    });

    it('many claims give each task to one of them (invariant 4)', async () => {
      const { q } = started();
      const ids = await q.enqueueSome(60);
      const claims = await Promise.all(
        Array.from({ length: 30 }, (_, n) => q.claim(1 + (n % 4), { worker: `w-${n % 3}` })),
      );
      const taken = claims.flatMap(({ tasks }) => tasks.map(({ id }) => id));
      expect(taken.toSorted()).toEqual(ids.toSorted());
    });

    it('a worker that is late and one that claims: one of them has it, never both and never none (invariants 3 and 5)', async () => {
      const { q } = started();
      for (let round = 0; round < 25; round++) {
        const id = await q.enqueue();
        const late = await q.take({ leaseMs: 10 });
        fixture.clock.advance(10);
        const both = [() => q.complete(late), () => q.claim()];
        const [one, two] = round % 2 === 0 ? both : both.toReversed();
        const results = await Promise.allSettled([one?.(), two?.()]);
        const [ended, claimed] = round % 2 === 0 ? results : results.toReversed();
        const tasks = claimed?.status === 'fulfilled' ? (claimed.value as { tasks: readonly ClaimedTask[] }).tasks : [];
        expect(tasks).toHaveLength(ended?.status === 'fulfilled' ? 0 : 1);
        if (tasks[0] !== undefined) await q.complete(tasks[0]);
        expect((await q.get(id)).status).toBe('done');
      }
      expect((await q.look()).totals.completed).toBe(25);
    });

    it('an end and a cancellation by force: one of them happens (invariants 3 and 15)', async () => {
      const { q } = started();
      for (let round = 0; round < 20; round++) {
        const id = await q.enqueue();
        const task = await q.take();
        const acts = [() => q.complete(task), () => q.cancel(id, true), () => q.fail(task, { isRetryable: false })];
        const results = await Promise.allSettled(acts.map((_, i) => acts[(i + round) % 3]?.()));
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      }
      const { completed, cancelled, died } = (await q.look()).totals;
      expect(completed + cancelled + died).toBe(20);
    });

    it('chains of commits that end one task and claim the next lose and repeat none (invariants 1 and 4)', async () => {
      const { tenant, q } = started();
      const ids = await q.enqueueSome(60);
      const done: string[] = [];
      const worker = async (name: string) => {
        let [task] = (await q.claim(1, { worker: name })).tasks;
        while (task !== undefined) {
          done.push(task.id);
          const outcome = await tenant.commit({ ack: ackOf(task), claim: { ...claimOf('q'), worker: name } });
          task = outcome.next;
        }
      };
      await Promise.all(['w-1', 'w-2', 'w-3', 'w-4'].map((name) => worker(name)));
      expect(done.toSorted()).toEqual(ids.toSorted());
      expect((await q.look()).totals).toMatchObject({ claimed: 60, completed: 60 });
    });

    it('in a queue that is nearly full never take more than fits (invariant 19)', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      for (let n = 0; n < 9; n++) await q.enqueueSome(100);
      await q.enqueueSome(90);
      const results = await Promise.allSettled(
        Array.from({ length: 30 }, () => q.commit({ enqueue: [newTask('q')] }, { key: randomUUID() })),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
      expect((await q.depth()).ready).toBe(1000);
    });
  });
}
