import { describe, expect, it } from '@jest/globals';
import type { ClaimedTask } from '../../../src/engine/task.js';
import { once } from '../../support/parts.js';
import { claimOf, newTask, TestQueue } from '../../support/tasks.js';
import { sweepAll } from '../../support/task-dump.js';
import { until } from '../../support/until.js';
import type { Fixture } from '../engine-under-test.js';

export function describeTaskHints(fixture: Fixture): void {
  const queue = () => new TestQueue(fixture.engine, fixture.tenant().name);

  describe('a hint', () => {
    it('reaches waiting claims of a queue whenever a task may have become ready in it', async () => {
      const q = queue();
      let hints = 0;
      const stop = fixture.engine.onChange(q.tenant, 'queue q', () => hints++);
      const hinted = async (what: string, act: () => Promise<unknown>) => {
        const before = hints;
        const result = await act();
        await until(() => hints > before, `a hint comes for ${what}`);
        return result;
      };
      await hinted('a new task', () => q.enqueue({ maxAttempts: 9 }));
      await hinted('a release', async () => q.release(await q.take()));
      await hinted('a failure, whose back-off may be nearer than all others', async () =>
        q.fail(await q.take(), { retryAfterMs: 10 }),
      );
      await hinted('what has become due', async () => {
        fixture.clock.advance(10);
        await sweepAll(fixture.engine);
      });
      await q.take({ leaseMs: 10 });
      await hinted('a lease that ran out', async () => {
        fixture.clock.advance(10);
        await sweepAll(fixture.engine);
      });
      const task = await q.take();
      await hinted('the next task of a commit', () =>
        q.commit({ ack: { taskId: task.id, token: task.token, result: '1' }, enqueue: [newTask('q')] }),
      );
      await q.fail(await q.take(), { isRetryable: false });
      await hinted('a replay', () =>
        q.engine.tasks.replayDead(q.tenant, 'q', { max: 1 }, { resetAttempts: true, spreadMs: 0 }, once()),
      );
      await q.engine.tasks.pause(q.tenant, 'q', true);
      await hinted('the end of a pause', () => q.engine.tasks.pause(q.tenant, 'q', false));
      stop();
      const after = hints;
      await q.enqueue();
      expect(hints).toBe(after);
    });

    it('reaches requests that wait for a task with every step that may end their wait', async () => {
      const q = queue();
      const id = 'one';
      let hints = 0;
      const stop = fixture.engine.onChange(q.tenant, `task ${id}`, () => hints++);
      const hinted = async (what: string, act: () => Promise<unknown>) => {
        const before = hints;
        await act();
        await until(() => hints > before, `a hint comes for ${what}`);
      };
      let task!: ClaimedTask;
      const take = async (given = {}) => (task = await q.take(given));
      await hinted('its beginning', () => q.enqueue({ id, maxAttempts: 9, start: { delayMs: 10 } }));
      await hinted('its time', async () => {
        fixture.clock.advance(10);
        await sweepAll(fixture.engine);
      });
      await take();
      await hinted('a renewal', () => q.extend(task));
      await hinted('progress', () => q.progress(task));
      await hinted('a release', () => q.release(task));
      await take();
      await hinted('a failure', () => q.fail(task, { retryAfterMs: 0 }));
      task = (await q.commit({ claim: claimOf('q', 1, { leaseMs: 10 }) })).next as ClaimedTask;
      await hinted('a lease that ran out', async () => {
        fixture.clock.advance(10);
        await sweepAll(fixture.engine);
      });
      await take();
      await hinted('a wish to cancel it', () => q.cancel(id));
      await hinted('its end', () => q.release(task));
      stop();
    });

    it('comes to readers of the feed with a claim, too', async () => {
      const q = queue();
      await q.enqueueSome(2);
      let hints = 0;
      const stop = fixture.engine.onChange(q.tenant, 'feed', () => hints++);
      const task = await q.take();
      await until(() => hints > 0, 'a hint comes for a claim');
      const before = hints;
      await q.commit({ ack: { taskId: task.id, token: task.token, result: '1' }, claim: claimOf('q', 1) });
      await until(() => hints > before, 'a hint comes for an end');
      stop();
    });

    it('reaches requests that wait for a task that was cancelled with its workflow', async () => {
      const q = queue();
      await q.enqueue({ id: 'one', workflowId: 'a' });
      let hints = 0;
      const stop = fixture.engine.onChange(q.tenant, 'task one', () => hints++);
      await q.commit({ cancelTasksOf: ['a'] });
      await until(() => hints > 0, 'a hint comes');
      stop();
    });
  });
}
