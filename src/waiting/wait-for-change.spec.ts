import { describe, expect, it } from '@jest/globals';
import { waitForChange } from './wait-for-change.js';

const never = new AbortController().signal;

describe('waiting for a change', () => {
  it.each([
    ['a change that is overdue', () => Date.now() - 60_000, 3],
    ['one that is due soon', () => Date.now() + 50, 4],
  ])('reads at most once a second, with %s', async (_name, dueAt, most) => {
    const changesAt = dueAt();
    let reads = 0;
    const target = {
      listen: () => () => undefined,
      read: async () => ++reads,
      isEnough: () => false,
      changesAtMs: () => changesAt,
    };
    await waitForChange(target, 1500, never);
    expect(reads).toBeGreaterThan(1);
    expect(reads).toBeLessThanOrEqual(most + 1);
  });

  it('reads at once after each change, also while one is overdue', async () => {
    let tell = (): void => undefined;
    let reads = 0;
    const target = {
      listen: (listener: () => void) => {
        tell = listener;
        return () => undefined;
      },
      read: async () => {
        if (++reads < 5) setImmediate(tell);
        return reads;
      },
      isEnough: (value: number) => value === 5,
      changesAtMs: () => 1,
    };
    expect(await waitForChange(target, 60_000, never)).toBe(5);
  });
});
