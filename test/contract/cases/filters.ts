import { describe, expect, it } from '@jest/globals';
import { SORT_KEYS, type Filter } from '../../../src/engine/engine.js';
import { merge } from '../../support/edits.js';
import type { TestTenant } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

const ODD_TEXTS: readonly (readonly [string, string])[] = [
  ['a line break', 'one\ntwo'],
  ['an equals sign', 'a=b=c'],
  ['a colon', 'by:status=x'],
  ['NUL', 'a\u0000b'],
  ['emptiness', ''],
  ['spaces', '  x  '],
  ['quotes and backslashes', '"\\" \\n'],
  ['braces and globs', '{x}*?[a-z]'],
  ['unicode', 'Grüße 日本 🚀'],
  ['what looks like another field', 'x,status=y'],
  ['256 characters', 'x'.repeat(256)],
  ['256 characters of more than a byte', '日'.repeat(256)],
];

const having = (tenant: TestTenant, fields: Readonly<Record<string, string>>): Promise<string[]> =>
  tenant.ids({ filter: { fields } });

export function describeFilters(fixture: Fixture): void {
  const filled = async () => {
    const tenant = fixture.tenant();
    const from = fixture.clock.ms;
    for (let i = 0; i < 30; i++) {
      const state = {
        status: i % 2 === 0 ? 'even' : 'odd',
        case_id: i % 3,
        user_id: i % 5 === 0 ? null : `u${i % 5}`,
      };
      await tenant.put(`${i % 4 === 0 ? 'four' : 'other'}-${i}`, state, { ttl: i % 7 === 0 ? 40 : null });
      fixture.clock.advance(1);
    }
    for (let i = 1; i < 30; i += 6) await tenant.patch(`other-${i}`, merge({ status: 'even' })).catch(() => undefined);
    return { tenant, from };
  };

  describe('filters by field', () => {
    it('find by one', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'open' });
      await tenant.put('b', { status: 'closed' });
      await tenant.put('c', { status: 'open' });
      expect(await having(tenant, { status: 'open' })).toEqual(['a', 'c']);
      expect(await tenant.count({ fields: { status: 'open' } })).toBe(2);
    });

    it('find by several, all of which must hold', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'open', user_id: 'u1', case_id: 7 });
      await tenant.put('b', { status: 'open', user_id: 'u2', case_id: 7 });
      await tenant.put('c', { status: 'closed', user_id: 'u1', case_id: 7 });
      expect(await having(tenant, { status: 'open', user_id: 'u1' })).toEqual(['a']);
      expect(await having(tenant, { case_id: '7', status: 'open' })).toEqual(['a', 'b']);
      expect(await having(tenant, { case_id: '7', status: 'open', user_id: 'u3' })).toEqual([]);
      expect(await tenant.count({ fields: { case_id: '7', status: 'open', user_id: 'u2' } })).toBe(1);
    });

    it('find nothing under a value that nobody has', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'open' });
      for (const status of ['', 'ope', 'open ', 'OPEN', 'openn']) expect(await having(tenant, { status })).toEqual([]);
      expect(await having(tenant, { user_id: 'open' })).toEqual([]);
      expect(await tenant.count({ fields: { user_id: 'open' } })).toBe(0);
    });

    it.each(ODD_TEXTS)('find a text with %s', async (_what, text) => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: text, case_id: 1 });
      await tenant.put('b', { status: `${text}.`, case_id: 1 });
      expect(await having(tenant, { status: text })).toEqual(['a']);
      expect(await having(tenant, { status: text, case_id: '1' })).toEqual(['a']);
      expect(await tenant.count({ fields: { status: text } })).toBe(1);
      await tenant.put('a', { status: 'plain' });
      expect(await having(tenant, { status: text })).toEqual([]);
    });

    it('find numbers and booleans by their text', async () => {
      const tenant = fixture.tenant();
      await tenant.putText('int', '{"case_id":42}');
      await tenant.putText('decimal', '{"case_id":4.20}');
      await tenant.putText('exponent', '{"case_id":42e0}');
      await tenant.putText('negative', '{"case_id":-1}');
      await tenant.putText('true', '{"case_id":true}');
      await tenant.putText('text', '{"case_id":"true"}');
      expect(await having(tenant, { case_id: '42' })).toEqual(['exponent', 'int']);
      expect(await having(tenant, { case_id: '4.2' })).toEqual(['decimal']);
      expect(await having(tenant, { case_id: '-1' })).toEqual(['negative']);
      expect(await having(tenant, { case_id: 'true' })).toEqual(['text', 'true']);
    });

    it('do not know texts of more than 256 characters, null, lists and objects', async () => {
      const tenant = fixture.tenant();
      await tenant.put('long', { status: 'x'.repeat(257) });
      await tenant.put('null', { status: null });
      await tenant.put('list', { status: ['x'] });
      await tenant.put('object', { status: { x: 1 } });
      for (const status of ['x'.repeat(257), 'x'.repeat(256), 'null', '', '["x"]', 'x', '{"x":1}'])
        expect(await having(tenant, { status })).toEqual([]);
      expect(await tenant.count()).toBe(4);
    });

    it('do not mix up fields and values that look alike when joined', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'case_id=1' });
      await tenant.put('b', { case_id: '1' });
      await tenant.put('c', { status: '1' });
      expect(await having(tenant, { case_id: '1' })).toEqual(['b']);
      expect(await having(tenant, { status: '1' })).toEqual(['c']);
      expect(await having(tenant, { status: 'case_id=1' })).toEqual(['a']);
    });

    it('follow changes by puts and patches, to other values and to none', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'one', user_id: 'u' });
      await tenant.put('a', { status: 'two', user_id: 'u' });
      expect(await having(tenant, { status: 'one' })).toEqual([]);
      expect(await having(tenant, { status: 'two', user_id: 'u' })).toEqual(['a']);
      await tenant.patch('a', merge({ status: null }));
      expect(await having(tenant, { status: 'two' })).toEqual([]);
      expect(await having(tenant, { user_id: 'u' })).toEqual(['a']);
      await tenant.put('a', {});
      expect(await having(tenant, { user_id: 'u' })).toEqual([]);
      await tenant.put('a', { status: 'one' });
      expect(await having(tenant, { status: 'one' })).toEqual(['a']);
    });

    it('keep each order in step with the workflow', async () => {
      const tenant = fixture.tenant();
      for (const id of ['a', 'b', 'c']) {
        await tenant.put(id, { status: 'x' });
        fixture.clock.advance(1);
      }
      await tenant.put('a', { status: 'x' });
      const filter = { fields: { status: 'x' } };
      expect(await tenant.ids({ filter, sort: 'updatedAt' })).toEqual(['b', 'c', 'a']);
      expect(await tenant.ids({ filter, sort: '-updatedAt' })).toEqual(['a', 'c', 'b']);
      expect(await tenant.ids({ filter, sort: 'createdAt' })).toEqual(['a', 'b', 'c']);
      expect(await tenant.ids({ filter, sort: '-createdAt' })).toEqual(['c', 'b', 'a']);
    });

    it('forget a workflow that was deleted and created again without the value', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'x' });
      await tenant.delete('a');
      await tenant.put('a', {});
      expect(await having(tenant, { status: 'x' })).toEqual([]);
      expect(await tenant.count({ fields: { status: 'x' } })).toBe(0);
      expect(await tenant.ids()).toEqual(['a']);
    });

    it('take a new creation time for a new life with the same value', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'x' });
      fixture.clock.advance(1);
      await tenant.put('b', { status: 'x' });
      await tenant.delete('a');
      fixture.clock.advance(1);
      await tenant.put('a', { status: 'x' });
      expect(await tenant.ids({ filter: { fields: { status: 'x' } }, sort: 'createdAt' })).toEqual(['b', 'a']);
    });

    it('take a new creation time for a life after expiry as well', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'x' }, { ttl: 5 });
      fixture.clock.advance(1);
      await tenant.put('b', { status: 'x' });
      fixture.clock.advance(4);
      await tenant.put('a', { status: 'x' });
      expect(await tenant.ids({ filter: { fields: { status: 'x' } }, sort: 'createdAt' })).toEqual(['b', 'a']);
      expect(await tenant.count({ fields: { status: 'x' } })).toBe(2);
    });
  });

  describe('filters by id', () => {
    it('find what begins with a prefix, an id of that very name included', async () => {
      const tenant = fixture.tenant();
      for (const id of ['case', 'case-1', 'case-10', 'case-2', 'cas', 'Case', 'casf', 'case~', 'd'])
        await tenant.put(id, {});
      expect(await tenant.ids({ filter: { idPrefix: 'case' } })).toEqual([
        'case',
        'case-1',
        'case-10',
        'case-2',
        'case~',
      ]);
      expect(await tenant.ids({ filter: { idPrefix: 'case-1' } })).toEqual(['case-1', 'case-10']);
      expect(await tenant.ids({ filter: { idPrefix: 'case~' } })).toEqual(['case~']);
      expect(await tenant.ids({ filter: { idPrefix: 'x' } })).toEqual([]);
      expect(await tenant.count({ idPrefix: 'case' })).toBe(5);
      expect(await tenant.count({ idPrefix: '~' })).toBe(0);
    });

    it('hold together with fields', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a-1', { status: 'x' });
      await tenant.put('a-2', { status: 'y' });
      await tenant.put('b-1', { status: 'x' });
      const filter = { idPrefix: 'a', fields: { status: 'x' } };
      expect(await tenant.ids({ filter })).toEqual(['a-1']);
      expect(await tenant.count(filter)).toBe(1);
    });
  });

  describe('filters by time', () => {
    it('have exclusive bounds', async () => {
      const tenant = fixture.tenant();
      const start = fixture.clock.ms;
      for (const id of ['t0', 't1', 't2', 't3']) {
        await tenant.put(id, {});
        fixture.clock.advance(1);
      }
      expect(await tenant.ids({ filter: { updatedAfterMs: start + 1 } })).toEqual(['t2', 't3']);
      expect(await tenant.ids({ filter: { updatedBeforeMs: start + 2 } })).toEqual(['t0', 't1']);
      expect(await tenant.ids({ filter: { updatedAfterMs: start, updatedBeforeMs: start + 3 } })).toEqual(['t1', 't2']);
      expect(await tenant.ids({ filter: { updatedAfterMs: start + 1, updatedBeforeMs: start + 2 } })).toEqual([]);
      expect(await tenant.count({ updatedAfterMs: start, updatedBeforeMs: start + 3 })).toBe(2);
    });

    it('go by the update time in listings by creation time too', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      await tenant.put('b', {});
      fixture.clock.advance(10);
      const middle = fixture.clock.ms - 5;
      await tenant.put('a', {});
      for (const sort of SORT_KEYS) {
        expect(await tenant.ids({ sort, filter: { updatedAfterMs: middle } })).toEqual(['a']);
        expect(await tenant.ids({ sort, filter: { updatedBeforeMs: middle } })).toEqual(['b']);
      }
    });

    it('show a page by page walk each exactly once', async () => {
      const tenant = fixture.tenant();
      const start = fixture.clock.ms;
      for (let i = 0; i < 20; i++) {
        await tenant.put(`t-${i}`, {});
        fixture.clock.advance(1);
      }
      const filter = { updatedAfterMs: start + 2, updatedBeforeMs: start + 15 };
      for (const sort of SORT_KEYS) {
        const ids = await tenant.ids({ sort, filter, limit: 5 });
        expect(ids.toSorted()).toEqual(Array.from({ length: 12 }, (_, i) => `t-${i + 3}`).sort());
      }
    });
  });

  describe('counts', () => {
    const FILTERS: readonly (readonly [string, (from: number) => Filter])[] = [
      ['everything', () => ({})],
      ['one field', () => ({ fields: { status: 'even' } })],
      ['a value nobody has', () => ({ fields: { status: 'neither' } })],
      ['two fields', () => ({ fields: { status: 'even', case_id: '0' } })],
      ['three fields', () => ({ fields: { status: 'odd', case_id: '1', user_id: 'u2' } })],
      ['a prefix', () => ({ idPrefix: 'four' })],
      ['a prefix nobody has', () => ({ idPrefix: 'fives' })],
      ['a prefix and a field', () => ({ idPrefix: 'other', fields: { status: 'odd' } })],
      ['after a time', (from) => ({ updatedAfterMs: from + 11 })],
      ['before a time', (from) => ({ updatedBeforeMs: from + 11 })],
      ['between times', (from) => ({ updatedAfterMs: from + 4, updatedBeforeMs: from + 22 })],
      [
        'everything at once',
        (from) => ({ idPrefix: 'o', fields: { status: 'even' }, updatedAfterMs: from + 3, updatedBeforeMs: from + 40 }),
      ],
    ];

    it.each(FILTERS)('equal what is listed, before and after expiry and its sweep: %s', async (_what, filterFrom) => {
      const { tenant, from } = await filled();
      const filter = filterFrom(from);
      const same = async () => {
        const lists = await Promise.all(SORT_KEYS.map((sort) => tenant.ids({ filter, sort, limit: 4 })));
        for (const ids of lists) expect(ids.toSorted()).toEqual(lists[0]?.toSorted());
        expect(await tenant.count(filter)).toBe(lists[0]?.length);
        return lists[0]?.length ?? 0;
      };
      const before = await same();
      fixture.clock.advance(40);
      const after = await same();
      expect(after).toBeLessThanOrEqual(before);
      await fixture.engine.sweep();
      expect(await same()).toBe(after);
    });
  });
}
