import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../src/engine/task.js';
import { once, patch, put, replayOf, testIndex } from '../support/parts.js';
import { TestClock } from '../support/clock.js';
import { append, EditFailedError, failing, increment } from '../support/edits.js';
import { refusalOf } from '../support/refusal.js';
import { claimOf, deliveredAgain, newTask, TestQueue } from '../support/tasks.js';
import { dumpTasks } from '../support/task-dump.js';
import { dump, TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';
import { testOptions } from './engine-under-test.js';
import type { RedisEngineParts } from '../../src/engine/redis/redis-engine.js';
import { newNamespace, openReplica, type Replica, type Where } from './redis-under-test.js';

/** Replicas share only Redis. */
export function describeReplicas(where: () => Where, more: Pick<RedisEngineParts, 'hintPollMs'> = {}): void {
  describe('Replicas on one Redis', () => {
    const clock = new TestClock();
    let replicas: Replica[];
    beforeAll(async () => {
      const parts = {
        options: testOptions,
        index: testIndex,
        namespace: newNamespace(where()),
        clock: clock.read,
        ...more,
      };
      replicas = await Promise.all([1, 2, 3].map(() => openReplica(where(), parts)));
    });
    afterAll(async () => {
      await Promise.all(replicas.map((replica) => replica.close()));
    });

    /** The same tenant as each replica sees it. */
    const views = (name = `t-${randomUUID()}`): [TestTenant, TestTenant, TestTenant] => {
      const [a, b, c] = replicas.map(({ engine }) => new TestTenant(engine, name));
      return [a as TestTenant, b as TestTenant, c as TestTenant];
    };

    it('see what another one has just written', async () => {
      const [one, two] = views();
      for (let i = 1; i <= 20; i++) {
        const [writer, reader] = i % 2 === 0 ? [one, two] : [two, one];
        await writer.put('a', { i, status: `s${i}` });
        expect(await reader.get('a')).toMatchObject({ version: i });
        expect(await reader.ids({ filter: { fields: { status: `s${i}` } } })).toEqual(['a']);
        expect(await reader.versions('a')).toHaveLength(i);
      }
      expect(await dump(one.engine, one.name)).toEqual(await dump(two.engine, two.name));
    });

    it('patch what another one has put or deleted meanwhile', async () => {
      const [one, two] = views();
      await one.put('a', { count: 0 });
      await two.patch('a', increment);
      await one.patch('a', increment);
      await two.put('a', { count: 10 });
      expect((await one.patch('a', increment)).state).toBe('{"count":11}');
      await two.delete('a');
      await expect(one.patch('a', increment)).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
      await two.put('a', { count: 100 });
      expect(await one.patch('a', increment)).toMatchObject({ version: 2, state: '{"count":101}' });
    });

    it('hear of what another one writes, deletes and sweeps', async () => {
      const [one, two] = views();
      let heard = 0;
      const stop = two.engine.onChange(two.name, 'workflow a', () => heard++);
      const hear = async (what: string, act: () => Promise<unknown>) => {
        const before = heard;
        await act();
        await until(() => heard > before, `the other replica hears of ${what}`);
      };
      await hear('a put', () => one.put('a', {}));
      await hear('a put', () => one.put('a', {}));
      await hear('a patch', () => one.patch('a', increment));
      await hear('a delete', () => one.delete('a'));
      await hear('a new life', () => one.put('a', {}, { ttl: 10 }));
      await hear('an expiry', async () => {
        clock.advance(10);
        await one.engine.sweep();
      });
      stop();
    });

    it('know each other’s once keys', async () => {
      const [one, two] = views();
      await one.put('a', {});
      const name = once({ memo: 'memo' });
      const first = await one.commit({ patches: [patch('a', increment)] }, name);
      expect(await two.commit({ patches: [patch('a', increment)] }, name)).toEqual(replayOf(first));
      expect(await two.engine.findOutcome(two.name, name.key, name.fingerprint)).toEqual(replayOf(first));
      await expect(
        two.commit({ patches: [patch('a', increment)] }, { ...name, fingerprint: 'x' }),
      ).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    });

    it('given the same commit at the same time apply it once', async () => {
      const all = views();
      await all[0].put('a', { count: 0 });
      for (let round = 1; round <= 10; round++) {
        const name = once();
        const outcomes = await Promise.all(
          all.flatMap((view) => [1, 2].map(() => view.commit({ patches: [patch('a', increment)] }, name))),
        );
        expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1);
        for (const { workflows } of outcomes) expect(workflows).toMatchObject([{ version: round + 1 }]);
      }
      expect(await all[0].state('a')).toEqual({ count: 10 });
    });

    it('racing for one version have one winner', async () => {
      const all = views();
      await all[0].put('a', {});
      for (let version = 1; version <= 20; version++) {
        const races = await Promise.allSettled(
          all.flatMap((view, replica) =>
            [1, 2, 3].map((writer) => view.put('a', { replica, writer }, { expect: { version } })),
          ),
        );
        expect(races.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      }
      expect((await all[1].get('a')).version).toBe(21);
    });

    it('that patch one workflow all land, on versions without gaps', async () => {
      const all = views();
      await all[0].put('a', { count: 0 });
      const landed = await Promise.all(
        all.flatMap((view) => Array.from({ length: 64 }, () => view.patch('a', increment))),
      );
      expect(landed.map(({ version }) => version).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 192 }, (_, i) => i + 2),
      );
      for (const { version, state } of landed) expect(state).toBe(JSON.stringify({ count: version - 1 }));
    });

    it('that append lose nothing, whatever fails beside them', async () => {
      const all = views();
      await all[0].put('a', { logs: [] });
      const items = Array.from({ length: 120 }, (_, i) => i);
      const results = await Promise.allSettled(
        items.map((i) =>
          (all[i % 3] as TestTenant).patch('a', i % 10 === 7 ? failing(new EditFailedError()) : append('logs', i)),
        ),
      );
      results.forEach(({ status }, i) => expect(status).toBe(i % 10 === 7 ? 'rejected' : 'fulfilled'));
      const { logs } = (await all[1].state('a')) as { logs: number[] };
      expect(logs.toSorted((a, b) => a - b)).toEqual(items.filter((i) => i % 10 !== 7));
      // The order of each writer is kept.
      for (const replica of [0, 1, 2]) {
        const own = logs.filter((i) => i % 3 === replica);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
    });

    it('with several workflows in a commit never show half of it', async () => {
      const [one, two, three] = views();
      await one.commit({ puts: [put('a', { n: -1 }), put('b', { n: -1 })] });
      const progress = { isOver: false };
      const writer = (async () => {
        for (let n = 0; n < 100; n++) {
          const view = n % 2 === 0 ? one : two;
          await view.commit({ puts: [put('a', { n }), put('b', { n })] });
        }
        progress.isOver = true;
      })();
      let reads = 0;
      while (!progress.isOver) {
        const [a, b] = await three.engine.findMany(three.name, ['a', 'b']);
        expect(a?.state).toBe(b?.state);
        expect(a?.version).toBe(b?.version);
        reads++;
      }
      await writer;
      expect(reads).toBeGreaterThan(0);
    });

    it('page on where another one has stopped', async () => {
      const [one, two] = views();
      await one.commit({ puts: Array.from({ length: 30 }, (_, i) => put(`w-${i}`, {})) });
      const first = await one.list({ sort: '-updatedAt', limit: 10 });
      const rest = await two.ids({ sort: '-updatedAt', limit: 10, ...(first.next && { after: first.next }) });
      expect(first.items.map(({ id }) => id).concat(rest)).toEqual(await one.ids({ sort: '-updatedAt' }));
    });

    it('refuse with what another one has made of it', async () => {
      const [one, two] = views();
      await one.put('a', {});
      const current = await two.put('a', {});
      expect(await refusalOf(one.put('a', {}, { expect: { version: 1 } }))).toMatchObject({
        current: { version: 2, incarnation: current.incarnation },
      });
    });

    const queues = () =>
      views().map(({ engine, name }) => new TestQueue(engine, name)) as [TestQueue, TestQueue, TestQueue];

    it('see each other’s tasks, and may each take the next step of one (invariant 3)', async () => {
      const [one, two, three] = queues();
      const id = await one.enqueue({ workflowId: 'a' });
      const task = await two.take();
      await three.progress(task, '"told"');
      await one.extend(task, 5000);
      expect(await dumpTasks(one.engine, one.tenant, [id], ['a'])).toEqual(
        await dumpTasks(two.engine, two.tenant, [id], ['a']),
      );
      await three.complete(task, '"done"');
      expect(await two.get(id)).toMatchObject({ status: 'done', result: '"done"' });
      for (const q of [one, two, three]) {
        expect(await refusalOf(q.release(task))).toMatchObject({ code: 'LEASE_LOST' });
      }
    });

    it('give each task to one worker, whichever of them it asks (invariant 4)', async () => {
      const all = queues();
      const ids = await all[0].enqueueSome(90);
      const claims = await Promise.all(
        Array.from({ length: 45 }, (_, n) => (all[n % 3] as TestQueue).claim(2, { worker: `w-${n}` })),
      );
      const tasks = claims.flatMap((claimed) => claimed.tasks);
      expect(tasks.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      await Promise.all(tasks.map((task, n) => (all[(n + 1) % 3] as TestQueue).complete(task)));
      expect((await all[2].look()).totals).toMatchObject({ enqueued: 90, claimed: 90, completed: 90 });
    });

    it('that read a task whose lease is over end the lease once', async () => {
      const all = queues();
      const [back, dies] = [
        await all[0].enqueue({ leaseMs: 10 }),
        await all[0].enqueue({ leaseMs: 10, maxAttempts: 1 }),
      ];
      await all[1].claim(2);
      clock.advance(10);
      const readers = Array.from({ length: 12 }, (_, n) => all[n % 3] as TestQueue);
      const seen = await Promise.all(readers.flatMap((one) => [one.get(back), one.get(dies)]));
      expect(new Set(seen.map(({ id, status }) => `${id} ${status}`))).toEqual(
        new Set([`${back} ready`, `${dies} dead`]),
      );
      const feed = await all[0].engine.readFeed(all[0].tenant, undefined, 1000);
      const ended = feed.filter(({ type }) => type === 'task.lease-expired' || type === 'task.dead');
      expect(ended.map(({ type, fields }) => [type, fields['id']]).toSorted()).toEqual([
        ['task.dead', dies],
        ['task.lease-expired', back],
      ]);
      expect(await all[2].look()).toMatchObject({ ready: 1, leased: 0, dead: 1, totals: { died: 1 } });
    });

    it('know each other’s claims, ends and steps by their keys (invariant 11)', async () => {
      const [one, two, three] = queues();
      await one.enqueueSome(2);
      const { tasks } = await one.claim(1, {}, 'claim');
      expect((await two.claim(1, {}, 'claim')).tasks).toEqual(tasks.map((task) => deliveredAgain(task)));
      const [task] = tasks as [ClaimedTask];
      const alias = `ack-${task.token}`;
      const ack = { taskId: task.id, token: task.token, result: '1' };
      const ends = await Promise.all(
        [one, two, three, one, two, three].map((q, n) =>
          q.commit({ ack, enqueue: [newTask('next')] }, { alias, key: `end-${n}`, fingerprint: String(n) }),
        ),
      );
      expect(ends.filter(({ replayed }) => !replayed)).toHaveLength(1);
      expect(new Set(ends.map((end) => end.tasks?.[0]?.task.id)).size).toBe(1);
      expect((await new TestQueue(one.engine, one.tenant, 'next').depth()).ready).toBe(1);
    });

    it('create one task of one dedupe key, whichever replica is asked (invariant 12)', async () => {
      const all = queues();
      const dedupe = { key: 'k', keepMs: 60_000 };
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, (_, n) => (all[n % 3] as TestQueue).commit({ enqueue: [newTask('q', { dedupe })] })),
      );
      expect(outcomes.filter(({ tasks }) => tasks?.[0]?.isDuplicate === false)).toHaveLength(1);
      expect((await all[0].depth()).ready).toBe(1);
    });

    it('racing for one version, each with a task of its own, have one winner (invariant 10)', async () => {
      const all = queues();
      const tenant = new TestTenant(all[0].engine, all[0].tenant);
      await tenant.put('a', {});
      for (let version = 1; version <= 10; version++) {
        await all[0].enqueueSome(9, { workflowId: 'a' });
        const { tasks } = await all[0].claim(9);
        const races = await Promise.allSettled(
          tasks.map(({ id, token }, n) =>
            (all[n % 3] as TestQueue).commit({
              ack: { taskId: id, token, result: '1' },
              puts: [put('a', { version, n }, { expect: { version } })],
              enqueue: [newTask('next')],
            }),
          ),
        );
        expect(races.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        for (const [n, race] of races.entries()) {
          if (race.status === 'rejected') await all[1].complete(tasks[n] as ClaimedTask);
        }
      }
      expect((await tenant.get('a')).version).toBe(11);
      expect((await new TestQueue(all[0].engine, all[0].tenant, 'next').depth()).ready).toBe(10);
    });

    it('hear of each other’s tasks, and of queues that have something again (invariant 8)', async () => {
      const [one, two] = queues();
      let [inQueue, ofTask] = [0, 0];
      const stops = [
        two.engine.onChange(two.tenant, 'queue q', () => inQueue++),
        two.engine.onChange(two.tenant, 'task one', () => ofTask++),
      ];
      const hears = async (what: string, heard: () => number, act: () => Promise<unknown>) => {
        const before = heard();
        await act();
        await until(() => heard() > before, `the other replica hears of ${what}`);
      };
      await hears(
        'a new task',
        () => inQueue,
        () => one.enqueue({ id: 'one', start: { delayMs: 10 } }),
      );
      await hears(
        'what is due',
        () => inQueue,
        async () => {
          clock.advance(10);
          await one.engine.sweep();
        },
      );
      const task = await one.take();
      await hears(
        'progress',
        () => ofTask,
        () => one.progress(task),
      );
      await hears(
        'a release',
        () => inQueue,
        () => one.release(task),
      );
      await hears(
        'an end',
        () => ofTask,
        async () => one.complete(await one.take()),
      );
      for (const stop of stops) stop();
    });

    it('hold a workflow for tasks of another one, and let it go', async () => {
      const [one, two, three] = queues();
      const tenant = new TestTenant(three.engine, three.tenant);
      await tenant.put('a', {}, { ttl: 100 });
      await one.enqueue({ workflowId: 'a' });
      clock.advance(100);
      await two.engine.sweep();
      expect((await tenant.get('a')).deadlineMs).toBeNull();
      await two.complete(await two.take());
      expect((await tenant.get('a')).deadlineMs).toBe(clock.ms + 100);
    });

    it('that claim in commits hand chains of tasks on to each other, each done once (invariants 1 and 4)', async () => {
      const all = queues();
      const ids = await all[0].enqueueSome(30);
      const done: string[] = [];
      const worker = async (first: number) => {
        let [task] = (await (all[first] as TestQueue).claim()).tasks;
        for (let n = first; task !== undefined; n++) {
          done.push(task.id);
          const ack = { taskId: task.id, token: task.token, result: '1' };
          task = (await (all[n % 3] as TestQueue).commit({ ack, claim: claimOf('q') })).next;
        }
      };
      await Promise.all([worker(0), worker(1), worker(2)]);
      expect(done.toSorted()).toEqual(ids.toSorted());
    });

    it('sweep what another one has written', async () => {
      const [one, two] = views();
      await one.put('a', { status: 'x' }, { ttl: 5 });
      clock.advance(5);
      expect(await two.engine.sweep()).toBe(1);
      expect(await one.engine.sweep()).toBe(0);
      expect(await one.count()).toBe(0);
    });
  });
}
