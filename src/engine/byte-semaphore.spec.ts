import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { ByteSemaphore } from './byte-semaphore.js';

describe('ByteSemaphore', () => {
  /** Runs tasks of these sizes that end when they are told to; `running` are those that have begun and not ended. */
  function tasks(semaphore: ByteSemaphore, sizes: readonly number[]) {
    const running: number[] = [];
    const ends: ((error?: Error) => void)[] = [];
    const all = sizes.map((bytes, i) =>
      semaphore.run(bytes, async () => {
        running.push(i);
        await new Promise<void>((resolve, reject) => {
          ends[i] = (error) => (error === undefined ? resolve() : reject(error));
        }).finally(() => running.splice(running.indexOf(i), 1));
        return i;
      }),
    );
    return { running, all, end: (i: number, error?: Error) => (ends[i]?.(error), setImmediate()) };
  }

  it('lets tasks run whose bytes fit together, and the others wait in order', async () => {
    const { running, all, end } = tasks(new ByteSemaphore(10), [4, 6, 1, 9, 1]);
    await setImmediate();
    expect(running).toEqual([0, 1]);
    await end(1);
    // The fourth does not fit, and the fifth, which would, waits behind it.
    expect(running).toEqual([0, 2]);
    await end(0);
    expect(running).toEqual([2, 3]);
    await end(2);
    expect(running).toEqual([3, 4]);
    await end(3);
    await end(4);
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4]);
  });

  it('lets a task that is larger than the limit run alone', async () => {
    const { running, end } = tasks(new ByteSemaphore(10), [100, 1, 100]);
    await setImmediate();
    expect(running).toEqual([0]);
    await end(0);
    expect(running).toEqual([1]);
    await end(1);
    expect(running).toEqual([2]);
    await end(2);
  });

  it('gives the room of a task that fails to the next one', async () => {
    const { running, all, end } = tasks(new ByteSemaphore(10), [10, 10]);
    await setImmediate();
    const failed = expect(all[0]).rejects.toThrow('broken');
    await end(0, new Error('broken'));
    await failed;
    expect(running).toEqual([1]);
    await end(1);
  });
});
