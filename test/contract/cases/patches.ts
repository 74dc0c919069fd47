import { describe, expect, it } from '@jest/globals';
import { StateTooLargeError, WorkflowNotFoundError } from '../../../src/engine/errors.js';
import { PatchTestFailedError } from '../../../src/json/json-patch.js';
import { patch, put } from '../../support/parts.js';
import { append, failing, increment, jsonPatch, merge, replaceBy, stamp } from '../../support/edits.js';
import { refusalOf } from '../../support/refusal.js';
import type { Fixture } from '../engine-under-test.js';

export function describePatches(fixture: Fixture): void {
  describe('patches', () => {
    it('answer the state they produced', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { keep: 1, drop: 2 });
      const patched = await tenant.patch('a', merge({ drop: null, add: [3] }));
      expect(patched).toMatchObject({ version: 2, created: false, state: '{"keep":1,"add":[3]}' });
      expect((await tenant.get('a')).state).toBe(patched.state);
    });

    it('build on each other', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      await tenant.patch('a', append('logs', 'one'));
      await tenant.patch('a', jsonPatch([{ op: 'add', path: '/logs/0', value: 'zero' }]));
      await tenant.patch('a', append('logs', 'two'));
      expect(await tenant.state('a')).toEqual({ logs: ['zero', 'one', 'two'] });
    });

    it('build on the text that is stored: what was removed before is new, and goes last', async () => {
      const tenant = fixture.tenant();
      await tenant.putText('a', '{"first":1,"second":2}');
      expect((await tenant.patch('a', merge({ first: null, third: 3 }))).state).toBe('{"second":2,"third":3}');
      expect((await tenant.patch('a', merge({ first: 4 }))).state).toBe('{"second":2,"third":3,"first":4}');
    });

    it('build on puts of others in between', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { count: 1 });
      await tenant.patch('a', increment);
      await tenant.put('a', { count: 10 });
      await tenant.patch('a', increment);
      await tenant.delete('a');
      await tenant.put('a', { count: 100 });
      expect((await tenant.patch('a', increment)).state).toBe('{"count":101}');
    });

    it('are given the time of the commit', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      fixture.clock.advance(1234);
      await tenant.patch('a', stamp);
      expect(await tenant.state('a')).toEqual({ at: new Date(fixture.clock.ms).toISOString() });
    });

    it('need their workflow', async () => {
      const error = await refusalOf(fixture.tenant().patch('nowhere', increment));
      expect(error).toBeInstanceOf(WorkflowNotFoundError);
      expect(error).toMatchObject({ id: 'nowhere', code: 'WORKFLOW_NOT_FOUND', failed: { part: 'patches', index: 0 } });
    });

    it('whose edit throws are refused with that very error', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { n: 1 });
      const failure = new TypeError('not this way');
      expect(await refusalOf(tenant.patch('a', failing(failure)))).toBe(failure);
      expect(await tenant.get('a')).toMatchObject({ version: 1, state: '{"n":1}' });
    });

    it('of which one operation fails leave everything as it was', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { n: 1 });
      const half = jsonPatch([
        { op: 'replace', path: '/n', value: 2 },
        { op: 'test', path: '/n', value: 3 },
      ]);
      expect(await refusalOf(tenant.patch('a', half))).toBeInstanceOf(PatchTestFailedError);
      expect(await tenant.get('a')).toMatchObject({ version: 1, state: '{"n":1}' });
    });

    it('that would make the state too large are refused', async () => {
      await fixture.withEngine({ options: { maxStateBytes: 100 } }, async (tenant) => {
        await tenant.put('a', { logs: [] });
        const grow = append('logs', 'ü'.repeat(20));
        await tenant.patch('a', grow);
        const error = await refusalOf(tenant.patch('a', append('logs', 'ü'.repeat(40))));
        expect(error).toBeInstanceOf(StateTooLargeError);
        expect(error).toMatchObject({ code: 'STATE_TOO_LARGE', extensions: { limit: 100, actual: 136 } });
        expect((await tenant.get('a')).version).toBe(2);
      });
    });

    it('that fill the state to the last byte are accepted', async () => {
      await fixture.withEngine({ options: { maxStateBytes: 100 } }, async (tenant) => {
        await tenant.put('a', {});
        await tenant.patch('a', replaceBy(JSON.stringify('ü'.repeat(49))));
        expect(await refusalOf(tenant.patch('a', replaceBy(JSON.stringify(`${'ü'.repeat(49)}x`))))).toMatchObject({
          extensions: { limit: 100, actual: 101 },
        });
      });
    });

    it('that would make the state too deep are refused', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      const error = await refusalOf(tenant.patch('a', replaceBy(`${'['.repeat(101)}${']'.repeat(101)}`)));
      expect(error).toMatchObject({
        code: 'JSON_REFUSED',
        message: 'The state would have 101 levels; at most 100 are possible',
      });
      expect((await tenant.get('a')).version).toBe(1);
    });

    it('that would give the state too many names are refused', async () => {
      const tenant = fixture.tenant();
      const names = (first: number, count: number) =>
        Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${first + i}`, 0]));
      await tenant.put('a', { in: names(0, 30_000) });
      expect((await tenant.patch('a', merge({ in: names(30_000, 19_999) }))).version).toBe(2);
      const error = await refusalOf(tenant.patch('a', merge({ one: [{ more: 1 }] })));
      expect(error).toMatchObject({
        code: 'JSON_REFUSED',
        message: 'The state would have 50002 names of members; at most 50000 are possible',
      });
      expect((await tenant.get('a')).version).toBe(2);
    });

    it('move the workflow in the index', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', { status: 'open' });
      await tenant.patch('a', merge({ status: 'closed' }));
      expect(await tenant.ids({ filter: { fields: { status: 'open' } } })).toEqual([]);
      expect(await tenant.ids({ filter: { fields: { status: 'closed' } } })).toEqual(['a']);
    });

    it('in one commit with puts of other workflows land together', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      const { workflows } = await tenant.commit({ puts: [put('b', {})], patches: [patch('a', increment)] });
      expect(workflows).toMatchObject([
        { id: 'b', version: 1 },
        { id: 'a', version: 2, state: '{"count":1}' },
      ]);
    });

    it('of one commit apply to the newest states, also when those change while the patches are applied', async () => {
      const tenant = fixture.tenant();
      const text = 'x'.repeat(300_000);
      for (const id of ['a', 'b', 'c']) await tenant.put(id, { text, count: 0 });
      const together = tenant.commit({ patches: ['a', 'b', 'c'].map((id) => patch(id, increment)) });
      const others = ['c', 'b', 'a', 'c'].map((id) => tenant.patch(id, increment));
      await Promise.all([together, ...others]);
      const counts = await Promise.all(['a', 'b', 'c'].map(async (id) => (await tenant.state(id)) as object));
      expect(counts.map((state) => (state as { count: number }).count)).toEqual([2, 2, 3]);
    });

    it('of one commit that would write more than a commit may are refused, and name the first that does not fit', async () => {
      const tenant = fixture.tenant();
      const ids = ['a', 'b', 'c', 'd', 'e'];
      for (const id of ids) await tenant.put(id, { text: 'ü'.repeat(450_000), count: 0 });
      const limit = 4 * 1024 * 1024;
      const error = await refusalOf(tenant.commit({ patches: ids.map((id) => patch(id, increment)) }));
      expect(error).toMatchObject({
        code: 'COMMIT_TOO_LARGE',
        failed: { part: 'patches', index: 4 },
        extensions: { limit },
      });
      expect((await Promise.all(ids.map((id) => tenant.get(id)))).map(({ version }) => version)).toEqual([
        1, 1, 1, 1, 1,
      ]);
      const { workflows } = await tenant.commit({ patches: ids.slice(0, 4).map((id) => patch(id, increment)) });
      expect(workflows.map(({ version }) => version)).toEqual([2, 2, 2, 2]);
    });

    it('leave a put without a state in its answer', async () => {
      const tenant = fixture.tenant();
      await tenant.put('a', {});
      const { workflows } = await tenant.commit({ puts: [put('b', {})], patches: [patch('a', increment)] });
      expect(workflows.map((workflow) => workflow.state)).toEqual([undefined, '{"count":1}']);
    });
  });
}
