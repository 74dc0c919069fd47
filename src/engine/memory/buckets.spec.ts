import { describe, expect, it } from '@jest/globals';
import { MemoryBuckets } from './buckets.js';

const rate = { limit: 60, windowMs: 60_000, burst: 10 };
const take = (bucket: string, want = 1) => ({ bucket, rate, want, least: want });

describe('buckets in memory', () => {
  it('keep no entry of a full bucket', () => {
    const buckets = new MemoryBuckets();
    buckets.take('t', [take('a')], 0);
    buckets.take('t', [{ ...take('a', 0), back: 1 }], 0);
    expect(buckets.size).toBe(0);
    for (let n = 0; n < 100; n++) buckets.take('t', [take(`b${n}`)], 0);
    expect(buckets.size).toBe(100);
    for (let n = 0; n < 60; n++) buckets.take('t', [take('c')], 5000);
    expect(buckets.size).toBe(1);
  });

  it('find full ones behind one that is not', () => {
    const buckets = new MemoryBuckets();
    buckets.take('t', [{ bucket: 'slow', rate: { limit: 1, windowMs: 86_400_000, burst: 1 }, want: 1, least: 1 }], 0);
    for (let n = 0; n < 100; n++) buckets.take('t', [take(`b${n}`)], 0);
    for (let n = 0; n < 100; n++) buckets.take('t', [take('c')], 5000);
    expect(buckets.size).toBe(2);
  });

  it('are bounded in number, and forget the oldest first', () => {
    const buckets = new MemoryBuckets(50);
    for (let n = 0; n < 1000; n++) buckets.take('t', [take(`b${n}`, 10)], 0);
    expect(buckets.size).toBeLessThanOrEqual(50);
    expect(buckets.take('t', [take('b999')], 0)[0]?.granted).toBe(0);
  });

  it('forget those of a tenant that is erased', () => {
    const buckets = new MemoryBuckets();
    buckets.take('t', [take('a', 10)], 0);
    buckets.take('tt', [take('a', 10)], 0);
    buckets.erase('t');
    expect(buckets.take('t', [take('a')], 0)[0]?.granted).toBe(1);
    expect(buckets.take('tt', [take('a')], 0)[0]?.granted).toBe(0);
  });
});
