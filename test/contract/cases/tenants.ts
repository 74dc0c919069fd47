import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { once, put, touch } from '../../support/parts.js';
import { dump, TestTenant } from '../../support/tenant.js';
import { until } from '../../support/until.js';
import type { Fixture } from '../engine-under-test.js';

/** Names that are, or look like, parts of keys that an engine might build. */
const NAMES = [
  'default',
  'document_workflow',
  'document_workflow:a',
  'document_workflow_meta',
  'document_workflow_index:updated',
  'once',
  'once:k',
  'events',
  'fence',
  'tenants',
  'a',
  'a:document_workflow',
  'default:',
  ':',
  '.',
  '~',
];

const IDS = ['a', 'document_workflow:a', 'a:document_workflow:a', 'once:k', 'updated'];

export function describeTenants(fixture: Fixture): void {
  describe('tenants', () => {
    it('of any name keep everything to themselves', async () => {
      await fixture.withEngine({}, async ({ engine }) => {
        const tenants = NAMES.map((name) => new TestTenant(engine, name));
        for (const tenant of tenants) {
          for (const id of IDS) {
            expect(await tenant.find(id)).toBeUndefined();
            await tenant.put(id, { of: tenant.name, status: 'x' });
            await tenant.put(id, { of: tenant.name, status: 'x', case_id: tenant.name });
          }
        }
        for (const tenant of tenants) {
          expect((await tenant.ids()).sort()).toEqual(IDS.toSorted());
          expect(await tenant.count()).toBe(IDS.length);
          expect(await tenant.count({ fields: { status: 'x' } })).toBe(IDS.length);
          expect(await tenant.count({ idPrefix: 'a' })).toBe(2);
          expect(await tenant.ids({ filter: { fields: { case_id: tenant.name } } })).toHaveLength(IDS.length);
          for (const id of IDS) {
            expect(await tenant.state(id)).toEqual({ of: tenant.name, status: 'x', case_id: tenant.name });
            const versions = await tenant.versions(id);
            expect(versions.map(({ version }) => version)).toEqual([2, 1]);
          }
        }
        const [first, ...others] = tenants as [TestTenant, ...TestTenant[]];
        const before = await Promise.all(others.map(({ name }) => dump(engine, name)));
        for (const id of IDS) await first.delete(id);
        expect(await first.ids()).toEqual([]);
        expect(await Promise.all(others.map(({ name }) => dump(engine, name)))).toEqual(before);
      });
    });

    it('may use the same once key, with another body each', async () => {
      const name = once();
      for (const [i, tenant] of [fixture.tenant(), fixture.tenant(), fixture.tenant()].entries()) {
        await tenant.put('a', {});
        expect(await fixture.engine.findOutcome(tenant.name, name.key, `body ${i}`)).toBeUndefined();
        const outcome = await tenant.commit({ touches: [touch('a', 5000)] }, { ...name, fingerprint: `body ${i}` });
        expect(outcome.replayed).toBe(false);
      }
    });

    it('see each other neither by findMany nor by versions', async () => {
      const [mine, theirs] = [fixture.tenant(), fixture.tenant()];
      await theirs.put('a', {});
      await theirs.put('a', {});
      expect(await fixture.engine.findMany(mine.name, ['a', 'a'])).toEqual([undefined, undefined]);
      expect(await fixture.engine.findVersion(mine.name, 'a', 1)).toEqual({ found: 'no-workflow' });
      expect(await fixture.engine.listVersions(mine.name, 'a', { limit: 5, includeState: true })).toBeUndefined();
    });

    it('cannot write into each other', async () => {
      const [mine, theirs] = [fixture.tenant(), fixture.tenant()];
      await theirs.put('a', { secret: true });
      const before = await dump(fixture.engine, theirs.name);
      expect(await mine.put('a', {})).toMatchObject({ version: 1, created: true });
      await mine.put('a', {}, { ttl: 5 });
      await mine.delete('a');
      expect(await dump(fixture.engine, theirs.name)).toEqual(before);
    });

    it('do not hear of each other', async () => {
      const [mine, theirs] = [fixture.tenant(), fixture.tenant()];
      const heard = { mine: 0, theirs: 0 };
      const stops = [
        fixture.engine.onChange(mine.name, 'workflow a', () => heard.mine++),
        fixture.engine.onChange(theirs.name, 'workflow a', () => heard.theirs++),
      ];
      // Waits until both listen for certain; a hint may also come when listening begins.
      await until(async () => {
        await mine.put('a', {});
        await theirs.put('a', {});
        return heard.mine > 0 && heard.theirs > 0;
      }, 'both tenants hear of their own writes');
      const marker = await settled(fixture, mine, theirs);
      const before = heard.mine;
      for (let i = 0; i < 5; i++) await theirs.put('a', {});
      await marker();
      expect(heard.mine).toBe(before);
      for (const stop of stops) stop();
    });

    it('that share the default one see what it holds', async () => {
      const id = randomUUID();
      const [one, two] = [new TestTenant(fixture.engine, 'default'), new TestTenant(fixture.engine, 'default')];
      await one.commit({ puts: [put(id, { n: 1 })] });
      expect(await two.state(id)).toEqual({ n: 1 });
    });
  });
}

/** Waits until the hints of earlier writes have come; the function that it returns does so again. */
async function settled({ engine }: Fixture, ...tenants: readonly TestTenant[]): Promise<() => Promise<void>> {
  const wait = async () => {
    for (const tenant of tenants) {
      const id = randomUUID();
      let heard = false;
      const stop = engine.onChange(tenant.name, `workflow ${id}`, () => (heard = true));
      await until(async () => {
        await tenant.put(id, {});
        return heard;
      }, 'a write is heard of');
      stop();
    }
  };
  await wait();
  return wait;
}
