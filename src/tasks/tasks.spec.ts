import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Config } from '../config/config.js';
import type { Commit } from '../engine/commit.js';
import type { Engine } from '../engine/engine.js';
import { StoreUnavailableError, TaskNotFoundError } from '../engine/errors.js';
import { Tasks } from './tasks.js';

/** An engine that ends tasks as `outcomeOf` says. */
function tasksOf(outcomeOf: (id: string) => Promise<unknown>): Tasks {
  const engine = { commit: (_tenant: string, { ack }: Commit) => outcomeOf(ack?.taskId ?? '') };
  return new Tasks(engine as unknown as Engine, { tasks: { resultMs: 1000 } } as Config);
}

const acksOf = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => ({ taskId: `t${i}`, token: 'token', result: 'x'.repeat(length) }));

describe('Completions of a batch', () => {
  it('begin over several turns of the event loop, if their results are large', async () => {
    const begun: number[] = [];
    let turn = 0;
    const tasks = tasksOf(() => {
      begun[turn] = (begun[turn] ?? 0) + 1;
      return Promise.resolve({ replayed: false });
    });
    const ended = tasks.completeEach('default', acksOf(100, 40_000));
    while ((await Promise.race([ended, nextTurn('turn')])) === 'turn') turn++;
    expect((await ended).map(({ id }) => id)).toEqual(acksOf(100, 0).map(({ taskId }) => taskId));
    expect(begun.reduce((sum, count) => sum + count)).toBe(100);
    expect(Math.max(...begun.filter((count) => count > 0))).toBeLessThanOrEqual(7);
  });

  it('say for each task how it ended, and fail together when a retry may help', async () => {
    const some = tasksOf((id) =>
      id === 't1' ? Promise.reject(new TaskNotFoundError(id)) : Promise.resolve({ replayed: id === 't2' }),
    );
    expect(await some.completeEach('default', acksOf(3, 1))).toMatchObject([
      { id: 't0', replayed: false },
      { id: 't1', error: { code: 'TASK_NOT_FOUND' } },
      { id: 't2', replayed: true },
    ]);
    const away = tasksOf(() => Promise.reject(new StoreUnavailableError()));
    await expect(away.completeEach('default', acksOf(20, 40_000))).rejects.toBeInstanceOf(StoreUnavailableError);
    const broken = tasksOf((id) => (id === 't0' ? Promise.reject(new Error('a defect')) : Promise.resolve({})));
    await expect(broken.completeEach('default', acksOf(20, 40_000))).rejects.toThrow('a defect');
  });
});
