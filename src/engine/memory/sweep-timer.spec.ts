import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SweepTimer } from './sweep-timer.js';

describe('SweepTimer', () => {
  let sweeps = 0;
  let failures = 0;
  let dueInMs = 0;
  let sweep: () => Promise<boolean>;
  let timer: SweepTimer;

  beforeEach(() => {
    jest.useFakeTimers();
    [sweeps, failures, dueInMs] = [0, 0, 0];
    sweep = async () => false;
    timer = new SweepTimer({
      sweep: () => {
        sweeps++;
        return sweep();
      },
      dueInMs: () => dueInMs,
      failed: () => failures++,
    });
  });
  afterEach(() => {
    timer.stop();
    jest.useRealTimers();
  });

  it('sweeps when a record expires, but not more often than once a second', async () => {
    dueInMs = 5000;
    timer.start();
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

  it('sweeps every half minute even when nothing expires', async () => {
    dueInMs = Infinity;
    timer.start();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(sweeps).toBe(2);
  });

  it('continues at once when a sweep left something over', async () => {
    sweep = async () => sweeps < 5;
    timer.start();
    await jest.advanceTimersByTimeAsync(1100);
    expect(sweeps).toBe(5);
  });

  it('retries after a failed sweep', async () => {
    sweep = async () => {
      throw new Error('disk full');
    };
    timer.start();
    await jest.advanceTimersByTimeAsync(3000);
    expect([sweeps, failures]).toEqual([3, 3]);
  });

  it('stops, also during a sweep', async () => {
    let finish: (isMore: boolean) => void = () => undefined;
    sweep = () => new Promise((resolve) => (finish = resolve));
    timer.start();
    await jest.advanceTimersByTimeAsync(1000);
    timer.stop();
    finish(true);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(sweeps).toBe(1);
  });
});
