import { describe, expect, it } from '@jest/globals';
import { etagOf, type WorkflowMeta } from '../../../src/engine/records/workflow-meta.js';
import { increment } from '../../support/edits.js';
import { put } from '../../support/parts.js';
import type { Fixture } from '../engine-under-test.js';

export function describeTags(fixture: Fixture): void {
  describe('tags', () => {
    it('differ for two commits that write the same version of the same life, even with the same state (invariant 33)', async () => {
      const tenant = fixture.tenant();
      const life = { incarnation: 'used-again' };
      const tags: string[] = [];
      for (const n of [1, 2, 2]) {
        tags.push(etagOf(await tenant.put('a', { n }, life)));
        await tenant.delete('a');
      }
      expect(new Set(tags).size).toBe(3);
      for (const tag of tags) expect(tag).toMatch(/^"used-again-1\.[A-Za-z0-9_-]{4,6}"$/);
    });

    it('are the same when a commit is repeated', async () => {
      const tenant = fixture.tenant();
      const parts = { puts: [put('a', { n: 1 })] };
      const once = { key: `once-${fixture.tenant().name}` };
      const [first] = (await tenant.commit(parts, once)).workflows;
      const again = await tenant.commit(parts, once);
      expect([again.replayed, etagOf(again.workflows[0] as WorkflowMeta)]).toEqual([
        true,
        etagOf(first as WorkflowMeta),
      ]);
    });

    it('are the same wherever a version is shown', async () => {
      const tenant = fixture.tenant();
      const written = [
        await tenant.put('a', { n: 1 }),
        await tenant.patch('a', increment),
        await tenant.touch('a', 5000),
      ];
      const [first, second, touched] = written.map(etagOf);
      expect(touched).toBe(second);
      const page = await tenant.list();
      const [many] = await tenant.engine.findMany(tenant.name, ['a']);
      expect([await tenant.get('a'), page.items[0], many].map((record) => etagOf(record as WorkflowMeta))).toEqual([
        second,
        second,
        second,
      ]);
      expect((await tenant.versions('a')).map(etagOf)).toEqual([second, first]);
      const events = await tenant.engine.readFeed(tenant.name, undefined, 10);
      expect(events.map(({ fields: { version, inc, check } }) => `"${inc}-${version}.${check}"`)).toEqual([
        first,
        second,
      ]);
    });
  });
}
