import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once, patch, put, remove, touch } from '../support/parts.js';
import { increment, merge } from '../support/edits.js';
import { dump, TestTenant } from '../support/tenant.js';
import { newTenant, type EngineUnderTest, type OpenOptions } from './engine-under-test.js';

const A_DAY_MS = 86_400_000;

/** What must be as it was after a restart. */
export function describeDurability(
  name: string,
  open: (given?: OpenOptions) => Promise<EngineUnderTest & { reopen(): Promise<void> }>,
): void {
  describe(`A restart of ${name}`, () => {
    let opened: EngineUnderTest & { reopen(): Promise<void> };
    let tenant: TestTenant;
    beforeEach(async () => {
      opened = await open();
      tenant = newTenant(opened.engine);
    });
    afterEach(async () => {
      await opened.close();
    });
    const reopen = async () => {
      await opened.reopen();
      tenant = new TestTenant(opened.engine, tenant.name);
    };

    it('keeps states, versions, incarnations, times, deadlines and histories of all tenants', async () => {
      const names = ['default', tenant.name, 'document_workflow', 'a:b', '~'];
      for (const name of names) {
        const one = new TestTenant(opened.engine, name);
        await one.putText('a', '{ "big": 12345678901234567890, "nul": "\\u0000", "o": {}, "l": [] }', { ttl: null });
        opened.clock.advance(3);
        await one.patch('a', merge({ of: name }), { note: 'Grüße\n🚀', ttl: 5000 });
        await one.put('b', { status: name });
        await one.touch('b', 700);
      }
      const before = await Promise.all(names.map((name) => dump(opened.engine, name)));
      await reopen();
      expect(await Promise.all(names.map((name) => dump(opened.engine, name)))).toEqual(before);
      expect(before.map((workflows) => workflows.length)).toEqual(names.map(() => 2));
    });

    it('goes on with the next version of the same incarnation', async () => {
      const created = await tenant.put('a', { count: 0 });
      await tenant.patch('a', increment);
      await reopen();
      const next = await tenant.patch('a', increment);
      expect(next).toMatchObject({ version: 3, incarnation: created.incarnation, state: '{"count":2}' });
      expect((await tenant.versions('a')).map(({ version }) => version)).toEqual([3, 2, 1]);
    });

    it('keeps what is found by field, prefix and time', async () => {
      const start = opened.clock.ms;
      for (let i = 0; i < 20; i++) {
        await tenant.put(`w-${i}`, { status: i % 2 === 0 ? 'even' : 'odd', case_id: i });
        opened.clock.advance(1);
      }
      await tenant.put('w-4', { status: 'odd' });
      const filters = [
        { fields: { status: 'even' } },
        { fields: { status: 'odd' } },
        { fields: { case_id: '4' } },
        { idPrefix: 'w-1' },
        { updatedAfterMs: start + 12 },
      ];
      const found = () =>
        Promise.all(
          filters.flatMap((filter) => [
            tenant.ids({ filter, sort: '-updatedAt', limit: 3 }),
            tenant.ids({ filter, sort: 'createdAt' }),
            tenant.count(filter),
          ]),
        );
      const before = await found();
      await reopen();
      expect(await found()).toEqual(before);
    });

    it('remembers outcomes: a commit sent again is still a replay', async () => {
      await tenant.commit({ puts: ['a', 'd', 't'].map((id) => put(id, {})) });
      const name = once({ keepMs: A_DAY_MS, keepStates: true, memo: 'Grüße\n"' });
      const parts = {
        puts: [put('new', {})],
        patches: [patch('a', increment)],
        deletes: [remove('d')],
        touches: [touch('t', null)],
      };
      const first = await tenant.commit(parts, name);
      await reopen();
      expect(await tenant.commit(parts, name)).toEqual({ ...first, replayed: true });
      expect(await opened.engine.findOutcome(tenant.name, name.key, name.fingerprint)).toEqual({
        ...first,
        replayed: true,
      });
      await expect(tenant.commit(parts, { ...name, fingerprint: 'another' })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_MISMATCH',
      });
      expect(await tenant.state('a')).toEqual({ count: 1 });
    });

    it('forgets an outcome whose time ended meanwhile', async () => {
      await tenant.put('a', {}, { ttl: null });
      const name = once({ keepMs: A_DAY_MS });
      await tenant.commit({ patches: [patch('a', increment)] }, name);
      await reopen();
      opened.clock.advance(A_DAY_MS);
      expect((await tenant.commit({ patches: [patch('a', increment)] }, name)).replayed).toBe(false);
    });

    it('does not bring back what was deleted', async () => {
      await tenant.put('a', { status: 'x' });
      await tenant.put('a', { status: 'y' });
      await tenant.delete('a');
      await reopen();
      expect(await tenant.find('a')).toBeUndefined();
      expect(await tenant.count()).toBe(0);
      expect(await tenant.put('a', {})).toMatchObject({ version: 1, created: true });
      expect(await tenant.versions('a')).toHaveLength(1);
    });

    it('does not bring the history of a former life back', async () => {
      for (let n = 1; n <= 5; n++) await tenant.put('a', { life: 1, n });
      await tenant.delete('a');
      await tenant.put('a', { life: 2, n: 1 });
      await tenant.put('a', { life: 2, n: 2 });
      await reopen();
      expect((await tenant.versions('a')).map(({ state }) => state)).toEqual(['{"life":2,"n":2}', '{"life":2,"n":1}']);
    });

    it('does not bring back what expired, before or while it was away', async () => {
      await tenant.put('before', {}, { ttl: 10 });
      await tenant.put('while', { status: 'x' }, { ttl: 20 });
      await tenant.put('stays', { status: 'x' }, { ttl: 30 });
      opened.clock.advance(10);
      const reopened = reopen();
      opened.clock.advance(10);
      await reopened;
      expect(await tenant.ids()).toEqual(['stays']);
      expect(await tenant.count({ fields: { status: 'x' } })).toBe(1);
      opened.clock.advance(10);
      expect(await tenant.find('stays')).toBeUndefined();
    });

    it('does not bring back what was swept', async () => {
      await tenant.put('a', {}, { ttl: 10 });
      await tenant.put('a', {}, { ttl: 10 });
      opened.clock.advance(10);
      await opened.engine.sweep();
      await reopen();
      expect(await tenant.find('a')).toBeUndefined();
      expect(await tenant.put('a', {})).toMatchObject({ version: 1 });
      expect(await tenant.versions('a')).toHaveLength(1);
    });

    it('leaves nothing of refused commits', async () => {
      await tenant.put('a', { n: 1 });
      const before = await dump(opened.engine, tenant.name);
      await expect(tenant.commit({ puts: [put('b', {}), put('a', {}, { expect: { version: 9 } })] })).rejects.toThrow();
      await reopen();
      expect(await dump(opened.engine, tenant.name)).toEqual(before);
    });

    it('keeps everything that was answered, when many write at once until the end', async () => {
      await tenant.put('hot', {});
      const landed = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          i % 2 === 0 ? tenant.put(`w-${i}`, { i }) : tenant.patch('hot', increment),
        ),
      );
      expect(landed).toHaveLength(200);
      await reopen();
      expect(await tenant.count()).toBe(101);
      expect(await tenant.state('hot')).toEqual({ count: 100 });
      expect((await tenant.get('hot')).version).toBe(101);
    });

    it('can come again and again', async () => {
      await tenant.put('a', {});
      for (let i = 1; i <= 5; i++) {
        await reopen();
        expect((await tenant.patch('a', increment)).state).toBe(`{"count":${i}}`);
      }
      expect(await tenant.versions('a')).toHaveLength(6);
    });
  });
}
