import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { LeaseLostError } from '../../../src/engine/errors.js';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { increment } from '../../support/edits.js';
import { once, patch } from '../../support/parts.js';
import { claimOf, deliveredAgain, newTask, repeated, TestQueue } from '../../support/tasks.js';
import { dumpTasks, sweepAll } from '../../support/task-dump.js';
import type { Fixture } from '../engine-under-test.js';

const HOUR = 3_600_000;
const timesOf = (task: ClaimedTask | undefined) => task?.redeliveries ?? 0;

export function describeTaskRepeats(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);

  describe('repeating', () => {
    it('tasks under their key puts them in once, and tells of them as they were (invariant 11)', async () => {
      const q = queue();
      const tasks = [newTask('q'), newTask('q', { start: { delayMs: 10 } })];
      const name = once({ keepMs: HOUR });
      const first = await q.commit({ enqueue: tasks }, name);
      const at = [
        async () => {},
        async () => void (await q.take()),
        async () => fixture.clock.advance(10),
        () => sweepAll(fixture.engine),
        async () => void (await q.complete(await q.take())),
      ];
      for (const happen of at) {
        await happen();
        const before = await dumpTasks(
          q.engine,
          q.tenant,
          tasks.map(({ id }) => id),
        );
        // Also with other ids: a client that lost the answer may have made new ones.
        expect(await q.commit({ enqueue: [newTask('q'), newTask('q')] }, name)).toEqual({ ...first, replayed: true });
        expect(
          await dumpTasks(
            q.engine,
            q.tenant,
            tasks.map(({ id }) => id),
          ),
        ).toEqual(before);
      }
      expect((await q.look()).totals.enqueued).toBe(2);
    });

    describe('an acknowledgement under its lease alone', () => {
      const underLease = ({ id, token }: ClaimedTask) =>
        ({ key: `lease-${id}-${token}`, isLease: true, keepMs: HOUR }) as const;

      it('is known again, with the task that was claimed next, for as long as that is the caller’s', async () => {
        const q = queue();
        await q.enqueueSome(3);
        const task = await q.take();
        const parts = { ack: { taskId: task.id, token: task.token, result: '1' }, claim: claimOf('q', 1) };
        const first = await q.commit(parts, underLease(task));
        expect(first.next).toBeDefined();
        expect(await q.commit(parts, underLease(task))).toEqual(repeated(first));
        await q.release(first.next as ClaimedTask);
        const { next: _gone, ...rest } = first;
        expect(await q.commit(parts, underLease(task))).toEqual({ ...rest, replayed: true });
        expect((await q.look()).totals).toMatchObject({ completed: 1, claimed: 2 });
      });

      it('is known to a caller with another key, and ends nothing twice', async () => {
        const q = queue();
        await q.enqueue();
        const task = await q.take();
        const ack = { taskId: task.id, token: task.token, result: '1' };
        const own = underLease(task);
        await q.commit({ ack }, own);
        const keyed = { key: randomUUID(), keepMs: HOUR, alias: own.key };
        expect(await q.commit({ ack, enqueue: [newTask('q')] }, keyed)).toMatchObject({
          replayed: true,
          workflows: [],
        });
        expect(await q.depth()).toMatchObject({ ready: 0, leased: 0 });
      });

      it('is no answer to another commit, which has never been', async () => {
        const q = queue();
        await q.enqueue();
        const task = await q.take();
        const ack = { taskId: task.id, token: task.token, result: '1' };
        await q.commit({ ack }, underLease(task));
        const another = q.commit({ ack, enqueue: [newTask('q')] }, { key: randomUUID(), keepMs: HOUR });
        await expect(another).rejects.toThrow(LeaseLostError);
        expect(await q.depth()).toMatchObject({ ready: 0, leased: 0 });
      });

      it('is found under its key when it must be', async () => {
        const q = queue();
        await q.enqueue();
        const task = await q.take();
        const own = underLease(task);
        await q.commit({ ack: { taskId: task.id, token: task.token, result: '1' } }, { ...own, mustStore: true });
        expect(await fixture.engine.findOutcome(q.tenant, own.key, 'fingerprint')).toMatchObject({ replayed: true });
      });

      it('is known when the first one did more', async () => {
        const q = queue();
        await q.enqueue();
        const task = await q.take();
        const ack = { taskId: task.id, token: task.token, result: '1' };
        const first = await q.commit({ ack, enqueue: [newTask('q')] }, underLease(task));
        expect(await q.commit({ ack }, underLease(task))).toEqual({ ...first, replayed: true });
      });

      it('is refused with the token of another lease, and after it the lease is over', async () => {
        const q = queue();
        await q.enqueue();
        const task = await q.take();
        const ack = { taskId: task.id, token: 'another', result: '1' };
        await expect(q.commit({ ack }, underLease({ ...task, token: 'another' }))).rejects.toThrow(LeaseLostError);
        await q.commit({ ack: { ...ack, token: task.token } }, underLease(task));
        for (const again of [() => q.extend(task), () => q.release(task), () => q.fail(task)])
          await expect(again()).rejects.toThrow(LeaseLostError);
        await expect(q.commit({ ack }, underLease({ ...task, token: 'another' }))).rejects.toThrow(LeaseLostError);
      });
    });

    it('a claim at the same time gives the same tasks to each (invariant 11)', async () => {
      const q = queue();
      await q.enqueueSome(6);
      const claim = claimOf('q', 2);
      const key = randomUUID();
      const all = await Promise.all(
        Array.from({ length: 5 }, () => fixture.engine.tasks.claim(q.tenant, { ...claim, tokens: claim.tokens }, key)),
      );
      const deliveries = all.map(({ tasks }) => tasks).toSorted(([a], [b]) => timesOf(a) - timesOf(b));
      const [tasks = []] = deliveries;
      expect(deliveries).toEqual([0, 1, 2, 3, 4].map((n) => tasks.map((task) => deliveredAgain(task, n))));
      expect(await q.depth()).toMatchObject({ ready: 4, leased: 2 });
      expect((await q.look()).totals.claimed).toBe(2);
    });

    it('a claim shows how long the lease is by now, and not as it was (invariant 11)', async () => {
      const q = queue();
      await q.enqueue();
      const key = randomUUID();
      const [task] = (await q.claim(1, { leaseMs: 100 }, key)).tasks as [ClaimedTask];
      await q.extend(task, 5000);
      expect((await q.claim(1, { leaseMs: 100 }, key)).tasks).toEqual([
        { ...deliveredAgain(task), leaseEndsAtMs: fixture.clock.ms + 5000 },
      ]);
    });

    it('a claim that found nothing is a new one (invariant 11)', async () => {
      const q = queue();
      const key = randomUUID();
      expect((await q.claim(1, {}, key)).tasks).toEqual([]);
      const id = await q.enqueue();
      expect((await q.claim(1, {}, key)).tasks.map((task) => task.id)).toEqual([id]);
    });

    it('a claim whose lease has run out is a new delivery (invariant 11)', async () => {
      const q = queue();
      await q.enqueue();
      const key = randomUUID();
      const [first] = (await q.claim(1, { leaseMs: 10 }, key)).tasks as [ClaimedTask];
      fixture.clock.advance(10);
      const [other] = (await q.claim(1, { leaseMs: 10 }, key)).tasks as [ClaimedTask];
      expect([other.id, other.attempt, other.token === first.token]).toEqual([first.id, 2, false]);
    });

    it('a claim does not give out tasks that another claim has by now (invariants 3 and 11)', async () => {
      const q = queue();
      await q.enqueue();
      const key = randomUUID();
      const [first] = (await q.claim(1, { leaseMs: 10 }, key)).tasks as [ClaimedTask];
      fixture.clock.advance(5);
      await q.release(first);
      const other = await q.take();
      expect((await q.claim(1, {}, key)).tasks).toEqual([]);
      await q.complete(other);
    });

    it('a claim keeps its tasks from the release of an answer before that was not delivered (invariant 14)', async () => {
      const q = queue();
      await q.enqueueSome(2);
      const key = randomUUID();
      const { tasks: first } = await q.claim(2, {}, key);
      const { tasks: second } = await q.claim(2, {}, key);
      for (const task of first) await expect(q.giveBack(task)).rejects.toThrow(LeaseLostError);
      for (const task of second) await q.extend(task);
      expect(await q.depth()).toMatchObject({ ready: 0, leased: 2 });
      for (const task of second) await q.giveBack(task);
      expect(await q.depth()).toMatchObject({ ready: 2, leased: 0 });
      // A new delivery counts from the start.
      await q.giveBack(await q.take());
      expect(await q.depth()).toMatchObject({ ready: 2, leased: 0 });
    });

    it.each([
      ['an end', (task: ClaimedTask) => ({ key: `lease-${task.token}`, isLease: true as const, keepMs: HOUR })],
      ['a commit', () => once({ keepMs: HOUR })],
    ])('%s that claims keeps the task from the release of its first answer (invariant 14)', async (_name, nameOf) => {
      const q = queue();
      await q.enqueueSome(2);
      const task = await q.take();
      const parts = { ack: { taskId: task.id, token: task.token, result: '1' }, claim: claimOf('q') };
      const name = nameOf(task);
      const first = await q.commit(parts, name);
      const second = await q.commit(parts, name);
      await expect(q.giveBack(first.next as ClaimedTask)).rejects.toThrow(LeaseLostError);
      await q.extend(second.next as ClaimedTask);
      await q.giveBack(second.next as ClaimedTask);
      expect(await q.depth()).toMatchObject({ ready: 1, leased: 0 });
    });

    const steps = ['extend', 'progress', 'release', 'fail', 'cancel'] as const;
    it.each(steps)(
      'a step of the kind %s under its key takes it once, at whatever time (invariant 11)',
      async (kind) => {
        const q = queue();
        const id = await q.enqueue({ maxAttempts: 9, backoffMs: [100] });
        const { token } = await q.take();
        const step = {
          extend: { kind: 'extend', id, token, leaseMs: 70 },
          progress: { kind: 'progress', id, token, event: '"here"' },
          release: { kind: 'release', id, token },
          fail: { kind: 'fail', id, token, error: { code: 'X', message: 'm' }, isRetryable: true, jitter: 1 },
          cancel: { kind: 'cancel', id, reason: 'R', isForced: true },
        } as const;
        const name = once({ keepMs: HOUR });
        const first = await q.step(step[kind], name);
        expect(first.replayed).toBe(false);
        const moments = [
          async () => {},
          async () => fixture.clock.advance(100),
          () => sweepAll(fixture.engine),
          async () => void (await q.claim()),
        ];
        for (const happen of moments) {
          await happen();
          const before = await dumpTasks(q.engine, q.tenant, [id]);
          expect(await q.step(step[kind], name)).toEqual({ ...first, replayed: true });
          expect(await dumpTasks(q.engine, q.tenant, [id])).toEqual(before);
          await expect(q.step(step[kind], { ...name, fingerprint: 'other' })).rejects.toMatchObject({
            code: 'IDEMPOTENCY_MISMATCH',
          });
        }
      },
    );

    it('a step that was refused is tried anew (invariant 11)', async () => {
      const q = queue();
      const id = await q.enqueue();
      const name = once();
      const act = () => q.step({ kind: 'release', id, token: 'mine' }, name);
      await expect(act()).rejects.toMatchObject({ code: 'LEASE_LOST' });
      await q.claim(1, { tokens: ['mine'] });
      expect(await act()).toMatchObject({ replayed: false, task: { status: 'ready', releases: 1 } });
    });

    it('an end by its token is the same end, also under another key and after the state has moved on (invariant 11)', async () => {
      const tenant = fixture.tenant();
      const q = new TestQueue(tenant.engine, tenant.name);
      await tenant.put('a', { count: 0 });
      await q.enqueue();
      const { id, token } = await q.take();
      const alias = `ack-${id}-${token}`;
      const act = () =>
        tenant.commit(
          { ack: { taskId: id, token, result: '1' }, patches: [patch('a', increment)], enqueue: [newTask('next')] },
          { key: randomUUID(), fingerprint: randomUUID(), alias, keepMs: HOUR },
        );
      const [first, ...others] = (await Promise.all([act(), act(), act()])).toSorted(
        (a, b) => Number(a.replayed) - Number(b.replayed),
      );
      expect(others.map(({ replayed }) => replayed)).toEqual([true, true]);
      await tenant.patch('a', increment);
      fixture.clock.advance(HOUR - 1);
      const later = await act();
      expect(later).toMatchObject({ replayed: true, tasks: first?.tasks, workflows: [{ version: 2 }] });
      expect(await tenant.state('a')).toEqual({ count: 2 });
      expect((await new TestQueue(q.engine, q.tenant, 'next').look()).totals.enqueued).toBe(1);
      fixture.clock.advance(1);
      // The outcome is forgotten, and so is the lease: nothing happens twice.
      await expect(act()).rejects.toThrow();
      expect(await tenant.state('a')).toEqual({ count: 2 });
    });

    it('a commit that was refused leaves neither its key nor its token used up (invariant 11)', async () => {
      const q = queue();
      await q.enqueue();
      const { id, token } = await q.take();
      const name = once({ alias: `ack-${token}` });
      const ack = { taskId: id, token, result: '1' };
      await expect(q.commit({ ack, patches: [patch('nobody', increment)] }, name)).rejects.toMatchObject({
        code: 'WORKFLOW_NOT_FOUND',
      });
      expect((await q.commit({ ack }, { ...name, key: randomUUID() })).replayed).toBe(false);
    });

    it('a commit gives the task it claimed again while its lease lasts, and a look at its outcome never does (invariant 11)', async () => {
      const q = queue();
      await q.enqueueSome(2);
      const name = once({ keepMs: HOUR });
      const parts = { claim: claimOf('q', 1, { leaseMs: 10 }) };
      const first = await q.commit(parts, name);
      expect(await q.commit(parts, name)).toEqual(repeated(first));
      const { next: _next, ...known } = first;
      expect(await q.engine.findOutcome(q.tenant, name.key, name.fingerprint)).toEqual({ ...known, replayed: true });
      fixture.clock.advance(10);
      await sweepAll(fixture.engine);
      expect((await q.commit(parts, name)).next).toBeUndefined();
      expect((await q.look()).totals.claimed).toBe(1);
    });

    it('a replay of the dead under its key does it once (invariants 11 and 24)', async () => {
      const q = queue();
      for (let n = 0; n < 2; n++) {
        await q.enqueue({ maxAttempts: 1 });
        await q.fail(await q.take());
      }
      const name = once();
      const act = () =>
        q.engine.tasks.replayDead(q.tenant, 'q', { max: 1 }, { resetAttempts: true, spreadMs: 0 }, name);
      const first = await act();
      expect(first.ids).toHaveLength(1);
      expect(await act()).toEqual({ ...first, replayed: true });
      expect(await q.depth()).toMatchObject({ ready: 1, dead: 1 });
    });

    it('of what did nothing is a repeat as well (invariant 11)', async () => {
      const q = queue();
      const name = once();
      const act = () => q.engine.tasks.purgeDead(q.tenant, 'q', { ids: ['nobody'] }, name);
      expect(await act()).toEqual({ ids: [], replayed: false });
      expect(await act()).toEqual({ ids: [], replayed: true });
    });
  });
}
