import { describe, expect, it } from '@jest/globals';
import { takeFrom, type Rate } from '../../engine/bucket.js';
import { Leases } from './leases.js';
import { WaitingTakes } from './waiting-takes.js';

/** Takes from a store in this process, by the real clock. */
function takes(rate: Rate) {
  const buckets = new Map<string, number | undefined>();
  let calls = 0;
  const leases = new Leases({
    take: async (_tenant, all) => {
      calls++;
      return all.map((take) => {
        const { full, taken } = takeFrom(buckets.get(take.bucket), performance.now() * 1000, take);
        buckets.set(take.bucket, full);
        return taken;
      });
    },
  });
  const lease = leases.of('t', 'b', rate);
  const waiting = new WaitingTakes(leases);
  return {
    take: (cost: number, waitMs: number, over = new AbortController().signal) =>
      waiting.take(lease, cost, waitMs, over),
    get calls() {
      return calls;
    },
  };
}

describe('takes that wait', () => {
  it('are served in the order in which they came', async () => {
    const { take } = takes({ limit: 100, windowMs: 1000, burst: 2 });
    expect(await take(2, 0)).toBe(true);
    const order: number[] = [];
    const waiting = [2, 1, 2, 1].map(async (cost, i) => {
      expect(await take(cost, 60_000)).toBe(true);
      order.push(i);
    });
    await Promise.all(waiting);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it('end without their tokens when their time or their client is gone, and hold up nobody', async () => {
    const { take } = takes({ limit: 20, windowMs: 1000, burst: 3 });
    expect(await take(3, 0)).toBe(true);
    const leaves = new AbortController();
    const gone = take(3, 60_000, leaves.signal);
    const behind = take(1, 60_000);
    const short = take(3, 1);
    expect(await short).toBe(false);
    leaves.abort();
    expect(await gone).toBe(false);
    expect(await behind).toBe(true);
    expect(await take(3, 60_000, leaves.signal)).toBe(false);
  });

  it('ask the store about once for each that is served', async () => {
    const waiting = takes({ limit: 100, windowMs: 1000, burst: 1 });
    const all = await Promise.all(Array.from({ length: 20 }, () => waiting.take(1, 60_000)));
    expect(all.every(Boolean)).toBe(true);
    expect(waiting.calls).toBeLessThan(60);
  });
});
