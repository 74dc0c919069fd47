import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { newTask, queueNames, SECOND, TestQueue } from '../../support/tasks.js';
import { refusalOf } from '../../support/refusal.js';
import { until } from '../../support/until.js';
import { MIB, type Fixture } from '../engine-under-test.js';

const PAYLOADS = [
  '[]',
  '{}',
  'null',
  '9223372036854775808',
  '{"n":1.50,"e":1e0}',
  '"Grüße 🚀 \\u0000 \\ud83d\\ude00"',
  '{ "spaced" : [ 1 , { } ] }',
  JSON.stringify('ü'.repeat(MIB / 2 - 2)),
];

export function describeTaskQueueing(fixture: Fixture): void {
  const queue = (name?: string) => new TestQueue(fixture.engine, fixture.tenant().name, name);

  describe('a queue', () => {
    it('gives out what came first, and lower priorities before all others (invariant 7)', async () => {
      const q = queue();
      const [a, b] = await q.enqueueSome(2, { priority: 5 });
      const [c, d] = await q.enqueueSome(2, { priority: 0 });
      const [e] = await q.enqueueSome(1, { priority: 9 });
      const [f] = await q.enqueueSome(1, { priority: 5 });
      expect(await q.takeIds(10)).toEqual([c, d, a, b, f, e]);
      expect(await q.takeIds(1)).toEqual([]);
    });

    it('keeps the place of what was released or whose lease ran out, and lets retries join the tail (invariant 7)', async () => {
      const q = queue();
      const [a, b, c, d] = await q.enqueueSome(4);
      const [first, second, third] = (await q.claim(3)).tasks;
      await q.fail(third as never, { retryAfterMs: 0 });
      await q.release(first as never);
      await q.extend(second as never, 10);
      fixture.clock.advance(10);
      expect(await q.takeIds(10)).toEqual([a, b, d, c]);
    });

    it('never starts a task before it is due, and then at once (invariant 8)', async () => {
      const q = queue();
      const later = await q.enqueue({ start: { delayMs: 100 } });
      const at = await q.enqueue({ start: { atMs: fixture.clock.ms + 50 } });
      const past = await q.enqueue({ start: { atMs: fixture.clock.ms - 50 } });
      expect(await q.takeIds(10)).toEqual([past]);
      expect((await q.claim()).nextDueInMs).toBe(50);
      fixture.clock.advance(49);
      expect(await q.takeIds(10)).toEqual([]);
      fixture.clock.advance(1);
      expect(await q.takeIds(10)).toEqual([at]);
      fixture.clock.advance(49);
      expect(await q.takeIds(10)).toEqual([]);
      fixture.clock.advance(1);
      expect(await q.takeIds(10)).toEqual([later]);
    });

    it('forgets no start: a sweep makes due tasks ready, and sends a hint to waiting claims (invariant 8)', async () => {
      const q = queue();
      await q.enqueue({ start: { delayMs: 100 } });
      let hints = 0;
      const stop = fixture.engine.onChange(q.tenant, 'queue q', () => hints++);
      fixture.clock.advance(100);
      const before = hints;
      await fixture.engine.sweep();
      expect(await q.depth()).toMatchObject({ ready: 1, delayed: 0 });
      await until(() => hints > before, 'a hint comes with the sweep');
      stop();
    });

    it('gives payloads out byte for byte (invariant 16)', async () => {
      const q = queue();
      for (const payload of PAYLOADS) {
        const headers = '{"trace":"a b","ü":""}';
        const id = await q.enqueue({ payload, headers });
        expect((await q.get(id)).payload === payload).toBe(true);
        const task = await q.take();
        expect([task.payload === payload, task.headers]).toEqual([true, headers]);
        await q.complete(task, payload);
        expect((await q.get(id)).result === payload).toBe(true);
      }
    });

    it('makes one task of one id, and one of one dedupe key while that is kept (invariant 12)', async () => {
      const q = queue();
      const dedupe = { key: 'k:é', keepMs: 10 * SECOND };
      const enqueue = (given: object) => q.commit({ enqueue: [newTask('q', given)] });
      const both = await Promise.all([enqueue({ dedupe }), enqueue({ dedupe })]);
      const flags = both.map(({ tasks }) => tasks?.[0]?.isDuplicate);
      expect(flags.toSorted()).toEqual([false, true]);
      const ids = both.map(({ tasks }) => tasks?.[0]?.task.id);
      expect(ids[0]).toBe(ids[1]);
      const again = await enqueue({ id: ids[0], payload: '"other"' });
      expect([again.tasks?.[0]?.isDuplicate, (await q.get(ids[0] as string)).payload]).toEqual([true, '{}']);
      fixture.clock.advance(10 * SECOND);
      expect((await enqueue({ dedupe })).tasks?.[0]?.isDuplicate).toBe(false);
      expect((await q.depth()).ready).toBe(2);
    });

    it('takes a batch whole or not at all, and duplicates within it once (invariant 13)', async () => {
      await fixture.withEngine({ options: { tasks: { ...LIMITS, maxOpen: 3 } } }, async (tenant) => {
        const q = new TestQueue(tenant.engine, tenant.name);
        await q.enqueue();
        const tasks = Array.from({ length: 4 }, () => newTask('q'));
        const refused = await refusalOf(q.commit({ enqueue: tasks }));
        expect(refused).toMatchObject({ code: 'QUEUE_FULL', failed: { part: 'enqueue', index: 2 } });
        expect((await q.depth()).ready).toBe(1);
        for (const { id } of tasks) expect(await q.find(id)).toBeUndefined();
        const twice = newTask('q');
        const done = await q.commit({ enqueue: [twice, twice] });
        expect(done.tasks?.map(({ isDuplicate }) => isDuplicate)).toEqual([false, true]);
      });
    });

    it('that is full says so, and still lets tasks be claimed, ended and replaced by their successors (invariant 19)', async () => {
      await fixture.withEngine({ options: { tasks: { ...LIMITS, maxOpen: 2 } } }, async (tenant) => {
        const q = new TestQueue(tenant.engine, tenant.name);
        await q.enqueueSome(2);
        await expect(q.enqueue()).rejects.toMatchObject({ code: 'QUEUE_FULL' });
        const task = await q.take();
        await q.commit({ ack: { taskId: task.id, token: task.token, result: 'null' }, enqueue: [newTask('q')] });
        await expect(q.enqueue()).rejects.toMatchObject({ code: 'QUEUE_FULL' });
        await q.complete(await q.take());
        await q.enqueue();
        expect(await q.depth()).toMatchObject({ ready: 2, leased: 0 });
      });
    });

    it('that is paused takes tasks in and gives none out', async () => {
      const q = queue();
      await fixture.engine.tasks.pause(q.tenant, 'q', true);
      await q.enqueue();
      expect(await q.claim()).toMatchObject({ tasks: [], isPaused: true, nextDueInMs: null });
      expect((await q.look()).isPaused).toBe(true);
      await fixture.engine.tasks.pause(q.tenant, 'q', false);
      expect(await q.takeIds(1)).toHaveLength(1);
    });

    it('tells how it is doing', async () => {
      const q = queue();
      await q.enqueue();
      fixture.clock.advance(5);
      await q.enqueueSome(3);
      await q.enqueue({ start: { delayMs: 700 } });
      const task = await q.take({ worker: 'w-1', leaseMs: 1000 });
      await q.take({ worker: 'w-2', leaseMs: 2000 });
      const found = await q.look();
      expect(found).toMatchObject({
        name: 'q',
        isPaused: false,
        ready: 2,
        delayed: 1,
        leased: 2,
        dead: 0,
        oldestReadyAtMs: fixture.clock.ms,
        nextDueAtMs: fixture.clock.ms + 700,
        nextLeaseEndsAtMs: fixture.clock.ms + 1000,
        totals: { enqueued: 5, claimed: 2, completed: 0 },
      });
      expect(found.workers.map(({ name, leased }) => [name, leased]).toSorted()).toEqual([
        ['w-1', 1],
        ['w-2', 1],
      ]);
      await q.complete(task);
      expect((await q.look()).totals.completed).toBe(1);
      expect((await q.look()).perMinute.enqueued).toBeGreaterThan(0);
    });

    it('keeps apart from queues with names like its parts, and from other tenants', async () => {
      const one = queue('q');
      const names = ['q:ready', 'ready:q', 'q', 'settings:q'];
      for (const name of names) await new TestQueue(one.engine, one.tenant, name).enqueue();
      expect(await queueNames(one.engine, one.tenant)).toEqual(names.toSorted());
      for (const name of names) {
        const q = new TestQueue(one.engine, one.tenant, name);
        expect(await q.depth()).toMatchObject({ ready: 1 });
        expect((await q.take()).queue).toBe(name);
      }
      const theirs = new TestQueue(one.engine, fixture.tenant().name, 'q');
      expect([await theirs.takeIds(5), await queueNames(theirs.engine, theirs.tenant)]).toEqual([[], []]);
      const id = await one.enqueue();
      expect(await theirs.find(id)).toBeUndefined();
    });

    it('is not made by asking for it', async () => {
      const q = queue(`nobody-${randomUUID()}`);
      expect(await q.claim()).toEqual({ tasks: [], nextDueInMs: null, isPaused: false });
      expect(await queueNames(q.engine, q.tenant)).toEqual([]);
    });
  });
}

const LIMITS = {
  maxOpen: 1000,
  maxBytes: 2 ** 30,
  resultMs: 3_600_000,
  progressMs: 600_000,
  deadMs: 604_800_000,
  maxDead: 1000,
};
