import { describe, expect, it } from '@jest/globals';
import { isWorkflowId } from '../../../src/engine/names.js';
import { increment } from '../../support/edits.js';
import { ODD_IDS } from '../../support/odd-ids.js';
import { put } from '../../support/parts.js';
import { TestQueue } from '../../support/tasks.js';
import { until } from '../../support/until.js';
import type { Fixture } from '../engine-under-test.js';

const inBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

export function describeOddIds(fixture: Fixture): void {
  describe('ids of any characters', () => {
    it('are different workflows, each with its own state, versions and tags', async () => {
      expect(ODD_IDS.filter((id) => !isWorkflowId(id))).toEqual([]);
      expect(new Set(ODD_IDS).size).toBe(ODD_IDS.length);
      const tenant = fixture.tenant();
      for (const [n, id] of ODD_IDS.entries()) await tenant.put(id, { count: n });
      await tenant.commit({
        patches: ODD_IDS.map((id) => ({ id, edit: increment, ttl: 'keep' as const, by: 'test' })),
      });
      for (const [n, id] of ODD_IDS.entries()) {
        expect([id, await tenant.state(id)]).toEqual([id, { count: n + 1 }]);
        expect((await tenant.versions(id)).map(({ version }) => version)).toEqual([2, 1]);
      }
      const found = await fixture.engine.findMany(tenant.name, ODD_IDS);
      expect(found.map((record) => record?.id)).toEqual(ODD_IDS);
    });

    it('are listed in the order of their bytes, counted, and found by their beginning', async () => {
      const tenant = fixture.tenant();
      await tenant.commit({ puts: ODD_IDS.map((id) => put(id, { status: id.slice(0, 20) })) });
      const sorted = ODD_IDS.toSorted(inBytes);
      for (const sort of ['id', 'updatedAt', 'createdAt'] as const)
        expect(await tenant.ids({ sort, limit: 7 })).toEqual(sorted);
      for (const idPrefix of ODD_IDS) {
        const filter = { idPrefix };
        const expected = sorted.filter((id) => id.startsWith(idPrefix));
        expect([idPrefix, await tenant.ids({ sort: 'id', filter }), await tenant.count(filter)]).toEqual([
          idPrefix,
          expected,
          expected.length,
        ]);
      }
      expect(await tenant.ids({ filter: { fields: { status: '{tag}' } } })).toEqual(['{tag}']);
    });

    it('name the workflow of a task, of an event and of a hint', async () => {
      const tenant = fixture.tenant();
      const queue = new TestQueue(fixture.engine, tenant.name);
      const hinted = new Set<string>();
      const stops = ['warm-up', ...ODD_IDS].map((id) =>
        fixture.engine.onChange(tenant.name, `workflow ${id}`, (hint) => {
          if (hint === 'changed') hinted.add(id);
        }),
      );
      const untilHinted = (id: string, write: () => Promise<unknown>) =>
        until(async () => {
          await write();
          return hinted.has(id);
        }, `a hint of ${id}`);
      // A subscription takes effect a while after its first listener.
      await untilHinted('warm-up', () => tenant.put('warm-up', {}));
      for (const [n, id] of ODD_IDS.entries()) {
        await tenant.put(id, { n });
        await untilHinted(id, async () => undefined);
        await queue.enqueue({ id: `task-${n}`, workflowId: id });
        const tasks = await fixture.engine.tasks.listOfWorkflow(tenant.name, id, 10);
        expect(tasks.map((task) => [task.id, task.workflowId])).toEqual([[`task-${n}`, id]]);
      }
      for (const stop of stops) stop();
      const events = await fixture.engine.readFeed(tenant.name, undefined, 1000);
      const created = events.filter(({ type }) => type === 'workflow.created');
      expect(created.map(({ fields }) => fields['id'])).toEqual(['warm-up', ...ODD_IDS]);
    });

    it('leave nothing behind when they are deleted', async () => {
      const tenant = fixture.tenant();
      for (const id of ODD_IDS) await tenant.put(id, {});
      for (const id of ODD_IDS) {
        await tenant.delete(id);
        await expect(tenant.get(id)).rejects.toThrow();
      }
      expect(await tenant.ids()).toEqual([]);
      expect(await tenant.count({ idPrefix: 'a' })).toBe(0);
    });
  });
}
