import { describe, expect, it } from '@jest/globals';
import { WorkflowNotFoundError } from '../../../src/engine/errors.js';
import { put, remove } from '../../support/parts.js';
import { refusalOf } from '../../support/refusal.js';
import type { Fixture } from '../engine-under-test.js';

export function describeDeletes(fixture: Fixture): void {
  describe('deletes', () => {
    it('remove the workflow from everywhere', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'open' });
      await tenant.put('a', { status: 'open', case_id: 7 });
      await tenant.delete('a');
      expect(await tenant.find('a')).toBeUndefined();
      expect(await tenant.ids()).toEqual([]);
      expect(await tenant.count()).toBe(0);
      expect(await tenant.count({ fields: { status: 'open' } })).toBe(0);
      expect(await tenant.count({ fields: { case_id: '7' } })).toBe(0);
      expect(await tenant.count({ idPrefix: 'a' })).toBe(0);
      expect(await fixture.engine.findVersion(tenant.name, 'a', 1)).toEqual({ found: 'no-workflow' });
      expect(await fixture.engine.listVersions(tenant.name, 'a', { limit: 10, includeState: false })).toBeUndefined();
    });

    it('need their workflow', async () => {
      const error = await refusalOf(fixture.tenant().delete('nowhere'));
      expect(error).toBeInstanceOf(WorkflowNotFoundError);
      expect(error).toMatchObject({ id: 'nowhere', failed: { part: 'deletes', index: 0 } });
    });

    it('succeed once', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      await tenant.delete('a');
      expect(await refusalOf(tenant.delete('a'))).toBeInstanceOf(WorkflowNotFoundError);
    });

    it('answer nothing for what they removed', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      const outcome = await tenant.commit({ deletes: [remove('a')] });
      expect(outcome).toEqual({ replayed: false, workflows: [] });
    });

    it('leave room for a new life: version 1, new incarnation, new times, no history', async () => {
      const tenant = fixture.tenant();
      const first = await tenant.put('a', { n: 1 });
      await tenant.put('a', { n: 2 });
      await tenant.delete('a');
      fixture.clock.advance(5);
      const second = await tenant.put('a', { n: 3 });
      expect(second).toMatchObject({ version: 1, created: true, createdAtMs: first.createdAtMs + 5 });
      expect(second.incarnation).not.toBe(first.incarnation);
      expect((await tenant.versions('a')).map(({ state }) => state)).toEqual(['{"n":3}']);
      expect(await fixture.engine.findVersion(tenant.name, 'a', 2)).toEqual({ found: 'no-version' });
    });

    it('take a never ending workflow as well', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: null });
      await tenant.delete('a');
      expect(await tenant.find('a')).toBeUndefined();
    });

    it('of many leave the others alone', async () => {
      const tenant = fixture.tenant();
      const ids = Array.from({ length: 20 }, (_, i) => `w-${i}`);
      await tenant.commit({ puts: ids.map((id) => put(id, { status: 'x' })) });
      await tenant.commit({ deletes: ids.filter((_, i) => i % 2 === 0).map((id) => remove(id)) });
      expect((await tenant.ids()).sort()).toEqual(ids.filter((_, i) => i % 2 === 1).sort());
      expect(await tenant.count({ fields: { status: 'x' } })).toBe(10);
    });
  });
}
