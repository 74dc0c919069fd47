import { describe, expect, it } from '@jest/globals';
import { OPERATIONS } from '../support/operations.js';
import { describeService, WORKFLOWS } from '../support/describe-service.js';

describeService(
  'document operations and history',
  (service) => {
    const at = (id: string, rest = '') => `${WORKFLOWS}/${id}${rest}`;

    describe('document operations', () => {
      it('set the status, only from where it may come', async () => {
        const id = service.id();
        await service.put(at(id), { state: { status: 'generating' } });
        const moved = await service.put(at(id, '/status'), {
          status: 'failed',
          error_message: 'timeout',
          from: ['generating'],
        });
        expect(moved.json.state).toEqual({ status: 'failed', error_message: 'timeout' });
        const refused = await service.put(at(id, '/status'), { status: 'done', from: ['generating', 'review'] });
        expect([refused.status, refused.json.code, refused.json.current]).toEqual([409, 'STATUS_CONFLICT', 'failed']);
        const wrong = await service.put(at(id, '/status'), { status: 7, more: 1 });
        expect(wrong.json.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(['/more', '/status']);
      });

      it('merge into the section that is meant, by id or section_id', async () => {
        const id = service.id();
        await service.put(at(id), {
          state: { sections: [{ id: 'intro' }, { section_id: 'law', text: 'old' }, { id: 3 }] },
        });
        const merged = await service.patch(at(id, '/sections/law'), 'merge', { text: 'new', extra: { a: 1 } });
        expect(merged.json.state.sections[1]).toEqual({
          section_id: 'law',
          text: 'new',
          extra: { a: 1 },
          updated_at: expect.stringMatching(/Z$/),
        });
        const third = await service.call('PATCH', at(id, '/sections/3'), { json: { done: true } });
        expect(third.json.state.sections[2]).toMatchObject({ id: 3, done: true });
        const refused = await service.patch(at(id, '/sections/none'), 'merge', {});
        expect([refused.status, refused.json.code]).toEqual([404, 'SECTION_NOT_FOUND']);
      });

      it('append logs, of which the newest 100 stay, and stamp those without a time', async () => {
        const id = service.id();
        await service.put(at(id), { state: { logs: Array.from({ length: 100 }, (_, n) => ({ n })) } });
        const appended = await service.post(at(id, '/logs'), { n: 100 });
        const { logs } = appended.json.state;
        expect([logs.length, logs[0].n, logs[99].n]).toEqual([100, 1, 100]);
        expect(Date.parse(logs[99].timestamp)).not.toBeNaN();
        const own = await service.post(at(id, '/logs'), { timestamp: 'mine' });
        expect(own.json.state.logs[99]).toEqual({ timestamp: 'mine' });
      });

      it('append exhibits to a list that need not be there yet', async () => {
        const id = service.id();
        await service.put(at(id), { state: {} });
        const appended = await service.post(at(id, '/exhibits'), { name: 'A' });
        expect(appended.json.state.exhibits).toEqual([{ name: 'A', uploaded_at: expect.stringMatching(/Z$/) }]);
      });

      it('refuse to make a state too deep or too wide', async () => {
        const id = service.id();
        const names = Object.fromEntries(Array.from({ length: 49_990 }, (_, i) => [`k${i}`, 0]));
        const deep = `${'['.repeat(99)}${']'.repeat(99)}`;
        const entry = `{"state":${deep}}`;
        expect((await service.put(at(id), { state: { sections: [{ id: 'one' }] } })).status).toBe(201);
        const tries: [string, string, string, string][] = [
          ['POST', '/logs', 'application/json', entry],
          ['POST', '/exhibits', 'application/json', entry],
          ['PATCH', '/sections/one', 'application/json', entry],
          ['PATCH', '/state', 'application/merge-patch+json', `{"a":{"b":${entry}}}`],
        ];
        for (const [method, path, type, body] of tries) {
          const refused = await service.call(method, at(id, path), { body, headers: { 'content-type': type } });
          expect([method, path, refused.status, refused.json.code]).toEqual([method, path, 422, 'JSON_REFUSED']);
        }
        expect((await service.patch(at(id, '/state'), 'merge', names)).status).toBe(200);
        const wide = await service.patch(at(id, '/state'), 'merge', {
          more: Object.fromEntries(Object.entries(names).slice(0, 100)),
        });
        expect([wide.status, wide.json.code]).toEqual([422, 'JSON_REFUSED']);
        expect((await service.get(at(id))).json.version).toBe(2);
      });

      it('refuse a state they do not fit, and a workflow that is not there', async () => {
        const id = service.id();
        await service.put(at(id), { state: { logs: 'text', sections: {} } });
        for (const answer of [
          await service.post(at(id, '/logs'), {}),
          await service.patch(at(id, '/sections/a'), 'merge', {}),
        ]) {
          expect([answer.status, answer.json.code]).toEqual([409, 'STATE_SHAPE_CONFLICT']);
        }
        await service.put(at(id), { state: [] });
        expect((await service.put(at(id, '/status'), { status: 'x' })).status).toBe(409);
        expect((await service.post(at(id, '/logs'), [])).status).toBe(422);
        const missing = service.id();
        expect((await service.put(at(missing, '/status'), { status: 'x' })).status).toBe(404);
        expect((await service.post(at(missing, '/exhibits'), {})).status).toBe(404);
      });
    });

    describe('history', () => {
      it('tells who wrote what and why, newest first', async () => {
        const id = service.id();
        const note = Buffer.from('weil – 完了', 'utf8').toString('latin1');
        await service.put(at(id), { state: { status: 'a' } }, { headers: { 'x-waymark-note': note } });
        await service.put(at(id, '/status'), { status: 'b' });
        await service.patch(at(id, '/state'), 'merge', { x: 1 });
        const { items, nextBefore } = (await service.get(at(id, '/versions'))).json;
        expect(items.map(({ version, cause, changed }: Record<string, unknown>) => [version, cause, changed])).toEqual([
          [3, 'patch', ['/x']],
          [2, 'status', ['/status']],
          [1, 'put', null],
        ]);
        expect([items[2].note, items[0].by, items[2].bytes, nextBefore]).toEqual([
          'weil – 完了',
          'anonymous',
          14,
          null,
        ]);
        expect(items[0]).not.toHaveProperty('state');
        const page = (await service.get(at(id, '/versions?limit=1&before=3&include=state'))).json;
        expect(page).toMatchObject({ items: [{ version: 2, state: { status: 'b' } }], nextBefore: 2 });
        expect(
          (await service.put(at(id), { state: 1 }, { headers: { 'x-waymark-note': 'n'.repeat(201) } })).status,
        ).toBe(400);
      });

      it('is read from the oldest version on, page by page', async () => {
        const id = service.id();
        for (let n = 1; n <= 5; n++) await service.put(at(id), { state: n });
        const page = async (query: string) => {
          const { items, ...next } = (await service.get(at(id, `/versions?order=asc&limit=2&include=state${query}`)))
            .json;
          return [items.map(({ state }: { state: number }) => state), next];
        };
        expect(await page('')).toEqual([[1, 2], { nextBefore: null, nextAfter: 2 }]);
        expect(await page('&after=2')).toEqual([[3, 4], { nextBefore: null, nextAfter: 4 }]);
        expect(await page('&after=4')).toEqual([[5], { nextBefore: null, nextAfter: null }]);
        expect(await page('&after=1&before=3')).toEqual([[2], { nextBefore: null, nextAfter: null }]);
        const newest = (await service.get(at(id, '/versions?limit=1&after=3'))).json;
        expect(newest).toMatchObject({ items: [{ version: 5 }], nextBefore: 5, nextAfter: null });
        const refused = await service.get(at(id, '/versions?order=up&after=-1'));
        expect([refused.status, refused.json.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
          422,
          ['/order', '/after'],
        ]);
      });

      it('keeps as many versions as it may, and says of others what became of them', async () => {
        const id = service.id();
        for (let n = 1; n <= 7; n++) await service.put(at(id), { state: n });
        expect((await service.get(at(id, '/versions/3'))).json).toMatchObject({ version: 3, state: 3 });
        const pruned = await service.get(at(id, '/versions/1'));
        expect([pruned.status, pruned.json.code, pruned.json.oldest]).toEqual([410, 'VERSION_PRUNED', 2]);
        expect((await service.get(at(id, '/versions/8'))).json.code).toBe('VERSION_NOT_FOUND');
        expect((await service.get(at(id, '/versions/x'))).status).toBe(404);
        expect((await service.get(at(service.id(), '/versions/1'))).json.code).toBe('WORKFLOW_NOT_FOUND');
        expect((await service.get(at(id, '/versions/1/diff/7'))).status).toBe(410);
      });

      it('says how to get from one version to another', async () => {
        const id = service.id();
        await service.put(at(id), { state: { items: [{ id: 1 }, { id: 2, a: 1 }] } });
        await service.put(at(id), { state: { items: [{ id: 2, a: 2 }, { id: 3 }] } });
        const { json } = await service.get(at(id, '/versions/1/diff/2'));
        expect(json).toMatchObject({ from: 1, to: 2, truncated: false });
        await service.post(at(id, '/restore'), { version: 1 });
        const patched = await service.patch(at(id, '/state'), 'json', json.patch);
        expect(patched.json.state).toEqual({ items: [{ id: 2, a: 2 }, { id: 3 }] });
      });

      it('brings an old state back as a new version', async () => {
        const id = service.id();
        await service.put(at(id), { state: 'old' });
        const { etag } = (await service.put(at(id), { state: 'new' })).json;
        const stale = await service.post(at(id, '/restore'), { version: 1 }, { headers: { 'if-match': '"other-1"' } });
        expect(stale.status).toBe(412);
        const restored = await service.post(at(id, '/restore'), { version: 1 }, { headers: { 'if-match': etag } });
        expect(restored.json).toMatchObject({ version: 3, state: 'old' });
        expect((await service.get(at(id, '/versions?limit=1'))).json.items[0].cause).toBe('restore');
        expect((await service.post(at(id, '/restore'), { version: 9 })).status).toBe(404);
        expect((await service.post(at(id, '/restore'), {})).status).toBe(422);
      });

      it('forks a new workflow from any version', async () => {
        const id = service.id();
        await service.put(at(id), { state: 'one' });
        await service.put(at(id), { state: 'two' });
        const fork = await service.post(at(id, '/fork'), { id: `${id}-fork`, version: 1 });
        expect([fork.status, fork.headers.get('location')]).toEqual([201, at(`${id}-fork`)]);
        expect(fork.json).toMatchObject({ id: `${id}-fork`, version: 1, state: 'one', forkedFrom: { id, version: 1 } });
        expect((await service.post(at(id, '/fork'), { id: `${id}-fork` })).status).toBe(409);
        expect((await service.call('POST', at(id, '/fork'))).json.state).toBe('two');
        expect((await service.post(at(service.id(), '/fork'), {})).status).toBe(404);
      });
    });

    it('answers as documented, on every route of its own', () => {
      expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.documents]));
      expect(Object.values(OPERATIONS).flat().sort()).toEqual(service.checker.operations.sort());
    });
  },
  { WORKFLOW_HISTORY_LIMIT: '5' },
);
