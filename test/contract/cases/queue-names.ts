import { describe, expect, it } from '@jest/globals';
import { queueIdleMs } from '../../../src/engine/task-queues.js';
import { newTask, queueNames, TestQueue } from '../../support/tasks.js';
import { sweepAll } from '../../support/task-dump.js';
import { testOptions, type Fixture } from '../engine-under-test.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export function describeQueueNames(fixture: Fixture): void {
  const queue = (name = 'q', tenant = fixture.tenant().name) => new TestQueue(fixture.engine, tenant, name);
  /** Lets time pass, with the sweeps of a replica. */
  const pass = async (ms: number, stepMs = HOUR) => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      fixture.clock.advance(stepMs);
      await sweepAll(fixture.engine);
    }
  };
  const use = async (q: TestQueue) => {
    await q.enqueue();
    await q.complete(await q.take());
  };

  describe('the name of a queue', () => {
    it('ends a day after its last task, and begins again with the next one (invariant 18)', async () => {
      const q = queue();
      await use(q);
      await pass(23 * HOUR);
      expect(await queueNames(q.engine, q.tenant)).toEqual(['q']);
      await use(q);
      await pass(23 * HOUR);
      expect((await q.look()).totals.completed).toBe(2);
      await pass(3 * DAY);
      expect(await queueNames(q.engine, q.tenant)).toEqual([]);
      expect((await q.look()).totals.enqueued).toBe(0);
      await use(q);
      expect(await queueNames(q.engine, q.tenant)).toEqual(['q']);
      expect((await q.look()).totals).toMatchObject({ enqueued: 1, completed: 1 });
    });

    it('stays while it has a task, is paused, or a worker asks', async () => {
      const { tenant } = queue();
      const waiting = queue('delayed', tenant);
      const names = ['asked', 'delayed', 'leased', 'paused', 'ready'];
      const { engine } = waiting;
      await waiting.enqueue({ start: { delayMs: 6 * DAY }, expires: { afterDueMs: DAY } });
      await queue('ready', tenant).enqueue({ expires: { afterDueMs: 10 * DAY } });
      await use(queue('asked', tenant));
      await engine.tasks.pause(tenant, 'paused', true);
      const leased = queue('leased', tenant);
      await leased.enqueue({ expires: { afterDueMs: 10 * DAY } });
      await leased.take({ leaseMs: 6 * DAY });
      await use(queue('over', tenant));
      for (let passed = 0; passed < 5 * DAY; passed += 18 * HOUR) {
        await pass(18 * HOUR, 6 * HOUR);
        await queue('asked', tenant).claim();
      }
      expect(await queueNames(engine, tenant)).toEqual(names);
      await engine.tasks.pause(tenant, 'paused', false);
      await pass(12 * HOUR);
      expect(await queueNames(engine, tenant)).toContain('paused');
    });

    it('stays while the queue has dead tasks', async () => {
      const q = queue();
      await q.enqueue();
      await q.fail(await q.take(), { isRetryable: false });
      await pass(3 * DAY, 12 * HOUR);
      expect(await q.depth()).toMatchObject({ dead: 1 });
      expect(await queueNames(q.engine, q.tenant)).toEqual(['q']);
      await pass(8 * DAY, 12 * HOUR);
      expect(await queueNames(q.engine, q.tenant)).toEqual([]);
    });

    it('stays at least as long as the results of its tasks', async () => {
      const options = { tasks: { ...testOptions.tasks, resultMs: 5 * DAY } };
      expect(queueIdleMs(options.tasks.resultMs)).toBe(5 * DAY);
      await fixture.withEngine({ options }, async (tenant, { engine, clock }) => {
        const q = new TestQueue(engine, tenant.name);
        await use(q);
        for (let day = 0; day < 4; day++) {
          clock.advance(DAY);
          await sweepAll(engine);
        }
        expect(await queueNames(engine, tenant.name)).toEqual(['q']);
      });
    });

    it('of many queues ends for each by itself, and due tasks of the others start on time', async () => {
      const first = queue('a-0');
      const names = Array.from({ length: 120 }, (_, i) => `a-${i}`);
      for (let at = 0; at < names.length; at += 20) {
        await first.commit({ enqueue: names.slice(at, at + 20).map((name) => newTask(name)) });
      }
      for (const name of names) await queue(name, first.tenant).complete(await queue(name, first.tenant).take());
      const late = queue('late', first.tenant);
      await late.enqueue({ start: { delayMs: 30 * HOUR } });
      await pass(29 * HOUR);
      expect(await queueNames(first.engine, first.tenant)).toEqual(['late']);
      expect(await late.depth()).toMatchObject({ delayed: 1, ready: 0 });
      await pass(HOUR);
      expect(await late.depth()).toMatchObject({ delayed: 0, ready: 1 });
    });
  });
}
