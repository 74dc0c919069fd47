import { describe, expect, it } from '@jest/globals';
import { httpTime, isoTime, parseTime } from './times.js';

describe('times as text', () => {
  it('are what the language itself would write, from any day to any day', () => {
    // Fixed odd steps, forwards and backwards, over days, years and milliseconds of 1 to 3 digits.
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

describe('times from text', () => {
  it.each([
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2024-02-29t23:59:59.999z', '2024-02-29T23:59:59.999Z'],
    ['2026-03-01T00:30:00+01:00', '2026-02-28T23:30:00.000Z'],
    ['2026-02-28T23:30:00.5-23:59', '2026-03-01T23:29:00.500Z'],
    ['0099-12-31T00:00:00Z', '0099-12-31T00:00:00.000Z'],
  ])('are read: %s', (text, iso) => {
    expect(new Date(parseTime(text)).toISOString()).toBe(iso);
  });

  it.each([
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-04-31T00:00:00+01:00',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:60:00Z',
    '2026-01-31T12:00:60Z',
    '2026-01-31T12:00:00+24:00',
    '2026-01-31T12:00:00',
    '2026-01-31T12:00Z',
    '2026-01-31 12:00:00Z',
    '2026-01-31T12:00:00.Z',
    '2026-01-31',
    'yesterday',
    '',
  ])('are none: %j', (text) => {
    expect(parseTime(text)).toBeNaN();
  });
});
