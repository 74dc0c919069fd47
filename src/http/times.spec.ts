import { describe, expect, it } from '@jest/globals';
import { httpTime, isoTime } from './times.js';

describe('times as text', () => {
  it('are what the language itself would write, from any day to any day', () => {
    // A fixed sequence of odd steps, forwards and backwards through days, years and the length of milliseconds.
    for (let i = 0, ms = 0; i < 5000; i++) {
      ms = (ms + 86_399_999 * ((i * 7919) % 613) + i) % 253_402_300_000_000;
      expect(isoTime(ms)).toBe(new Date(ms).toISOString());
      expect(httpTime(ms)).toBe(new Date(ms).toUTCString());
    }
  });

  it.each([0, 7, 42, 99, 100, 999, 1000, 86_399_999, 86_400_000, 1_800_000_000_000])('hold at %d', (ms) => {
    expect(isoTime(ms)).toBe(new Date(ms).toISOString());
    expect(httpTime(ms)).toBe(new Date(ms).toUTCString());
  });

  it('hold beyond the year 9999', () => {
    expect(isoTime(253_402_300_800_000)).toBe(new Date(253_402_300_800_000).toISOString());
  });
});
