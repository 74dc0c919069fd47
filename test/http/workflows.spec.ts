import { describe, expect, it } from '@jest/globals';
import { OPERATIONS } from '../support/operations.js';
import { describeService, WORKFLOWS } from '../support/describe-service.js';
import { until } from '../support/until.js';

describeService('workflows', (service) => {
  const at = (id: string, rest = '') => `${WORKFLOWS}/${id}${rest}`;

  describe('create and replace', () => {
    it('answers 201, then 200, with the whole workflow in body and headers', async () => {
      const id = service.id();
      const created = await service.put(at(id), { state: { a: 1 } });
      expect(created.status).toBe(201);
      expect(created.json).toMatchObject({ id, version: 1, state: { a: 1 } });
      expect(created.headers.get('etag')).toBe(created.json.etag);
      expect(created.json.etag).toMatch(/^"[A-Za-z0-9_-]{8,}-1\.[\w-]{4,}"$/);
      expect(Date.parse(created.headers.get('x-expires-at') ?? '')).toBe(Date.parse(created.json.expiresAt));
      expect(Date.parse(created.json.expiresAt) - Date.parse(created.json.updatedAt)).toBe(86_400_000);
      expect(created.headers.get('last-modified')).toMatch(/GMT$/);
      const replaced = await service.put(at(id), { state: [] });
      expect([replaced.status, replaced.json.version, replaced.json.createdAt]).toEqual([
        200,
        2,
        created.json.createdAt,
      ]);
    });

    it('makes an id when none is given, and says where the workflow is', async () => {
      const created = await service.post(WORKFLOWS, { state: {} });
      expect(created.status).toBe(201);
      expect(created.json.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      expect(created.headers.get('location')).toBe(at(created.json.id));
      expect((await service.get(created.headers.get('location') ?? '')).status).toBe(200);
    });

    it('refuses to create over an existing one', async () => {
      const id = service.id();
      await service.post(WORKFLOWS, { id, state: 1 });
      const again = await service.post(WORKFLOWS, { id, state: 2 });
      expect([again.status, again.json.code]).toEqual([409, 'ALREADY_EXISTS']);
      expect((await service.get(at(id, '/state'))).text).toBe('1');
    });

    it('sends no body to who prefers none', async () => {
      const id = service.id();
      const answer = await service.put(at(id), { state: {} }, { headers: { prefer: 'return=minimal' } });
      expect([answer.status, answer.text, answer.headers.get('preference-applied')]).toEqual([
        204,
        '',
        'return=minimal',
      ]);
      expect(answer.headers.get('etag')).toMatch(/-1\.[\w-]+"$/);
    });

    it.each([
      '{}',
      '[]',
      '{"b":1,"a":2,"10":3,"9":4}',
      '12345678901234567890',
      '[1.0,-0,1e3,0.1e-7]',
      '"ünïcödé 🙂 \\u0000 \\"\\\\"',
      '{ "spaced" :  [ 1 , 2 ] }',
      '{"__proto__":{"polluted":true},"constructor":1}',
      'null',
    ])('gives back exactly the text that was written: %s', async (state) => {
      const id = service.id();
      expect((await service.call('PUT', at(id, '/state'), { body: state })).text).toBe(state);
      expect((await service.get(at(id, '/state'))).text).toBe(state);
      expect((await service.get(at(id))).text).toContain(`"state":${state}}`);
      const other = service.id();
      await service.call('PUT', at(other), { body: `{"state":${state}}` });
      expect((await service.get(at(other, '/state'))).text).toBe(state);
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    });

    it('takes what curl -d sends as a raw state', async () => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      expect((await service.call('PUT', at(service.id(), '/state'), { body: '{"a":1}', headers })).status).toBe(201);
    });
  });

  describe('preconditions', () => {
    it('let a write through on the version it was made for, and no other', async () => {
      const id = service.id();
      const { json } = await service.put(at(id), { state: 1 });
      const stale = { headers: { 'if-match': json.etag } };
      expect((await service.put(at(id), { state: 2 }, stale)).status).toBe(200);
      const refused = await service.put(at(id), { state: 3 }, stale);
      expect([refused.status, refused.json.code]).toEqual([412, 'VERSION_CONFLICT']);
      expect(refused.json.current).toMatchObject({
        version: 2,
        etag: expect.stringMatching(/-2\.[\w-]+"$/),
        updatedAt: expect.any(String),
      });
      expect((await service.get(at(id, '/state'))).text).toBe('2');
    });

    it('match lists and * but never weak tags', async () => {
      const id = service.id();
      const { etag } = (await service.put(at(id), { state: 1 })).json;
      const write = async (ifMatch: string) =>
        (await service.put(at(id), { state: 1 }, { headers: { 'if-match': ifMatch } })).status;
      expect(await write(`"other-1", ${etag}`)).toBe(200);
      expect(await write('*')).toBe(200);
      expect(await write(`W/"${etag.slice(1)}`)).toBe(412);
      expect(await write('7')).toBe(400);
    });

    it('say of a missing workflow that there is none', async () => {
      const refused = await service.put(at(service.id()), { state: 1 }, { headers: { 'if-match': '*' } });
      expect([refused.status, refused.json.current]).toEqual([412, null]);
    });

    it('create only, with If-None-Match: *', async () => {
      const id = service.id();
      const create = { headers: { 'if-none-match': '*' } };
      expect((await service.put(at(id), { state: 1 }, create)).status).toBe(201);
      const refused = await service.put(at(id), { state: 2 }, create);
      expect([refused.status, refused.json.code]).toEqual([412, 'ALREADY_EXISTS']);
    });

    it('create only, with If-None-Match: * and an id of the client', async () => {
      const id = service.id();
      const create = { headers: { 'if-none-match': '*' } };
      expect((await service.post(WORKFLOWS, { id, state: 1 }, create)).status).toBe(201);
      const refused = await service.post(WORKFLOWS, { id, state: 2 }, create);
      expect([refused.status, refused.json.code]).toEqual([412, 'ALREADY_EXISTS']);
    });

    it('are refused where the route does not support them', async () => {
      const id = service.id();
      await service.put(at(id), { state: 1 });
      const stale = { headers: { 'if-match': '"other-1"' } };
      const other = service.id();
      for (const refused of [
        await service.post(WORKFLOWS, { id: other, state: 1 }, stale),
        await service.post(at(id, '/fork'), { id: other }, stale),
        await service.post(`${WORKFLOWS}/batch-get`, { ids: [id] }, stale),
      ]) {
        expect([refused.status, refused.json.code]).toEqual([400, 'INVALID_HEADER']);
        expect(refused.json.detail).toMatch(/^If-Match: is not supported by this route/);
      }
      expect((await service.get(at(other))).status).toBe(404);
    });

    it('never match a workflow that was created anew', async () => {
      const id = service.id();
      const { etag } = (await service.put(at(id), { state: 1 })).json;
      expect((await service.call('DELETE', at(id))).status).toBe(204);
      const again = await service.put(at(id), { state: 1 });
      expect([again.json.version, again.json.etag === etag]).toEqual([1, false]);
      expect((await service.put(at(id), { state: 2 }, { headers: { 'if-match': etag } })).status).toBe(412);
    });

    it('answer 304 to who has it already, also without the body of a HEAD', async () => {
      const id = service.id();
      const { etag } = (await service.put(at(id), { state: 1 })).json;
      for (const path of [at(id), at(id, '/state')]) {
        const known = await service.get(path, { headers: { 'if-none-match': `"x", ${etag}` } });
        expect([known.status, known.text, known.headers.get('etag')]).toEqual([304, '', etag]);
        expect((await service.get(path, { headers: { 'if-none-match': '"x-1"' } })).status).toBe(200);
        const head = await service.call('HEAD', path);
        expect([head.status, head.text, head.headers.get('etag')]).toEqual([200, '', etag]);
      }
      expect((await service.get(at(id), { headers: { 'if-match': '"x-1"' } })).status).toBe(412);
    });
  });

  describe('waiting for the next version', () => {
    const wait = (seconds: number, etag: string) => ({ headers: { prefer: `wait=${seconds}`, 'if-none-match': etag } });

    it('answers as soon as there is one', async () => {
      const id = service.id();
      const { etag } = (await service.put(at(id), { state: 1 })).json;
      const waiting = service.get(at(id), wait(60, etag));
      await service.get(at(id));
      await service.put(at(id), { state: 2 });
      const answer = await waiting;
      expect([answer.status, answer.json.version, answer.headers.get('preference-applied')]).toEqual([
        200,
        2,
        'wait=60',
      ]);
    });

    it('answers 304 when the time is over, and at once when there is another version already', async () => {
      const id = service.id();
      const { etag } = (await service.put(at(id), { state: 1 })).json;
      expect((await service.get(at(id), wait(1, etag))).status).toBe(304);
      expect((await service.get(at(id, '/state'), wait(60, '"other-1"'))).text).toBe('1');
    });

    it('ends with 404 when the workflow goes', async () => {
      const id = service.id();
      const { etag } = (await service.put(at(id), { state: 1 })).json;
      const waiting = service.get(at(id), wait(60, etag));
      await service.get(at(id));
      await service.call('DELETE', at(id));
      expect((await waiting).status).toBe(404);
    });
  });

  describe('time to live', () => {
    const expiry = async (id: string) => (await service.get(at(id))).json.expiresAt as string | null;

    it('is set, kept, lifted and restarted as asked', async () => {
      const id = service.id();
      const { json } = await service.put(at(id), { state: 1, ttlSeconds: 60 });
      expect(Date.parse(json.expiresAt) - Date.parse(json.updatedAt)).toBe(60_000);
      await service.put(at(id), { state: 2, ttlSeconds: 'keep' });
      expect(await expiry(id)).toBe(json.expiresAt);
      const forever = await service.put(at(id), { state: 3, ttlSeconds: null });
      expect([forever.json.expiresAt, forever.headers.get('x-expires-at')]).toEqual([null, null]);
      const usual = await service.put(at(id), { state: 4 });
      expect(Date.parse(usual.json.expiresAt) - Date.parse(usual.json.updatedAt)).toBe(86_400_000);
    });

    it('is moved by a touch, which is no version', async () => {
      const id = service.id();
      await service.put(at(id), { state: 1, ttlSeconds: 60 });
      const touched = await service.post(at(id, '/touch'), { ttlSeconds: null });
      expect([touched.status, touched.headers.get('etag')]).toEqual([204, expect.stringMatching(/-1\.[\w-]+"$/)]);
      expect(await expiry(id)).toBeNull();
      expect((await service.call('POST', at(id, '/touch'))).status).toBe(204);
      expect(await expiry(id)).not.toBeNull();
      expect((await service.post(at(service.id(), '/touch'), {})).status).toBe(404);
    });

    it('is also taken from the query, where the body is the state or the change', async () => {
      const id = service.id();
      await service.call('PUT', at(id, '/state?ttlSeconds=null'), { body: '{}' });
      expect(await expiry(id)).toBeNull();
      await service.patch(at(id, '/state?ttlSeconds=keep'), 'merge', { a: 1 });
      expect(await expiry(id)).toBeNull();
      expect((await service.patch(at(id, '/state?ttlSeconds=0'), 'merge', { a: 1 })).status).toBe(422);
    });

    it('ends the workflow everywhere', async () => {
      const id = service.id();
      await service.put(at(id), { state: { status: 'short-lived' }, ttlSeconds: 1 });
      await until(async () => (await service.get(at(id))).status === 404, 'the workflow has expired');
      expect((await service.get(`${WORKFLOWS}?status=short-lived`)).json.items).toEqual([]);
      expect((await service.get(`${WORKFLOWS}/count?status=short-lived`)).json).toEqual({ count: 0 });
      expect((await service.get(at(id, '/versions'))).status).toBe(404);
      expect((await service.put(at(id), { state: 1 })).json.version).toBe(1);
    });
  });

  describe('patches', () => {
    it('change what they name and leave the rest the text it is', async () => {
      const id = service.id();
      await service.call('PUT', at(id, '/state'), { body: '{"big":12345678901234567890,"one":1.0,"a":{"b":1,"c":2}}' });
      expect((await service.patch(at(id, '/state'), 'merge', { a: { b: null }, d: [] })).json.version).toBe(2);
      const patched = await service.patch(at(id, '/state'), 'json', [
        { op: 'test', path: '/a/c', value: 2 },
        { op: 'add', path: '/d/-', value: 'x' },
        { op: 'move', from: '/one', path: '/two' },
      ]);
      expect(patched.status).toBe(200);
      expect((await service.get(at(id, '/state'))).text).toBe(
        '{"big":12345678901234567890,"a":{"c":2},"d":["x"],"two":1.0}',
      );
    });

    it('are refused whole', async () => {
      const id = service.id();
      await service.put(at(id), { state: { a: 1 } });
      const add = { op: 'add', path: '/b', value: 1 };
      const tested = await service.patch(at(id, '/state'), 'json', [add, { op: 'test', path: '/a', value: 2 }]);
      expect([tested.status, tested.json.code, tested.json.index]).toEqual([409, 'PATCH_TEST_FAILED', 1]);
      const lost = await service.patch(at(id, '/state'), 'json', [add, { op: 'remove', path: '/nowhere' }]);
      expect([lost.status, lost.json.code, lost.json.index]).toEqual([422, 'PATCH_INVALID', 1]);
      expect((await service.get(at(id))).json).toMatchObject({ version: 1, state: { a: 1 } });
      expect((await service.patch(at(service.id(), '/state'), 'merge', {})).status).toBe(404);
    });

    it('name the media types they come in', async () => {
      const refused = await service.call('PATCH', at(service.id(), '/state'), { body: '{}' });
      expect([refused.status, refused.headers.get('accept-patch')]).toEqual([
        415,
        'application/merge-patch+json, application/json-patch+json',
      ]);
    });

    it('honour If-Match', async () => {
      const id = service.id();
      await service.put(at(id), { state: {} });
      const stale = { headers: { 'if-match': '"other-1"' } };
      expect((await service.patch(at(id, '/state'), 'merge', { a: 1 }, stale)).status).toBe(412);
    });

    it('of 64 clients at once all land, each as a version of its own', async () => {
      const id = service.id();
      await service.put(at(id), { state: { logs: [] } });
      const answers = await Promise.all(Array.from({ length: 64 }, (_, n) => service.post(at(id, '/logs'), { n })));
      expect(answers.map(({ status }) => status)).toEqual(Array(64).fill(200));
      expect(answers.map(({ json }) => json.version).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 64 }, (_, i) => i + 2),
      );
      const { json } = await service.get(at(id));
      expect(new Set(json.state.logs.map(({ n }: { n: number }) => n)).size).toBe(64);
    });
  });

  describe('Idempotency-Key', () => {
    const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });

    it('gives the first answer again, whatever the route', async () => {
      const id = service.id();
      await service.put(at(id), { state: { status: 'a', sections: [{ id: 's' }] } });
      const requests: (() => Promise<{ status: number; text: string; headers: Headers }>)[] = [
        () => service.post(WORKFLOWS, { state: { n: 1 } }, keyed(`${id}-create`)),
        () => service.put(at(id), { state: { status: 'a', sections: [{ id: 's' }] } }, keyed(`${id}-put`)),
        () => service.put(at(id, '/state'), { status: 'a', sections: [{ id: 's' }] }, keyed(`${id}-state`)),
        () => service.patch(at(id, '/state'), 'merge', { x: 1 }, keyed(`${id}-patch`)),
        () => service.put(at(id, '/status'), { status: 'b', from: ['a'] }, keyed(`${id}-status`)),
        () => service.patch(at(id, '/sections/s'), 'merge', { title: 't' }, keyed(`${id}-section`)),
        () => service.post(at(id, '/logs'), { message: 'm' }, keyed(`${id}-log`)),
        () => service.post(at(id, '/exhibits'), { name: 'n' }, keyed(`${id}-exhibit`)),
        () => service.post(at(id, '/touch'), {}, keyed(`${id}-touch`)),
        () => service.post(at(id, '/restore'), { version: 2 }, keyed(`${id}-restore`)),
        () => service.post(at(id, '/fork'), {}, keyed(`${id}-fork`)),
        () => service.call('DELETE', at(id), keyed(`${id}-delete`)),
      ];
      for (const [i, request] of requests.entries()) {
        const first = await request();
        expect([i, first.status < 300, first.headers.get('idempotency-replayed')]).toEqual([i, true, null]);
        // The answer stays the first one although other clients write in between.
        if (i < requests.length - 1)
          await service.patch(at(id, '/state'), 'merge', { between: i, status: i < 4 ? 'a' : 'c' });
        const again = await request();
        expect([i, again.headers.get('idempotency-replayed')]).toEqual([i, 'true']);
        expect([i, again.status, again.text]).toEqual([i, first.status, first.text]);
      }
    });

    it('is refused with another body, but not when the first request was refused', async () => {
      const id = service.id();
      expect((await service.put(at(id), { state: 1 }, keyed('first'))).status).toBe(201);
      const other = await service.put(at(id), { state: 2 }, keyed('first'));
      expect([other.status, other.json.code]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
      expect((await service.put(at(id, '/status'), { status: 'x' }, keyed('shape'))).status).toBe(409);
      await service.put(at(id), { state: {} });
      expect((await service.put(at(id, '/status'), { status: 'x' }, keyed('shape'))).status).toBe(200);
    });

    it('means the same quoted and bare, and has an alphabet', async () => {
      const id = service.id();
      await service.put(at(id), { state: 1 }, keyed('"quoted"'));
      expect((await service.put(at(id), { state: 1 }, keyed('quoted'))).headers.get('idempotency-replayed')).toBe(
        'true',
      );
      expect((await service.put(at(id), { state: 1 }, keyed('a b'))).status).toBe(400);
      expect((await service.put(at(id), { state: 1 }, keyed('x'.repeat(256)))).status).toBe(400);
    });

    it('lets one of many at the same time through; the others are told so or get its answer', async () => {
      const id = service.id();
      await service.put(at(id), { state: { logs: [] } });
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => service.post(at(id, '/logs'), { n: 1 }, keyed('at once'.replace(' ', '-')))),
      );
      for (const { status, json, headers } of answers.filter((answer) => answer.status !== 200)) {
        expect([status, json.code, headers.get('retry-after')]).toEqual([409, 'IDEMPOTENCY_IN_PROGRESS', '1']);
      }
      expect((await service.get(at(id))).json.state.logs).toHaveLength(1);
    });

    it('is not accepted where there is nothing to do once', async () => {
      const refused = await service.post(`${WORKFLOWS}/batch-get`, { ids: [] }, keyed('read'));
      expect([refused.status, refused.json.code]).toEqual([422, 'IDEMPOTENCY_NOT_SUPPORTED']);
    });
  });

  describe('lists', () => {
    it('page through what fits, newest first, each exactly once, by cursor and by Link', async () => {
      const user = service.id();
      const ids = Array.from({ length: 7 }, (_, n) => `${user}-${n}`);
      for (const id of ids)
        await service.put(at(id), { state: { user_id: user, status: id.endsWith('3') ? 'odd' : 'even' } });
      const seen: string[] = [];
      let path: string | undefined = `${WORKFLOWS}?user_id=${user}&limit=3`;
      while (path !== undefined) {
        const page = await service.get(path);
        seen.push(...page.json.items.map(({ id }: { id: string }) => id));
        expect(page.json.items[0]).not.toHaveProperty('state');
        const link = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1];
        expect(link?.includes(page.json.nextCursor) ?? false).toBe(page.json.nextCursor !== null);
        path = link;
      }
      expect(seen).toHaveLength(7);
      expect(new Set(seen)).toEqual(new Set(ids));
      const one = await service.get(`${WORKFLOWS}?user_id=${user}&status=odd&include=state`);
      expect(one.json.items).toMatchObject([{ id: `${user}-3`, state: { status: 'odd' } }]);
      expect((await service.get(`${WORKFLOWS}/count?user_id=${user}`)).json).toEqual({ count: 7 });
      expect((await service.get(`${WORKFLOWS}/count?idPrefix=${user}-`)).json).toEqual({ count: 7 });
      const ascending = await service.get(`${WORKFLOWS}?idPrefix=${user}-&sort=createdAt`);
      expect(ascending.json.items.map(({ createdAt }: { createdAt: string }) => createdAt)).toEqual(
        ascending.json.items.map(({ createdAt }: { createdAt: string }) => createdAt).toSorted(),
      );
      const { updatedAt } = ascending.json.items[0];
      expect((await service.get(`${WORKFLOWS}/count?user_id=${user}&updatedBefore=${updatedAt}`)).json).toEqual({
        count: 0,
      });
    });

    it('refuse a cursor that is damaged, or of another listing', async () => {
      const user = service.id();
      for (const n of [1, 2]) await service.put(at(`${user}-${n}`), { state: { user_id: user } });
      const { nextCursor } = (await service.get(`${WORKFLOWS}?user_id=${user}&limit=1`)).json;
      const broken = [`user_id=${user}x&cursor=${nextCursor}`, `user_id=${user}&sort=createdAt&cursor=${nextCursor}`];
      for (const query of [...broken, `user_id=${user}&cursor=${nextCursor.slice(0, -2)}`, `cursor=!!`, 'cursor=']) {
        const refused = await service.get(`${WORKFLOWS}?${query}`);
        expect([query, refused.status, refused.json.code]).toEqual([query, 400, 'INVALID_CURSOR']);
      }
      expect((await service.get(`${WORKFLOWS}?user_id=${user}&limit=5&cursor=${nextCursor}`)).json.items).toHaveLength(
        1,
      );
    });

    it.each([
      'foo=1',
      'limit=0',
      'limit=1001',
      'limit=1&limit=2',
      'sort=name',
      'include=all',
      'updatedAfter=yesterday',
      'updatedAfter=2026-02-30T00:00:00Z',
      'idPrefix=a%00b',
    ])('refuse %s', async (query) => {
      const refused = await service.get(`${WORKFLOWS}?${query}`);
      expect([refused.status, refused.json.code]).toEqual([422, 'INVALID_QUERY']);
      expect(refused.json.errors[0].pointer).toBe(`/${query.split('=')[0]}`);
    });

    it('of ids come back in order, missing ones said so', async () => {
      const id = service.id();
      await service.put(at(id), { state: 1 });
      const found = await service.post(`${WORKFLOWS}/batch-get`, { ids: ['missing', id] });
      expect(found.json.items).toEqual([{ id: 'missing', missing: true }, expect.objectContaining({ id, state: 1 })]);
      const bare = await service.post(`${WORKFLOWS}/batch-get`, { ids: [id], include: 'none' });
      expect(bare.json.items[0]).not.toHaveProperty('state');
      expect((await service.post(`${WORKFLOWS}/batch-get`, { ids: Array(101).fill('a') })).status).toBe(422);
    });
  });

  it('gives a large state again to a repeated request, from the history', async () => {
    const id = service.id();
    await service.put(`${WORKFLOWS}/${id}`, { state: { text: 'x'.repeat(100_000) } });
    const headers = { 'idempotency-key': id };
    const append = () => service.post(`${WORKFLOWS}/${id}/exhibits`, { name: 'A', uploaded_at: 'now' }, { headers });
    const first = await append();
    await service.post(`${WORKFLOWS}/${id}/exhibits`, { name: 'B' });
    const again = await append();
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(again.text === first.text).toBe(true);
    const restore = () => service.post(`${WORKFLOWS}/${id}/restore`, { version: 1 }, { headers });
    const restored = await restore();
    expect((await restore()).text === restored.text).toBe(true);
  });

  it('announces an expiry when it happens, not at the sweep', async () => {
    const id = service.id();
    const { headers } = await service.put(`${WORKFLOWS}/${id}`, { state: 1, ttlSeconds: 1 });
    const waiting = service.get(`${WORKFLOWS}/${id}`, {
      headers: { prefer: 'wait=60', 'if-none-match': String(headers.get('etag')) },
    });
    expect((await waiting).status).toBe(404);
  });

  it('answers as documented, on every route of its own', () => {
    expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.workflows]));
    expect(Object.values(OPERATIONS).flat().sort()).toEqual(service.checker.operations.sort());
  });
});
