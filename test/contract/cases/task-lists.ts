import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { once, put } from '../../support/parts.js';
import { claimOf, newTask, queueNames, SECOND, TestQueue } from '../../support/tasks.js';
import { sweepAll } from '../../support/task-dump.js';
import { until } from '../../support/until.js';
import type { Fixture } from '../engine-under-test.js';

const HOUR = 3_600_000;

export function describeTaskLists(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);

  describe('tasks of a workflow', () => {
    const listed = async (q: TestQueue, limit = 100) =>
      (await q.engine.tasks.listOfWorkflow(q.tenant, 'a', limit)).map(({ id }) => id);

    it('are shown open ones first and newest first, then ended ones, last ended first', async () => {
      const q = queue();
      const ids: string[] = [];
      for (let n = 0; n < 6; n++) {
        ids.push(await q.enqueue({ workflowId: 'a', start: { delayMs: n === 5 ? 1000 : 0 } }));
        fixture.clock.advance(1);
      }
      const [a, b, c] = (await q.claim(3)).tasks as ClaimedTask[];
      await q.complete(b as ClaimedTask);
      fixture.clock.advance(1);
      await q.fail(a as ClaimedTask, { isRetryable: false });
      fixture.clock.advance(1);
      await q.cancel(ids[3] as string);
      const expected = [ids[5], ids[4], c?.id, ids[3], a?.id, b?.id];
      expect(await listed(q)).toEqual(expected);
      expect(await listed(q, 2)).toEqual(expected.slice(0, 2));
      expect(await listed(q, 5)).toEqual(expected.slice(0, 5));
      expect(await q.engine.tasks.listOfWorkflow(q.tenant, 'other', 5)).toEqual([]);
    });

    it('that are kept no longer do not hide those that still are (invariant 18)', async () => {
      const q = queue();
      const dead = await q.enqueue({ workflowId: 'a' });
      await q.fail(await q.take(), { isRetryable: false });
      fixture.clock.advance(SECOND);
      for (let n = 0; n < 3; n++) {
        await q.enqueueSome(50, { workflowId: 'a' });
        for (const task of (await q.claim(50)).tasks) await q.complete(task);
      }
      expect(await listed(q, 1)).not.toEqual([dead]);
      fixture.clock.advance(HOUR);
      expect(await listed(q, 1)).toEqual([dead]);
      await sweepAll(fixture.engine);
      expect(await listed(q)).toEqual([dead]);
    });
  });

  describe('a paused queue', () => {
    it('gives nothing out, also not to commits, and loses nothing: its tasks still end, come back and expire', async () => {
      const q = queue();
      await q.enqueueSome(3, { maxAttempts: 5 });
      const [a, b, c] = (await q.claim(3, { leaseMs: 10 })).tasks as [ClaimedTask, ClaimedTask, ClaimedTask];
      await q.engine.tasks.pause(q.tenant, 'q', true);
      expect(await queueNames(q.engine, q.tenant)).toEqual(['q']);
      await q.complete(a);
      await q.release(b);
      fixture.clock.advance(10);
      const late = await q.enqueue({ expires: { atMs: fixture.clock.ms + 20 }, start: { delayMs: 10 } });
      expect(await q.claim(5)).toEqual({ tasks: [], nextDueInMs: null, isPaused: true });
      const { next } = await q.commit({ claim: claimOf('q'), puts: [put('a', {})] });
      expect(next).toBeUndefined();
      await sweepAll(fixture.engine);
      expect(await q.depth()).toMatchObject({ ready: 2, delayed: 1, leased: 0 });
      fixture.clock.advance(20);
      await sweepAll(fixture.engine);
      expect(await q.get(late)).toMatchObject({ status: 'dead', reason: 'EXPIRED' });
      await q.engine.tasks.pause(q.tenant, 'q', false);
      expect(await q.takeIds(5)).toEqual([b.id, c.id]);
    });

    it('can be paused before anybody has used it, and twice', async () => {
      const q = queue();
      for (let n = 0; n < 2; n++) await q.engine.tasks.pause(q.tenant, 'q', true);
      const id = await q.enqueue();
      expect(await q.claim()).toMatchObject({ tasks: [], isPaused: true });
      for (let n = 0; n < 2; n++) await q.engine.tasks.pause(q.tenant, 'q', false);
      expect(await q.takeIds(1)).toEqual([id]);
    });
  });

  describe('tasks of several tenants', () => {
    it('know nothing of each other, with the same ids, queues, workflows, tokens and keys', async () => {
      const [one, two] = [queue(), queue()];
      const dedupe = { key: 'k', keepMs: HOUR };
      const name = once();
      for (const q of [one, two]) {
        await q.commit({ puts: [put('a', {}, { ttl: 1000 })] });
        const outcome = await q.commit({ enqueue: [newTask('q', { id: 'same', workflowId: 'a', dedupe })] }, name);
        expect(outcome).toMatchObject({ replayed: false, tasks: [{ isDuplicate: false }] });
      }
      const claim = claimOf('q', 1, { tokens: ['token'] });
      await one.engine.tasks.claim(one.tenant, claim, 'claim');
      expect((await two.get('same')).status).toBe('ready');
      await expect(two.step({ kind: 'release', id: 'same', token: 'token' })).rejects.toMatchObject({
        code: 'LEASE_LOST',
      });
      expect((await two.engine.tasks.claim(two.tenant, claim, 'claim')).tasks).toHaveLength(1);
      let hints = 0;
      const stop = two.engine.onChange(two.tenant, 'task same', () => hints++);
      await one.complete({ id: 'same', token: 'token' }, '"one"');
      expect(await two.get('same')).toMatchObject({ status: 'leased', result: undefined });
      await one.engine.tasks.pause(one.tenant, 'q', true);
      expect((await two.look()).isPaused).toBe(false);
      await two.commit({ cancelTasksOf: ['a'] });
      await until(() => hints > 0, 'a hint comes');
      expect([(await one.get('same')).status, (await two.get('same')).status]).toEqual(['done', 'cancelled']);
      stop();
      const feed = await one.engine.readFeed(one.tenant, undefined, 100);
      expect(feed.filter(({ type }) => type === 'task.cancelled')).toEqual([]);
    });
  });

  describe('a queue whose work is done', () => {
    it('has nothing left to be found once all times are over (invariant 18)', async () => {
      await fixture.withEngine({}, async (tenant, { engine, clock }) => {
        const q = new TestQueue(engine, tenant.name);
        await tenant.put('a', {}, { ttl: 1000 });
        const dedupe = { key: 'k', keepMs: HOUR };
        const ids = [
          ...(await q.enqueueSome(5, { workflowId: 'a', maxAttempts: 1 })),
          await q.enqueue({ dedupe, workflowId: 'a' }),
        ];
        const [a, b, c] = (await q.claim(3, { leaseMs: 10 })).tasks as ClaimedTask[];
        await q.progress(a as ClaimedTask);
        await q.complete(a as ClaimedTask);
        await q.fail(b as ClaimedTask);
        await q.cancel((c as ClaimedTask).id);
        await q.cancel(ids[3] as string);
        for (const task of (await q.claim(3)).tasks) await q.complete(task);
        clock.advance(10);
        await sweepAll(engine);
        expect(await q.depth()).toEqual({ ready: 0, delayed: 0, leased: 0, dead: 1 });
        clock.advance(8 * 86_400_000);
        await sweepAll(engine);
        for (const id of ids) {
          expect(await q.find(id)).toBeUndefined();
          expect(await engine.tasks.readProgress(tenant.name, id, 0, 10)).toBeUndefined();
        }
        expect(await engine.tasks.listDead(tenant.name, 'q', 10)).toEqual([]);
        expect(await engine.tasks.listOfWorkflow(tenant.name, 'a', 10)).toEqual([]);
        expect(await tenant.find('a')).toBeUndefined();
        expect(await q.claim()).toEqual({ tasks: [], nextDueInMs: null, isPaused: false });
        // Ids and dedupe keys are free again.
        const { tasks } = await q.commit({ enqueue: ids.map((id) => newTask('q', { id, dedupe })).slice(0, 1) });
        expect(tasks?.[0]?.isDuplicate).toBe(false);
      });
    });
  });
}
