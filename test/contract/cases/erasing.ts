import { describe, expect, it } from '@jest/globals';
import type { Engine } from '../../../src/engine/engine.js';
import { ACCESS_TENANT, accessTenantOf } from '../../../src/engine/profile.js';
import { exportLines, KINDS } from '../../../src/migration/export-lines.js';
import { fillTenant } from '../../support/full-tenant.js';
import { NO_KEYS } from '../../support/keyrings.js';
import { digestsOf, dumpMovable } from '../../support/moving.js';
import { once, put } from '../../support/parts.js';
import { refusalOf } from '../../support/refusal.js';
import { queueNames } from '../../support/tasks.js';
import { TestTenant } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';
import { eventsOf } from './feed.js';

/** Repeats until it is done. Returns the number of calls and of removed records. */
export async function eraseAll(engine: Engine, tenant: string, limit: number) {
  for (let calls = 1, sum = 0; ; calls++) {
    const { removed, isDone } = await engine.erase(tenant, limit);
    sum += removed;
    if (isDone) return { calls, removed: sum };
  }
}

/** One record of each kind in a tenant and in its hidden one. Returns the ids of its tasks. */
export async function fillWithHidden(fixture: Pick<Fixture, 'clock'>, tenant: TestTenant): Promise<string[]> {
  const ids = await fillTenant(tenant, fixture.clock);
  const board = { board: 'b', add: { n: 1 }, notices: [{ name: 'x', text: 'y', keepMs: 1e9 }], entries: ['e'] };
  const publish = [{ channel: 'c', type: 't', payload: '{}' }];
  await tenant.engine.commit(tenant.name, { once: once({ keepMs: 1e9 }), board, publish });
  const hidden = new TestTenant(tenant.engine, accessTenantOf(tenant.name));
  for (let n = 0; n < 3; n++) await hidden.put('key:1', { n });
  await hidden.commit({ board });
  return ids;
}

/** Reads a tenant in every way there is: no way may make a record. */
export async function readInEveryWay(engine: Engine, tenant: string, place: string): Promise<void> {
  const exported = { view: 'records', kinds: KINDS, access: 'include' } as const;
  for (const name of [tenant, accessTenantOf(tenant)]) {
    const reads = new TestTenant(engine, name);
    for (const options of [exported, { ...exported, tenant: name }, { ...exported, view: 'stamps' as const }])
      await readAll(exportLines(engine.moving, options, NO_KEYS));
    for (const view of [reads.list(), reads.count(), reads.versions('many'), engine.findMany(name, ['many'])])
      await view.catch(() => undefined);
    for (const at of [undefined, place, 'nonsense']) await engine.readFeed(name, at, 10).catch(() => undefined);
    await engine.readBoard(name, 'b');
    await engine.findOutcome(name, 'k', '');
    await engine.listConflicts(name, 'many', { limit: 10 });
    await queueNames(engine, name);
    await engine.tasks.findQueue(name, 'writer').catch(() => undefined);
    await engine.tasks.listDead(name, 'writer', 10);
    await engine.tasks.find(name, 't');
    await engine.tasks.readProgress(name, 't', 0, 10);
    await engine.inspect();
    await engine.sweep();
  }
}

async function readAll(lines: AsyncIterable<string>): Promise<void> {
  for await (const text of lines) if (text === '') throw new Error('a chunk of lines is never empty');
}

