import { describe, expect, it } from '@jest/globals';
import { pauseMs, retryAfterMsOf, DEFAULT_RETRY } from '../../src/client/retry.js';

describe('the pause before a retry', () => {
  it('is anything from nothing to a bound that doubles, and grows no further', () => {
    const bounds = [0, 1, 2, 3, 10, 1000].map((attempt) => pauseMs(attempt, DEFAULT_RETRY, undefined, 1));
    expect(bounds).toEqual([200, 400, 800, 1600, 10_000, 10_000]);
    expect(pauseMs(5, DEFAULT_RETRY, undefined, 0)).toBe(0);
  });

  it('is at least what the service asked for, with the jitter on top', () => {
    expect(pauseMs(0, DEFAULT_RETRY, 3000, 0)).toBe(3000);
    expect(pauseMs(0, DEFAULT_RETRY, 3000, 0.5)).toBe(3100);
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-01-31T12:00:00Z');

  it.each([
    ['7', 7000],
    ['0', 0],
    ['Sat, 31 Jan 2026 12:00:05 GMT', 5000],
    ['Sat, 31 Jan 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    [null, undefined],
  ])('%s is %s ms', (header, ms) => {
    expect(retryAfterMsOf(header, now)).toBe(ms);
  });
});
