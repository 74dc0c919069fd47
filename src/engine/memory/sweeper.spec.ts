import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Sweeper } from './sweeper.js';

describe('Sweeper', () => {
  let sweeps = 0;
  let failures = 0;
  let dueInMs = 0;
  let sweep: () => Promise<boolean>;
  let sweeper: Sweeper;

  beforeEach(() => {
    jest.useFakeTimers();
    [sweeps, failures, dueInMs] = [0, 0, 0];
    sweep = async () => false;
    sweeper = new Sweeper({
      sweep: () => {
        sweeps++;
        return sweep();
      },
      dueInMs: () => dueInMs,
      failed: () => failures++,
    });
  });
  afterEach(() => {
    sweeper.stop();
    jest.useRealTimers();
  });

  it('sweeps when the next thing is due, but not more often than once a second', async () => {
    dueInMs = 5000;
    sweeper.start();
    await jest.advanceTimersByTimeAsync(4999);
    expect(sweeps).toBe(0);
    dueInMs = -100;
    await jest.advanceTimersByTimeAsync(1);
    expect(sweeps).toBe(1);
    await jest.advanceTimersByTimeAsync(999);
    expect(sweeps).toBe(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(sweeps).toBe(2);
  });

  it('looks every half minute even when nothing is due', async () => {
    dueInMs = Infinity;
    sweeper.start();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(sweeps).toBe(2);
  });

  it('goes on at once when a sweep left something over', async () => {
    sweep = async () => sweeps < 5;
    sweeper.start();
    await jest.advanceTimersByTimeAsync(1100);
    expect(sweeps).toBe(5);
  });

  it('tries again after a sweep that failed', async () => {
    sweep = async () => {
      throw new Error('disk full');
    };
    sweeper.start();
    await jest.advanceTimersByTimeAsync(3000);
    expect([sweeps, failures]).toEqual([3, 3]);
  });

  it('stops, also when a sweep is under way', async () => {
    let finish: (isMore: boolean) => void = () => undefined;
    sweep = () => new Promise((resolve) => (finish = resolve));
    sweeper.start();
    await jest.advanceTimersByTimeAsync(1000);
    sweeper.stop();
    finish(true);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(sweeps).toBe(1);
  });
});
