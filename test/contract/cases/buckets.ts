import { describe, expect, it } from '@jest/globals';
import type { Rate, Take } from '../../../src/engine/bucket.js';
import type { TestTenant } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

const RATE: Rate = { limit: 60, windowMs: 60_000, burst: 10 };

export function describeBuckets(fixture: Fixture): void {
  const take = async (tenant: TestTenant, given: Partial<Take> = {}) => {
    const [taken] = await tenant.engine.take(tenant.name, [
      { bucket: 'b', rate: RATE, want: 1, least: 1, back: 0, ...given },
    ]);
    const { granted = -1, left = -1, nextMs = -1 } = taken ?? {};
    return [granted, left, nextMs];
  };

  describe('a bucket', () => {
    it('gives its burst at once, then one token each interval', async () => {
      const tenant = fixture.tenant();
      for (let left = 9; left >= 0; left--) expect(await take(tenant)).toEqual([1, left, 1000]);
      expect(await take(tenant)).toEqual([0, 0, 1000]);
      fixture.clock.advance(999);
      expect(await take(tenant)).toEqual([0, 0, 1]);
      fixture.clock.advance(1);
      expect(await take(tenant)).toEqual([1, 0, 1000]);
      fixture.clock.advance(250);
      expect(await take(tenant)).toEqual([0, 0, 750]);
      fixture.clock.advance(60_000);
      expect(await take(tenant, { want: 0, least: 0 })).toEqual([0, 10, 0]);
      expect(await take(tenant)).toEqual([1, 9, 1000]);
    });

    it('gives fewer than wanted, but no fewer than demanded', async () => {
      const tenant = fixture.tenant();
      expect(await take(tenant, { want: 7 })).toEqual([7, 3, 1000]);
      expect(await take(tenant, { want: 5, least: 5 })).toEqual([0, 3, 2000]);
      expect(await take(tenant, { want: 5, least: 1 })).toEqual([3, 0, 1000]);
    });

    it('takes back what was not used, until the time that is given for it', async () => {
      const tenant = fixture.tenant();
      await take(tenant, { want: 10 });
      expect(await take(tenant, { want: 0, least: 0, back: 4, backByMs: fixture.clock.ms })).toEqual([0, 4, 1000]);
      expect(await take(tenant, { want: 0, least: 0, back: 4, backByMs: fixture.clock.ms - 1 })).toEqual([0, 4, 1000]);
      expect(await take(tenant, { want: 0, least: 0, back: 400 })).toEqual([0, 10, 0]);
    });

    it('serves any rate to the last token of its burst', async () => {
      for (const limit of [7, 13, 59, 997, 70_001]) {
        const tenant = fixture.tenant();
        const rate = { limit, windowMs: 60_000, burst: 12 };
        for (let left = 11; left >= 0; left--) expect((await take(tenant, { rate })).slice(0, 2)).toEqual([1, left]);
        expect((await take(tenant, { rate }))[0]).toBe(0);
      }
    });

    it('costs at most one bucket when its limit is lowered or the clock is set back', async () => {
      const tenant = fixture.tenant();
      await take(tenant, { rate: { limit: 1, windowMs: 60_000, burst: 100 }, want: 100 });
      expect(await take(tenant)).toEqual([0, 0, 1000]);
      fixture.clock.advance(10_000);
      expect(await take(tenant, { want: 10 })).toEqual([10, 0, 1000]);
      fixture.clock.advance(-5_000_000);
      expect(await take(tenant)).toEqual([0, 0, 1000]);
      fixture.clock.advance(5_000_000);
    });

    it('belongs to one tenant and one name; one call takes from several', async () => {
      const [tenant, other] = [fixture.tenant(), fixture.tenant()];
      await take(tenant, { want: 10 });
      expect(await take(other)).toEqual([1, 9, 1000]);
      const of = (bucket: string, want: number) => ({ bucket, rate: RATE, want, least: want });
      const taken = await tenant.engine.take(tenant.name, [of('b', 1), of('c', 3), of('c', 8), of('c', 7)]);
      expect(taken.map(({ granted, left }) => [granted, left])).toEqual([
        [0, 0],
        [3, 7],
        [0, 7],
        [7, 0],
      ]);
      expect(taken.map(({ atMs }) => atMs)).toEqual(taken.map(() => fixture.clock.ms));
    });
  });
}
