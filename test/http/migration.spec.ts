import { describe, expect, it } from '@jest/globals';
import { describeService, WORKFLOWS, type Answer, type Service } from '../support/describe-service.js';
import { keyringWith, newEncryptionKey } from '../support/keyrings.js';
import { openService } from '../support/open-service.js';
import { AS_OPERATOR, WITH_OPERATOR } from '../support/operator.js';
import { OPERATIONS } from '../support/operations.js';

const NDJSON = { 'content-type': 'application/x-ndjson' };

const KEY = newEncryptionKey();
const OLD_KEY = newEncryptionKey();

const linesOf = ({ text }: Answer) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, any>); // oxlint-disable-line typescript/no-explicit-any -- lines of every kind

const HEADER = { kind: 'header', format: 'waymark', version: 1 };

const importing = (service: Service, lines: readonly unknown[], query = '') =>
  service.call('POST', `/v1/import${query}`, {
    headers: NDJSON,
    body: lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''),
  });

/** A stream of some records, with its header and without an end. */
const importingSome = (service: Service, lines: readonly unknown[], query = '') =>
  importing(service, [HEADER, ...lines], query);

describeService(
  'Moving state',
  (service) => {
    it('exports everything with a header and counts at the end, and imports it again as it was', async () => {
      const [id, queue] = [service.id(), service.id()];
      const first = await service.put(`${WORKFLOWS}/${id}`, { state: { a: 'ä\n', b: [1.0, {}] }, ttlSeconds: 600 });
      await service.put(`${WORKFLOWS}/${id}`, { state: { a: 2 }, ttlSeconds: 600 });
      const created = await service.post(`/v1/queues/${queue}/tasks`, { payload: { x: 1 }, workflowId: id });
      const taskId = created.json.id as string;
      const lines = linesOf(await service.get('/v1/export'));
      expect(lines[0]).toMatchObject({ kind: 'header', format: 'waymark', version: 1, tenants: ['default'] });
      const count = (kind: string) => lines.filter((line) => line['kind'] === kind).length;
      expect(lines.at(-1)).toEqual({
        kind: 'end',
        queues: count('queue'),
        boards: count('board'),
        workflows: count('workflow'),
        tasks: count('task'),
        damaged: 0,
        next: null,
      });
      const workflow = lines.find((line) => line['kind'] === 'workflow' && line['id'] === id);
      expect(workflow).toMatchObject({ version: 2, state: '{"a":2}', history: [{ version: 1 }] });

      expect((await importing(service, lines)).json).toMatchObject({
        counts: { created: 0, updated: 0, same: lines.length - 2, conflict: 0 },
        isComplete: true,
        problems: [],
      });
      const etag = (await service.get(`${WORKFLOWS}/${id}`)).headers.get('etag') as string;
      await service.post(`/v1/tasks/${taskId}/cancel`, {});
      await service.call('DELETE', `${WORKFLOWS}/${id}`);
      const moved = lines.filter((line) => line['id'] === id);
      expect((await importingSome(service, moved)).json.counts).toMatchObject({ created: 1 });
      // The etag from before the export is still valid.
      const replaced = await service.put(`${WORKFLOWS}/${id}`, { state: 3 }, { headers: { 'if-match': etag } });
      expect(replaced.status).toBe(200);
      expect(first.json.etag.split('-')[0]).toBe(replaced.json.etag.split('-')[0]);
    });

    it('shows stamps and digests instead of records, some kinds, in pages, and what was written since', async () => {
      const ids = [service.id(), service.id(), service.id()].map((id) => `page-${id}`).toSorted();
      for (const id of ids) await service.put(`${WORKFLOWS}/${id}`, { state: { id } });
      const stamps = linesOf(await service.get('/v1/export?view=stamps&kinds=workflow'));
      expect(stamps.find((line) => line['id'] === ids[0])).toEqual({
        kind: 'workflow',
        tenant: 'default',
        id: ids[0],
        stamp: expect.any(String),
        bytes: expect.any(Number),
      });
      expect(linesOf(await service.get('/v1/export?view=digests')).find((line) => line['id'] === ids[0])).toMatchObject(
        {
          digest: expect.stringMatching(/^[\w-]{43}$/),
        },
      );
      const page = linesOf(await service.get(`/v1/export?tenant=default&kinds=workflow&limit=2&after=${ids[0]}`));
      expect(page.slice(1, 3).map((line) => line['id'])).toEqual(ids.slice(1));
      expect(
        linesOf(await service.get('/v1/export?tenant=default&kinds=workflow&limit=1')).at(-1)?.['next'],
      ).not.toBeNull();

      const { updatedAt } = (await service.get(`${WORKFLOWS}/${ids[2]}`)).json as { updatedAt: string };
      const since = new Date(Date.parse(updatedAt) - 1).toISOString();
      const later = linesOf(await service.get(`/v1/export?since=${since}&kinds=workflow&view=stamps`));
      expect(later.map((line) => line['id'])).toContain(ids[2]);
      const none = linesOf(await service.get('/v1/export?since=2999-01-01T00:00:00Z&kinds=workflow'));
      expect(none.map((line) => line['kind'])).toEqual(['header', 'end']);
    });

    it('gives some records by their ids, and null for what is not there', async () => {
      const id = service.id();
      await service.put(`${WORKFLOWS}/${id}`, { state: 1 });
      const { json } = await service.post('/v1/export', { kind: 'workflow', ids: [id, 'nobody'] });
      expect(json.items).toEqual([expect.objectContaining({ id, tenant: 'default', state: '1' }), null]);
      expect((await service.post('/v1/export', { kind: 'else', ids: [] })).status).toBe(422);
      expect((await service.post('/v1/export', { kind: 'task', ids: ['../x'] })).status).toBe(422);
    });

    it('tells which lines are wrong, and takes the others', async () => {
      const id = service.id();
      await service.put(`${WORKFLOWS}/${id}`, { state: { a: 1 } });
      const [record] = (await service.post('/v1/export', { kind: 'workflow', ids: [id] })).json.items as [object];
      const good = { ...record, id: `${id}-copy` };
      const bad = [
        'no JSON',
        '[1]',
        { ...record, kind: 'what' },
        { ...record, id: '..' },
        { ...record, state: '{"a":1,"a":2}' },
        { ...record, state: JSON.stringify('x'.repeat(1024 * 1024)) },
        { ...record, version: 0 },
        { ...record, incarnation: 'a b' },
        { ...record, deadlineMs: 'soon' },
        { ...record, createdAtMs: Number.MAX_SAFE_INTEGER },
        { ...record, version: Number.MAX_SAFE_INTEGER },
        { ...record, history: [{ version: 7 }] },
        { ...record, tenant: 'a b' },
        { kind: 'task', id: 't', status: 'ready' },
        { kind: 'header', format: 'waymark', version: 99 },
      ];
      const end = { kind: 'end', queues: 0, boards: 0, workflows: 1, tasks: 0, damaged: 0 };
      const { json } = await importingSome(service, [...bad, good, end], '?report=each');
      expect(json.problemCount).toBe(bad.length);
      expect(json.problems.map(({ line }: { line: number }) => line)).toEqual(bad.map((_, i) => i + 2));
      expect(json.isComplete).toBe(true);
      expect(json.counts.created).toBe(1);
      expect(json.outcomes.at(-1)).toBe('created');
      expect((await service.get(`${WORKFLOWS}/${id}-copy`)).json.state).toEqual({ a: 1 });
    });

    it('keeps what is there, tries out, and notices a stream that was cut', async () => {
      const id = service.id();
      await service.put(`${WORKFLOWS}/${id}`, { state: 'mine' });
      const [record] = (await service.post('/v1/export', { kind: 'workflow', ids: [id] })).json.items as [object];
      const other = { ...record, incarnation: 'another-life' };
      const failed = await importingSome(service, [other]);
      expect(failed.json).toMatchObject({ counts: { conflict: 1 }, problems: [{ line: 2 }, { line: 3 }] });
      expect((await importingSome(service, [other], '?onConflict=skip')).json).toMatchObject({
        counts: { kept: 1 },
        isComplete: false,
        problems: [{ line: 3, message: expect.stringContaining('no end line') }],
      });
      const fresh = { ...record, id: service.id() };
      expect((await importingSome(service, [fresh], '?dryRun=true')).json.counts.created).toBe(1);
      expect((await service.get(`${WORKFLOWS}/${fresh.id}`)).status).toBe(404);

      expect((await importingSome(service, [fresh])).json).toMatchObject({ isComplete: false, problemCount: 1 });
      const end = { kind: 'end', queues: 0, boards: 0, workflows: 2, tasks: 0 };
      const missing = await importingSome(service, [fresh, end]);
      expect(missing.json).toMatchObject({ isComplete: false, problemCount: 1 });
      expect(missing.json.problems[0].message).toContain('workflows');
    });

    it('imports nothing from a stream that is no export', async () => {
      const id = service.id();
      await service.put(`${WORKFLOWS}/${id}`, { state: 1 });
      const [record] = (await service.post('/v1/export', { kind: 'workflow', ids: [id] })).json.items as [object];
      const fresh = { ...record, id: service.id() };
      for (const lines of [
        [],
        ['', '  '],
        ['garbage', HEADER, fresh],
        ['\u0000\u0001', fresh],
        [fresh],
        [{ kind: 'end', queues: 0, boards: 0, workflows: 0, tasks: 0 }],
        [{ ...HEADER, format: 'other' }, fresh],
        [{ ...HEADER, version: 99 }, fresh],
        [{ ...HEADER, sealed: true }, fresh],
      ]) {
        const { status, json } = await importing(service, lines);
        expect([lines, status, json.code]).toEqual([lines, 422, 'IMPORT_HEADER_MISSING']);
      }
      expect((await service.get(`${WORKFLOWS}/${fresh.id}`)).status).toBe(404);
    });

    it('reports what the exporting store could not read', async () => {
      const damaged = { kind: 'damaged', tenant: 'default', of: 'workflow', id: 'lost', message: 'its key is taken' };
      const end = { kind: 'end', queues: 0, boards: 0, workflows: 0, tasks: 0, damaged: 1 };
      const { json } = await importingSome(service, [damaged, end]);
      expect(json).toMatchObject({ isComplete: true, damaged: 1, problemCount: 1, problems: [{ line: 2 }] });
      expect(json.problems[0].message).toContain('workflow lost: its key is taken');
      const lessThanCounted = await importingSome(service, [end]);
      expect(lessThanCounted.json).toMatchObject({ isComplete: false, problemCount: 1 });
      const odd = await importingSome(service, [
        { ...damaged, of: 'toString' },
        { ...end, damaged: 0 },
      ]);
      expect(odd.json).toMatchObject({ damaged: 0, problemCount: 1 });
    });

    it('seals keys and tenants on request, and takes them in again with the key or an old one', async () => {
      const name = `sealed-${service.id()}`;
      for (const one of [name, `${name}-2`]) expect((await service.put(`/v1/tenants/${one}`, {})).status).toBe(201);
      const exported = await service.get('/v1/export?access=sealed');
      const lines = linesOf(exported);
      const { kid } = keyringWith(KEY);
      expect(lines[0]).toMatchObject({ kind: 'header', sealed: { key: kid, export: expect.any(String) } });
      const sealed = lines.filter((line) => line['kind'] === 'sealed');
      expect(sealed.find((line) => line['id'] === `tenant:${name}`)).toMatchObject({
        tenant: '.access',
        of: 'workflow',
      });
      for (const line of sealed) expect(line['record']).toMatch(new RegExp(`^wmenc1\\.${kid}\\.`));
      const plain = lines.filter((line) => String(line['tenant']).startsWith('.') && line['kind'] !== 'sealed');
      expect(plain).toEqual([]);
      expect((await importing(service, lines)).json).toMatchObject({
        counts: { created: 0, updated: 0, same: lines.length - 2 },
        isComplete: true,
        problems: [],
      });

      const [first = {}, second = {}] = sealed;
      const swapped = await importingSome(service, [{ ...first, record: second['record'] }]);
      expect(swapped.json).toMatchObject({
        problems: [{ line: 2, message: expect.stringMatching(/^SEAL_BROKEN: /) }, { line: 3 }],
      });
      const other = keyringWith(newEncryptionKey());
      const foreign = { ...first, record: other.seal({ purpose: 'export', tenant: '', id: '', field: '' }, '{}') };
      for (const given of [[HEADER, foreign], [{ ...lines[0], sealed: { export: 'x', key: other.kid } }]]) {
        const refused = await importing(service, given);
        expect([refused.status, refused.json.code]).toEqual([503, 'SEAL_KEY_UNKNOWN']);
        expect(refused.json.detail).toContain(other.kid);
      }
      const old = keyringWith(OLD_KEY);
      const [tenant, id, of] = [first['tenant'], first['id'], first['of']] as [string, string, string];
      const place = { purpose: 'export', tenant, id: `${of} ${id}`, field: 'x 1' };
      const record = (await service.post('/v1/export', { tenant, kind: of, ids: [id] })).json.items[0] as object;
      const line = {
        kind: 'sealed',
        tenant,
        of,
        id,
        export: 'x',
        n: 1,
        record: old.seal(place, JSON.stringify(record)),
      };
      expect((await importingSome(service, [line])).json.counts).toMatchObject({ same: 1 });
      expect((await service.get('/v1/export?access=sealed&view=stamps')).status).toBe(422);
    });

    it('takes lines as lines only, and no keys it cannot honour', async () => {
      expect((await service.post('/v1/import', {})).status).toBe(415);
      const elsewhere = await service.call('POST', WORKFLOWS, { headers: NDJSON, body: '{}\n' });
      expect(elsewhere.status).toBe(415);
      const keyed = await service.call('POST', '/v1/import', {
        headers: { ...NDJSON, 'idempotency-key': 'k' },
        body: '',
      });
      expect(keyed.json.code).toBe('IDEMPOTENCY_NOT_SUPPORTED');
      expect((await service.get('/v1/export?limit=1')).status).toBe(422);
      expect((await service.get('/v1/export?kinds=what')).status).toBe(422);
      const endless = await service.call('POST', '/v1/import', { headers: NDJSON, body: 'x'.repeat(33 * 1024 * 1024) });
      expect(endless.status).toBe(413);
    });

    it('has the records of hidden tenants, unless they are left out', async () => {
      await service.put('/v1/tenants/moved', {});
      const made = await service.post('/v1/keys', { name: 'k' }, { headers: { 'waymark-tenant': 'moved' } });
      const { id, key: token } = made.json as Record<'id' | 'key', string>;
      const record = { kind: 'workflow', tenant: '.of:moved', id: `key:${id}` };
      const all = await service.get('/v1/export');
      expect(all.text).not.toContain(token);
      const lines = linesOf(all);
      expect(lines[0]?.['tenants']).toEqual(expect.arrayContaining(['.access', '.of:moved', 'default']));
      expect(lines).toContainEqual(expect.objectContaining(record));
      expect(linesOf(await service.get('/v1/export?tenant=.of:moved&view=stamps'))).toContainEqual(
        expect.objectContaining(record),
      );
      const some = await service.post('/v1/export', { tenant: '.of:moved', kind: 'workflow', ids: [`key:${id}`] });
      expect(some.json.items).toMatchObject([record]);

      const without = linesOf(await service.get('/v1/export?access=omit'));
      expect(without[0]?.['tenants'].filter((name: string) => name.startsWith('.'))).toEqual([]);
      expect(without.filter(({ tenant = '' }) => tenant.startsWith('.'))).toEqual([]);
      expect(linesOf(await service.get('/v1/export?access=omit&tenant=.of:moved'))).toHaveLength(2);
      expect((await service.get('/v1/export?access=what')).status).toBe(422);
      expect((await service.get('/v1/export?tenant=..access')).status).toBe(422);

      // An import brings a deleted key back, as it was.
      await service.call('DELETE', `/v1/keys/${id}`, { headers: { 'waymark-tenant': 'moved' } });
      const moved = lines.filter((line) => line['tenant'] === '.of:moved');
      const end = { kind: 'end', queues: 0, boards: 0, workflows: moved.length, tasks: 0 };
      const imported = await importingSome(service, [...moved, end]);
      expect(imported.json).toMatchObject({ counts: { created: 1 }, isComplete: true, problems: [] });
      expect((await service.get('/v1/whoami', { token })).json).toMatchObject({ tenant: 'moved', kind: 'key' });
    });

    it('is for operators', async () => {
      const admin = (await service.post('/v1/keys', { name: 'admin', role: 'admin' })).json.key as string;
      for (const [token, status, code] of [
        [null, 401, 'UNAUTHENTICATED'],
        ['wrong', 401, 'INVALID_CREDENTIAL'],
        [admin, 403, 'INSUFFICIENT_SCOPE'],
      ] as const) {
        const exported = await service.get('/v1/export', { token });
        expect([exported.status, exported.json.code]).toEqual([status, code]);
        const imported = await service.call('POST', '/v1/import', { token, headers: NDJSON, body: '' });
        expect([imported.status, imported.json.code]).toEqual([status, code]);
      }
      expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.migration]));
    });
  },
  { ...WITH_OPERATOR, TOKEN_ENCRYPTION_KEY: KEY, TOKEN_ENCRYPTION_OLD_KEYS: OLD_KEY },
);

describe('Moving state without TOKEN_ENCRYPTION_KEY', () => {
  it('refuses to seal, and to open', async () => {
    const service = await openService({ ...WITH_OPERATOR });
    try {
      const sealed = await service.call('GET', '/v1/export?access=sealed', undefined, AS_OPERATOR);
      expect([sealed.status, sealed.json.code]).toEqual([501, 'ENCRYPTION_UNAVAILABLE']);
      const header = { kind: 'header', format: 'waymark', version: 1, sealed: { export: 'x', key: 'abcdefgh' } };
      const opened = await service.call('POST', '/v1/import', header, { ...AS_OPERATOR, ...NDJSON });
      expect([opened.status, opened.json.code]).toEqual([501, 'ENCRYPTION_UNAVAILABLE']);
    } finally {
      await service.close();
    }
  });
});
