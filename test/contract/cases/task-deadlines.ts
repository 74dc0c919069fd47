import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import type { Ttl } from '../../../src/engine/commit.js';
import { etagOf } from '../../../src/engine/records/workflow-meta.js';
import { merge } from '../../support/edits.js';
import { once, patch, put, remove, touch } from '../../support/parts.js';
import { claimOf, DAY, newTask, TestQueue } from '../../support/tasks.js';
import { sweepAll } from '../../support/task-dump.js';
import { dump, type Parts, type TestTenant } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

export function describeTaskDeadlines(fixture: Fixture): void {
  const started = () => {
    const tenant = fixture.tenant();
    return { tenant, q: new TestQueue(tenant.engine, tenant.name) };
  };
  const deadlineOf = async (tenant: TestTenant, id = 'a') => (await tenant.get(id)).deadlineMs;
  const inMs = (ms: number) => fixture.clock.ms + ms;

  describe('a workflow with open tasks', () => {
    it('does not expire, however long they are ready, delayed or leased', async () => {
      const { tenant, q } = started();
      for (const [id, start] of Object.entries({ ready: 0, leased: 0, delayed: 30 * DAY })) {
        await tenant.put(id, {}, { ttl: 100 });
        await new TestQueue(q.engine, q.tenant, id).enqueue({ workflowId: id, start: { delayMs: start } });
      }
      await new TestQueue(q.engine, q.tenant, 'leased').take({ leaseMs: 30 * DAY });
      for (let day = 0; day < 5; day++) {
        fixture.clock.advance(DAY);
        await sweepAll(fixture.engine);
      }
      for (const id of ['ready', 'leased', 'delayed']) expect(await deadlineOf(tenant, id)).toBeNull();
      expect((await tenant.ids()).toSorted()).toEqual(['delayed', 'leased', 'ready']);
      expect(await tenant.count()).toBe(3);
      const events = await q.engine.readFeed(q.tenant, undefined, 1000);
      expect(events.filter(({ type }) => type === 'workflow.expired')).toEqual([]);
    });

    it('is no other version for it, and nothing is told of the workflow in the feed', async () => {
      const { tenant, q } = started();
      const created = await tenant.put('a', { n: 1 }, { ttl: 1000 });
      const seen = async () =>
        (await dump(tenant.engine, tenant.name)).map((record) => ({
          ...record,
          deadlineMs: 'any',
          versions: record.versions.map((version) => ({ ...version, deadlineMs: 'any' })),
        }));
      const before = await seen();
      fixture.clock.advance(5);
      await q.enqueue({ workflowId: 'a' });
      expect(await seen()).toEqual(before);
      await q.complete(await q.take());
      expect(await seen()).toEqual(before);
      const events = await q.engine.readFeed(q.tenant, undefined, 1000);
      expect(events.map(({ type }) => type).filter((type) => type.startsWith('workflow.'))).toEqual([
        'workflow.created',
      ]);
      const etag = etagOf(created);
      expect((await tenant.put('a', {}, { expect: { etags: [etag] } })).version).toBe(2);
    });

    it('shows that it has no deadline wherever it is seen', async () => {
      const { tenant, q } = started();
      await tenant.put('a', {}, { ttl: 1000 });
      await q.enqueue({ workflowId: 'a' });
      const [[many], page, versions] = await Promise.all([
        tenant.engine.findMany(tenant.name, ['a']),
        tenant.list(),
        tenant.versions('a'),
      ]);
      expect([many?.deadlineMs, page.items[0]?.deadlineMs, versions[0]?.deadlineMs]).toEqual([null, null, null]);
    });

    const ends: Readonly<Record<string, (q: TestQueue, id: string) => Promise<unknown>>> = {
      'is done': async (q) => q.complete(await q.take()),
      'dies of a failure': async (q) => q.fail(await q.take(), { isRetryable: false }),
      'dies of a lease that ran out': async (q) => {
        await q.take({ leaseMs: 10 });
        fixture.clock.advance(10);
        await sweepAll(fixture.engine);
      },
      'dies of a lease that ran out, found by a claim': async (q) => {
        await q.take({ leaseMs: 10 });
        fixture.clock.advance(10);
        await q.claim();
      },
      'was not worth starting any more': async () => {
        fixture.clock.advance(DAY);
        await sweepAll(fixture.engine);
      },
      'was not worth starting any more, found by a claim': async (q) => {
        fixture.clock.advance(DAY);
        await q.claim();
      },
      'is cancelled': (q, id) => q.cancel(id),
      'is cancelled by force': async (q, id) => {
        await q.take();
        await q.cancel(id, true);
      },
      'is cancelled with all of them': (q) => q.commit({ cancelTasksOf: ['a'] }),
    };

    it.each(Object.keys(ends))('has its whole time again from the moment on at which the last one %s', async (how) => {
      const { tenant, q } = started();
      await tenant.put('a', {}, { ttl: 1000 });
      const [first, last] = (await q.enqueueSome(2, {
        workflowId: 'a',
        maxAttempts: 1,
        expires: { afterDueMs: DAY },
      })) as [string, string];
      await q.cancel(first);
      fixture.clock.advance(700);
      expect(await deadlineOf(tenant)).toBeNull();
      await ends[how]?.(q, last);
      expect(await deadlineOf(tenant)).toBe(inMs(1000));
      fixture.clock.advance(999);
      await sweepAll(fixture.engine);
      expect(await tenant.find('a')).toBeDefined();
      fixture.clock.advance(1);
      expect(await tenant.find('a')).toBeUndefined();
      expect(await tenant.count()).toBe(0);
    });

    it('is held by each of several tasks, in whichever queue', async () => {
      const { tenant, q } = started();
      await tenant.put('a', {}, { ttl: 1000 });
      const queues = ['q', 'r', 's'].map((name) => new TestQueue(q.engine, q.tenant, name));
      for (const one of queues) await one.enqueue({ workflowId: 'a' });
      for (const one of queues) {
        expect(await deadlineOf(tenant)).toBeNull();
        await one.complete(await one.take());
      }
      expect(await deadlineOf(tenant)).toBe(inMs(1000));
    });

    it('is held through releases, failures, lost leases and another turn', async () => {
      const { tenant, q } = started();
      await tenant.put('a', {}, { ttl: 1000 });
      await q.enqueue({ workflowId: 'a', maxAttempts: 9 });
      await q.release(await q.take());
      await q.fail(await q.take(), { retryAfterMs: 2000 });
      fixture.clock.advance(2000);
      await q.take({ leaseMs: 2000 });
      fixture.clock.advance(2000);
      await sweepAll(fixture.engine);
      expect(await deadlineOf(tenant)).toBeNull();
      await q.progress(await q.take());
      expect(await deadlineOf(tenant)).toBeNull();
    });

    const ttls: readonly [string, Ttl, number | null][] = [
      ['another time', 5000, 5000],
      ['no end', null, null],
      ['the time it has', 'keep', 1000],
    ];
    for (const [what, ttl, expected] of ttls) {
      it.each(['put', 'patch', 'touch'])(
        `is given ${what} meanwhile by a %s, which counts from the end of them`,
        async (how) => {
          const { tenant, q } = started();
          await tenant.put('a', {}, { ttl: 1000 });
          const id = await q.enqueue({ workflowId: 'a' });
          fixture.clock.advance(300);
          const { workflows } = await tenant.commit(writing(how, ttl));
          expect(workflows[0]?.deadlineMs).toBeNull();
          fixture.clock.advance(20_000);
          expect(await deadlineOf(tenant)).toBeNull();
          await q.cancel(id);
          expect(await deadlineOf(tenant)).toBe(expected === null ? null : inMs(expected));
        },
      );

      it.each(['put', 'patch', 'touch'])(
        `has ${what} at once from a %s in the commit that ends the last one`,
        async (how) => {
          const { tenant, q } = started();
          await tenant.put('a', {}, { ttl: 1000 });
          await q.enqueue({ workflowId: 'a' });
          const { id, token } = await q.take();
          fixture.clock.advance(300);
          const ack = { taskId: id, token, result: '1' };
          const { workflows } = await tenant.commit({ ...writing(how, ttl), ack });
          const deadlineMs = expected === null ? null : inMs(expected);
          expect([workflows[0]?.deadlineMs, await deadlineOf(tenant)]).toEqual([deadlineMs, deadlineMs]);
        },
      );
    }

    it('can be given an end again after having had none', async () => {
      const { tenant, q } = started();
      await tenant.put('a', {}, { ttl: null });
      const id = await q.enqueue({ workflowId: 'a' });
      await tenant.touch('a', 500);
      expect(await deadlineOf(tenant)).toBeNull();
      await q.cancel(id);
      expect(await deadlineOf(tenant)).toBe(inMs(500));
    });

    it('has the deadline of the policy afterwards, when it was created under them without one', async () => {
      const { tenant, q } = started();
      const id = await q.enqueue({ workflowId: 'a' });
      expect((await tenant.put('a', {})).deadlineMs).toBeNull();
      fixture.clock.advance(5000);
      await q.cancel(id);
      expect(await deadlineOf(tenant)).toBe(inMs(DAY));
    });

    it('and is created and held, or held and let go, within one commit', async () => {
      const { tenant, q } = started();
      const both = await tenant.commit({
        puts: [put('a', {}, { ttl: 100 })],
        enqueue: [newTask('q', { workflowId: 'a' })],
      });
      expect(both.workflows[0]?.deadlineMs).toBeNull();
      const over = await tenant.commit({ puts: [put('a', {}, { ttl: 100 })], cancelTasksOf: ['a'] });
      expect(over.workflows[0]?.deadlineMs).toBe(inMs(100));
      expect(await q.depth()).toMatchObject({ ready: 0 });
    });

    it('is right in the answer also when the claim of that commit lets the last task die', async () => {
      const { tenant, q } = started();
      await tenant.put('a', {}, { ttl: 100 });
      await q.enqueue({ workflowId: 'a', maxAttempts: 1 });
      await q.take({ leaseMs: 10 });
      fixture.clock.advance(10);
      const parts = { puts: [put('a', {}, { ttl: 100 })], claim: claimOf('q') };
      const name = once();
      const first = await tenant.commit(parts, name);
      expect([first.workflows[0]?.deadlineMs, await deadlineOf(tenant)]).toEqual([inMs(100), inMs(100)]);
      expect(await tenant.commit(parts, name)).toEqual({ ...first, replayed: true });
    });

    it('that is deleted and made again is held by those that were there before', async () => {
      const { tenant, q } = started();
      await tenant.put('a', {}, { ttl: 100 });
      const id = await q.enqueue({ workflowId: 'a' });
      await tenant.commit({ deletes: [remove('a')] });
      fixture.clock.advance(1000);
      expect(await tenant.put('a', {}, { ttl: 200 })).toMatchObject({ version: 1, deadlineMs: null });
      await q.cancel(id);
      expect(await deadlineOf(tenant)).toBe(inMs(200));
    });

    it('that is deleted in the commit that enqueues a task for it is gone, and the task is there', async () => {
      const { tenant, q } = started();
      await tenant.put('a', {}, { ttl: 100 });
      await tenant.commit({ deletes: [remove('a')], enqueue: [newTask('q', { workflowId: 'a' })] });
      expect(await tenant.find('a')).toBeUndefined();
      await q.complete(await q.take());
      expect(await tenant.find('a')).toBeUndefined();
    });

    it('is held again by a task that came back from the dead, if it is still there (invariant 24)', async () => {
      const { tenant, q } = started();
      const replay = (ids: string[]) =>
        q.engine.tasks.replayDead(q.tenant, 'q', { ids }, { resetAttempts: true, spreadMs: 0 }, once());
      for (const id of ['a', 'gone']) await tenant.put(id, {}, { ttl: 1000 });
      const ids = [await q.enqueue({ workflowId: 'a' }), await q.enqueue({ workflowId: 'gone' })];
      for (const task of (await q.claim(2)).tasks) await q.fail(task, { isRetryable: false });
      fixture.clock.advance(999);
      await replay([ids[0] as string]);
      expect(await deadlineOf(tenant)).toBeNull();
      fixture.clock.advance(1);
      await replay([ids[1] as string]);
      expect(await tenant.find('gone')).toBeUndefined();
      for (const task of (await q.claim(2)).tasks) await q.complete(task as ClaimedTask);
      expect(await deadlineOf(tenant)).toBe(inMs(1000));
      expect(await tenant.find('gone')).toBeUndefined();
    });

    it('is not held by a duplicate, nor by what was refused', async () => {
      const { tenant, q } = started();
      await tenant.put('a', {}, { ttl: 1000 });
      const other = newTask('q');
      await q.commit({ enqueue: [other] });
      await q.commit({ enqueue: [{ ...other, workflowId: 'a' }] });
      await expect(
        q.commit({ enqueue: [newTask('q', { workflowId: 'a' })], deletes: [remove('nobody')] }),
      ).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
      expect(await deadlineOf(tenant)).toBe(inMs(1000));
    });
  });
}

function writing(how: string, ttl: Ttl): Parts {
  if (how === 'put') return { puts: [put('a', { written: true }, { ttl })] };
  if (how === 'patch') return { patches: [patch('a', merge({ written: true }), { ttl })] };
  return { touches: [touch('a', ttl)] };
}