export function describeErasing(fixture: Fixture): void {
  describe('the erasure of a tenant', () => {
    it('removes everything of it and of its hidden tenant, and nothing of others (invariant 28)', async () => {
      await fixture.withEngine({}, async (tenant, { engine, clock }) => {
        // Names that begin or end like that of the tenant.
        const others = [`x${tenant.name}`, `${tenant.name}x`, 'of', 'default'].map(
          (name) => new TestTenant(engine, name),
        );
        const dumps = async () =>
          Promise.all(
            others.map(async ({ name }) => [
              await dumpMovable(engine, name, tasks.get(name) ?? []),
              await digestsOf(engine, accessTenantOf(name)),
              await eventsOf(engine, name),
              await engine.readBoard(name, 'b'),
            ]),
          );
        const tasks = new Map<string, string[]>();
        for (const other of others) tasks.set(other.name, await fillWithHidden({ clock }, other));
        const ids = await fillWithHidden({ clock }, tenant);
        const place = await engine.lastEventId(tenant.name);
        const before = await dumps();

        await eraseAll(engine, tenant.name, 1000);
        expect(await dumps()).toEqual(before);
        for (const name of [tenant.name, accessTenantOf(tenant.name)]) {
          expect(await digestsOf(engine, name)).toEqual({});
          expect(await new TestTenant(engine, name).count()).toBe(0);
          expect(await eventsOf(engine, name)).toEqual([]);
          expect(await engine.readBoard(name, 'b')).toEqual({ counts: {}, notices: [], entries: [] });
        }
        for (const id of ids) expect(await engine.tasks.find(tenant.name, id)).toBeUndefined();
        expect(await queueNames(engine, tenant.name)).toEqual([]);
        expect(await refusalOf(engine.readFeed(tenant.name, place, 1))).toMatchObject({ code: 'FEED_RESET' });
      });
    });

    it('is done in steps of bounded size', async () => {
      const tenant = fixture.tenant();
      for (let at = 0; at < 300; at += 50) {
        await tenant.commit({ puts: Array.from({ length: 50 }, (_, i) => put(`w-${at + i}`, {}, { ttl: null })) });
      }
      const { removed } = await fixture.engine.erase(tenant.name, 100);
      expect(removed).toBeLessThanOrEqual(200);
      const { calls } = await eraseAll(fixture.engine, tenant.name, 100);
      expect(calls).toBeGreaterThan(1);
      expect(await tenant.ids()).toEqual([]);
    });

    it('of a tenant without data is done, and may be repeated', async () => {
      const tenant = fixture.tenant();
      await eraseAll(fixture.engine, tenant.name, 1000);
      await tenant.put('a', {});
      await eraseAll(fixture.engine, tenant.name, 1000);
      await eraseAll(fixture.engine, tenant.name, 1000);
      expect(await tenant.ids()).toEqual([]);
    });

    it('is not undone by what reads the tenant afterwards (invariant 28)', async () => {
      await fixture.withEngine({}, async (tenant, { engine, clock }) => {
        await fillWithHidden({ clock }, tenant);
        const place = await engine.lastEventId(tenant.name);
        await eraseAll(engine, tenant.name, 1000);
        await readInEveryWay(engine, tenant.name, place);
        expect(await eraseAll(engine, tenant.name, 1000)).toMatchObject({ removed: 0 });
      });
    });

    it('leaves the name free for a new tenant', async () => {
      const tenant = fixture.tenant();
      const key = once({ keepMs: 1e9 });
      await tenant.commit({ puts: [put('a', { n: 1 })] }, key);
      await eraseAll(fixture.engine, tenant.name, 1000);
      const outcome = await tenant.commit({ puts: [put('a', { n: 2 })] }, key);
      expect(outcome).toMatchObject({ replayed: false, workflows: [{ version: 1, created: true }] });
      expect((await tenant.versions('a')).map(({ version }) => version)).toEqual([1]);
      fixture.clock.advance(3_600_000);
      await fixture.engine.sweep();
      expect(await fixture.engine.moving.listTenants()).toContain(tenant.name);
    });

    it('takes the name off the list of tenants', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {}, { ttl: null });
      expect(await fixture.engine.moving.listTenants()).toContain(tenant.name);
      await eraseAll(fixture.engine, tenant.name, 1000);
      fixture.clock.advance(3_600_000);
      await fixture.engine.sweep();
      expect(await fixture.engine.moving.listTenants()).not.toContain(tenant.name);
    });

    it('is refused for the default tenant and for hidden ones', async () => {
      for (const name of ['default', ACCESS_TENANT, accessTenantOf('acme')])
        await expect(fixture.engine.erase(name, 10)).rejects.toThrow('cannot be erased');
    });
  });
}
