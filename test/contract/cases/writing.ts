import { describe, expect, it } from '@jest/globals';
import { patch, put, remove, touch } from '../../support/parts.js';
import { merge } from '../../support/edits.js';
import { metaOf } from '../../support/tenant.js';
import type { Fixture } from '../engine-under-test.js';

const numbered = (kind: string): string[] => Array.from({ length: 50 }, (_, i) => `${kind}-${i}`);

export function describeWriting(fixture: Fixture): void {
  describe('writing', () => {
    it('creates a workflow as version 1 with the incarnation its writer chose', async () => {
      const tenant = fixture.tenant();
      const now = fixture.clock.ms;
      const created = await tenant.put('a', { n: 1 }, { incarnation: 'chosen-by-me', ttl: 5000 });
      const meta = {
        id: 'a',
        incarnation: 'chosen-by-me',
        version: 1,
        check: created.check,
        createdAtMs: now,
        updatedAtMs: now,
        deadlineMs: now + 5000,
      };
      expect({ ...metaOf(created), created: created.created }).toEqual({ ...meta, created: true });
      const found = await tenant.get('a');
      expect({ ...metaOf(found), state: found.state }).toEqual({ ...meta, state: '{"n":1}' });
    });

    it('replaces a workflow: version by exactly 1, same incarnation and creation time, new update time', async () => {
      const tenant = fixture.tenant();
      const first = await tenant.put('a', { n: 1 }, { incarnation: 'first-life' });
      fixture.clock.advance(25);
      const second = await tenant.put('a', { n: 2 }, { incarnation: 'not-used-now' });
      expect(second).toMatchObject({ incarnation: 'first-life', version: 2, created: false });
      expect(second.createdAtMs).toBe(first.createdAtMs);
      expect(second.updatedAtMs).toBe(first.updatedAtMs + 25);
      expect((await tenant.get('a')).state).toBe('{"n":2}');
    });

    it('counts every write, even one that changes nothing', async () => {
      const tenant = fixture.tenant();
      const versions: number[] = [];
      for (let i = 0; i < 10; i++) versions.push((await tenant.put('a', { same: true })).version);
      expect(versions).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });

    it('counts puts and patches with one counter', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      await tenant.patch('a', merge({ b: 1 }));
      await tenant.put('a', {});
      expect((await tenant.patch('a', merge({ c: 1 }))).version).toBe(4);
    });

    it('finds nothing under an id that was never used', async () => {
      expect(await fixture.tenant().find('never')).toBeUndefined();
    });

    it('answers findMany in the order asked, with gaps and repetitions', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { is: 'a' });
      await tenant.put('b', { is: 'b' });
      const found = await fixture.engine.findMany(tenant.name, ['b', 'none', 'a', 'b']);
      expect(found.map((record) => record?.id)).toEqual(['b', undefined, 'a', 'b']);
      expect(found[2]?.state).toBe('{"is":"a"}');
      expect(await fixture.engine.findMany(tenant.name, [])).toEqual([]);
    });

    it('answers findMany for a hundred ids', async () => {
      const tenant = fixture.tenant();
      const ids = Array.from({ length: 100 }, (_, i) => `w-${i}`);
      await tenant.commit({ puts: ids.slice(0, 50).map((id) => put(id, { id })) });
      await tenant.commit({ puts: ids.slice(50).map((id) => put(id, { id })) });
      const found = await fixture.engine.findMany(tenant.name, ids.toReversed());
      expect(found.map((record) => record?.state)).toEqual(ids.toReversed().map((id) => JSON.stringify({ id })));
    });

    it('gives the same record from find, findMany and list', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { n: 1 });
      fixture.clock.advance(3);
      await tenant.put('a', { n: 2 });
      const found = await tenant.get('a');
      const [among] = await fixture.engine.findMany(tenant.name, ['a']);
      const [listed] = (await tenant.list({ includeState: true })).items;
      const plain = { ...metaOf(found), state: found.state };
      expect(among && { ...metaOf(among), state: among.state }).toEqual(plain);
      expect(listed && { ...metaOf(listed), state: listed.state }).toEqual(plain);
    });

    it('writes ids with every character an id may have', async () => {
      const tenant = fixture.tenant();
      const ids = ['a.b', 'a_b', 'a:b', 'a-b', 'a@b', 'a~b', 'a+b', 'A', '0', '~', 'x'.repeat(200)];
      for (const id of ids) await tenant.put(id, { id });
      for (const id of ids) expect(await tenant.state(id)).toEqual({ id });
      expect((await tenant.ids()).sort()).toEqual(ids.toSorted());
    });

    it('writes all parts of a commit in one step and answers puts, patches, touches in the order of the commit', async () => {
      const tenant = fixture.tenant();
      for (const id of ['old', 'edited', 'gone', 'touched']) await tenant.put(id, { id });
      const now = fixture.clock.ms;
      const { workflows, replayed } = await tenant.commit({
        touches: [touch('touched', 1234)],
        deletes: [remove('gone')],
        patches: [patch('edited', merge({ more: true }))],
        puts: [put('new', { id: 'new' }), put('old', { id: 'older' })],
      });
      expect(replayed).toBe(false);
      expect(workflows.map(({ id, version, created }) => [id, version, created])).toEqual([
        ['new', 1, true],
        ['old', 2, false],
        ['edited', 2, false],
        ['touched', 1, false],
      ]);
      expect(workflows[3]?.deadlineMs).toBe(now + 1234);
      expect(await tenant.find('gone')).toBeUndefined();
      expect(await tenant.state('edited')).toEqual({ id: 'edited', more: true });
      expect(await tenant.state('old')).toEqual({ id: 'older' });
      expect(await tenant.state('new')).toEqual({ id: 'new' });
    });

    it('takes fifty of each part', async () => {
      const tenant = fixture.tenant();
      for (const kind of ['patch', 'delete', 'touch'])
        await tenant.commit({ puts: numbered(kind).map((id) => put(id, {})) });
      const { workflows } = await tenant.commit({
        puts: numbered('put').map((id) => put(id, { id })),
        patches: numbered('patch').map((id) => patch(id, merge({ id }))),
        deletes: numbered('delete').map((id) => remove(id)),
        touches: numbered('touch').map((id) => touch(id, null)),
      });
      expect(workflows.map(({ id }) => id)).toEqual([...numbered('put'), ...numbered('patch'), ...numbered('touch')]);
      expect(await tenant.count()).toBe(150);
      expect(await tenant.state('patch-49')).toEqual({ id: 'patch-49' });
      expect(await tenant.state('put-49')).toEqual({ id: 'put-49' });
    });
  });
}
