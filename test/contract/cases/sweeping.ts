import { describe, expect, it } from '@jest/globals';
import { silentObserver, type EngineObserver } from '../../../src/engine/engine.js';
import { put } from '../../support/parts.js';
import { TestTenant } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

function counting(): { readonly observer: EngineObserver; readonly expired: () => number } {
  let sum = 0;
  const observer = { ...silentObserver, expired: (count: number) => void (sum += count) };
  return { observer, expired: () => sum };
}

export function describeSweeping(fixture: Fixture): void {
  describe('a sweep', () => {
    it('removes what has expired, and nothing else, and tells how many', async () => {
      const { observer, expired } = counting();
      await fixture.withEngine({ observer }, async (tenant, { engine, clock }) => {
        const told: number[] = [];
        // The sweep of the engine itself may come first, but not three times in a row.
        for (let round = 1; round <= 3; round++) {
          for (const id of ['a', 'b', 'c']) await tenant.put(id, { status: 'x' }, { ttl: 10 });
          await tenant.put('later', {}, { ttl: 100_000 });
          await tenant.put('never', {}, { ttl: null });
          clock.advance(9);
          expect(await engine.sweep()).toBe(0);
          clock.advance(1);
          told.push(await engine.sweep());
          expect(expired()).toBe(3 * round);
          expect(await engine.sweep()).toBe(0);
          expect((await tenant.ids()).sort()).toEqual(['later', 'never']);
          expect(await tenant.count({ fields: { status: 'x' } })).toBe(0);
        }
        expect(told).toContain(3);
        for (const count of told) expect([0, 3]).toContain(count);
      });
    });

    it('goes through all tenants', async () => {
      const { observer, expired } = counting();
      await fixture.withEngine({ observer }, async (one, { engine, clock }) => {
        for (const name of ['default', 'two', one.name]) await new TestTenant(engine, name).put('a', {}, { ttl: 10 });
        clock.advance(10);
        await engine.sweep();
        expect(expired()).toBe(3);
      });
    });

    it('ends with everything swept when it is repeated, however much there is', async () => {
      const { observer, expired } = counting();
      await fixture.withEngine({ observer }, async (tenant, { engine, clock }) => {
        for (let i = 0; i < 1200; i += 50) {
          const ids = Array.from({ length: 50 }, (_, j) => `w-${i + j}`);
          await tenant.commit({ puts: ids.map((id) => put(id, {}, { ttl: 10 })) });
        }
        clock.advance(10);
        expect(await tenant.count()).toBe(0);
        while ((await engine.sweep()) > 0);
        expect(expired()).toBe(1200);
        expect(await tenant.count()).toBe(0);
      });
    });

    it('with nothing to do changes nothing', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { n: 1 }, { ttl: null });
      await fixture.engine.sweep();
      await fixture.engine.sweep();
      expect(await tenant.get('a')).toMatchObject({ version: 1, state: '{"n":1}' });
    });
  });

  describe('an inspection', () => {
    it('says that the store is reachable, what a crash can lose, and how it is doing', async () => {
      const report = await fixture.engine.inspect();
      expect(report.reachable).toBe(true);
      expect(report.latencyMs).toBeGreaterThanOrEqual(0);
      expect(report.durability).not.toBe('');
      expect(Array.isArray(report.warnings)).toBe(true);
      for (const value of Object.values(report.details))
        expect(['string', 'number', 'boolean', 'object']).toContain(typeof value);
    });
  });
}
