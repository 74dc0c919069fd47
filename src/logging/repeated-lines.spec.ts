import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RepeatedLines } from './repeated-lines.js';

describe('Lines that repeat', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('are logged once, and told together after a while', () => {
    const told: [string, number][] = [];
    const lines = new RepeatedLines((kind, count) => told.push([kind, count]), 1000);
    expect([1, 2, 3].map(() => lines.isDue('a'))).toEqual([true, false, false]);
    expect(lines.isDue('b')).toBe(true);
    jest.advanceTimersByTime(1000);
    expect(told).toEqual([['a', 2]]);
    expect(lines.isDue('a')).toBe(true);
  });
});
