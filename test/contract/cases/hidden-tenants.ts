import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { accessTenantOf, HIDDEN_INDEX, isHiddenTenant } from '../../../src/engine/profile.js';
import { isName } from '../../../src/engine/names.js';
import { merge } from '../../support/edits.js';
import { put } from '../../support/parts.js';
import { dump, TestTenant } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

export function describeHiddenTenants(fixture: Fixture): void {
  const hidden = () => new TestTenant(fixture.engine, accessTenantOf(`t-${randomUUID()}`));
  const key = (id: string, user: string) => ({
    ...put(id, { user }),
    index: HIDDEN_INDEX.ofState(`{"user":"${user}"}`),
  });

  describe('a hidden tenant', () => {
    it('has a name that no client can give', () => {
      for (const name of ['.access', '.of:acme', '.', '..']) {
        expect(isHiddenTenant(name)).toBe(true);
        expect(isName(name)).toBe(false);
      }
      for (const name of ['access', 'of:acme', 'default', 'a.b']) expect(isHiddenTenant(name)).toBe(false);
    });

    it('keeps 50 earlier versions, whatever the settings of other tenants', async () => {
      const options = { historyLimit: 2, historyMaxBytes: 100, defaultTtlMs: 1000 };
      await fixture.withEngine({ options }, async (ordinary, { engine, clock }) => {
        const tenant = new TestTenant(engine, accessTenantOf(ordinary.name));
        for (let n = 0; n < 60; n++) {
          await tenant.put('a', { n, pad: 'x'.repeat(100) });
          await ordinary.put('a', { n });
        }
        expect((await tenant.versions('a')).map(({ version }) => version)).toEqual(
          Array.from({ length: 51 }, (_, i) => 60 - i),
        );
        expect(await ordinary.versions('a')).toHaveLength(3);
        clock.advance(YEAR_MS);
        await engine.sweep();
        expect(await tenant.state('a')).toMatchObject({ n: 59 });
        expect((await tenant.get('a')).deadlineMs).toBeNull();
        expect(await ordinary.find('a')).toBeUndefined();
      });
    });

    it('keeps the time to live of a write that gives one', async () => {
      const tenant = hidden();
      await tenant.put('a', {}, { ttl: 10 });
      await tenant.patch('a', merge({ n: 1 }));
      fixture.clock.advance(10);
      expect(await tenant.find('a')).toBeUndefined();
    });

    it('is indexed by user, in edits too', async () => {
      const tenant = hidden();
      await tenant.commit({ puts: [key('key:1', 'ann'), key('key:2', 'bob'), key('key:3', 'ann')] });
      const of = (user: string) => tenant.ids({ filter: { fields: { user } } });
      expect((await of('ann')).sort()).toEqual(['key:1', 'key:3']);
      await tenant.patch('key:1', merge({ user: 'bob', status: 'x' }));
      await tenant.commit({
        patches: [{ id: 'key:3', edit: merge({ user: 'cy' }), ttl: 'keep', by: 'x' }],
        publish: [],
      });
      expect(await of('ann')).toEqual([]);
      expect((await of('bob')).sort()).toEqual(['key:1', 'key:2']);
      expect(await of('cy')).toEqual(['key:3']);
      expect(await tenant.count({ fields: { status: 'x' } })).toBe(0);
      expect((await tenant.ids({ filter: { idPrefix: 'key:' } })).sort()).toEqual(['key:1', 'key:2', 'key:3']);
    });

    it('shares nothing with the tenant that it belongs to', async () => {
      const tenant = fixture.tenant();
      const own = new TestTenant(fixture.engine, accessTenantOf(tenant.name));
      await tenant.put('key:1', { of: 'tenant' });
      await own.put('key:1', { of: 'hidden' });
      const before = await dump(fixture.engine, own.name);
      await tenant.put('key:1', { of: 'tenant again' });
      await tenant.delete('key:1');
      expect(await dump(fixture.engine, own.name)).toEqual(before);
      expect(await tenant.ids()).toEqual([]);
    });
  });
}
