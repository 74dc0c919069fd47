import { createHash } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { LastUsed } from '../../src/access/keys/last-used.js';
import { newKeyId, newToken } from '../../src/access/token.js';
import { describeService, type Answer, type Service } from '../support/describe-service.js';
import { OPERATIONS } from '../support/operations.js';
import { OPERATOR_TOKEN as OPERATOR } from '../support/operator.js';
import { until } from '../support/until.js';

async function make(service: Service, body: object, token = OPERATOR): Promise<Answer['json']> {
  const answer = await service.post('/v1/keys', body, { token });
  expect([answer.status, answer.json]).toEqual([201, expect.objectContaining({ key: expect.any(String) })]);
  return answer.json;
}

/** The first refusal of a token that still works, and when it came. */
async function refusalOf(service: Service, token: string): Promise<{ readonly answer: Answer; readonly atMs: number }> {
  let answer: Answer | undefined;
  await until(async () => (answer = await service.get('/v1/whoami', { token })).status === 401, 'the token is refused');
  return { answer: answer as Answer, atMs: Date.now() };
}

const codeOf = ({ status, json }: Answer) => [status, json?.code];

describeService(
  'Keys',
  (service) => {
    it('are shown once, and then known by their beginning', async () => {
      const made = await service.post(
        '/v1/keys',
        { name: 'writer', role: 'worker', user: 'ann', metadata: { team: [1.5] }, ttlSeconds: 3600 },
        { token: OPERATOR },
      );
      expect(made.status).toBe(201);
      expect(made.headers.get('cache-control')).toBe('no-store');
      const { id, key, start } = made.json;
      expect(made.headers.get('location')).toBe(`/v1/keys/${id}`);
      expect(key).toMatch(new RegExp(`^wmk_default_${id}_[0-9A-Za-z]{49}$`));
      expect(key.startsWith(start)).toBe(true);
      const got = await service.get(`/v1/keys/${id}`, { token: OPERATOR });
      expect(got.text).not.toContain(key);
      expect(got.json).toMatchObject({
        id,
        name: 'writer',
        role: 'worker',
        user: 'ann',
        metadata: { team: [1.5] },
        createdBy: 'operator',
      });
      expect(got.headers.get('etag')).toBe(made.headers.get('etag'));
      const { items } = (await service.get('/v1/keys', { token: OPERATOR })).json;
      expect(items).toContainEqual(got.json);
    });

    it('name their caller in the history and in whoami', async () => {
      const { key, id } = await make(service, { name: 'The writer', role: 'writer', user: 'ann' });
      const who = (await service.get('/v1/whoami', { token: key })).json;
      expect(who).toMatchObject({
        tenant: 'default',
        kind: 'key',
        name: 'The writer',
        keyId: id,
        user: 'ann',
        role: 'writer',
      });
      const workflow = service.id();
      expect((await service.put(`/v1/workflows/${workflow}`, { state: 1 }, { token: key })).status).toBe(201);
      const { items } = (await service.get(`/v1/workflows/${workflow}/versions`, { token: key })).json;
      expect(items[0].by).toBe('The writer');
    });

    it('tell when they were last used', async () => {
      const { key, id } = await make(service, { name: 'used' });
      const at = Date.now();
      await service.get('/v1/whoami', { token: key });
      const lastUsedAt = async () => (await service.get(`/v1/keys/${id}`, { token: OPERATOR })).json.lastUsedAt;
      const before = await lastUsedAt();
      expect(at - Date.parse(before)).toBeLessThanOrEqual(60_000);
      await service.app.get(LastUsed).flush();
      expect(await lastUsedAt()).toBe(before);
    });

    it('are refused for a role that the caller lacks, and by one that may not manage keys', async () => {
      const worker = await make(service, { name: 'worker', role: 'worker' });
      expect(codeOf(await service.post('/v1/keys', { name: 'x' }, { token: worker.key }))).toEqual([
        403,
        'INSUFFICIENT_SCOPE',
      ]);
      const odd = await make(service, { name: 'odd', scopes: ['keys:manage', 'workflows:read'] });
      const strong = await make(service, { name: 'strong', role: 'admin' });
      const asOdd = { token: odd.key };
      for (const body of [
        { name: 'x', role: 'worker' },
        { name: 'x' },
        { name: 'x', role: 'operator' },
        { name: 'x', scopes: ['workflows:write'] },
      ])
        expect(codeOf(await service.post('/v1/keys', body, asOdd))).toEqual([403, 'INSUFFICIENT_SCOPE']);
      expect(codeOf(await service.post(`/v1/keys/${strong.id}/rotate`, {}, asOdd))).toEqual([
        403,
        'INSUFFICIENT_SCOPE',
      ]);
      expect(codeOf(await service.call('PATCH', `/v1/keys/${odd.id}`, { ...asOdd, json: { role: 'admin' } }))).toEqual([
        403,
        'INSUFFICIENT_SCOPE',
      ]);
      expect(
        codeOf(await service.call('PATCH', `/v1/keys/${strong.id}`, { ...asOdd, json: { name: 'mine' } })),
      ).toEqual([403, 'INSUFFICIENT_SCOPE']);
      expect((await service.post('/v1/keys', { name: 'x', scopes: ['workflows:read'] }, asOdd)).status).toBe(201);
    });

    it('do not outlive the key that made them', async () => {
      const maker = await make(service, { name: 'maker', role: 'admin', ttlSeconds: 1000 });
      const made = await make(service, { name: 'made', role: 'reader' }, maker.key);
      expect(made.expiresAt).toBe(maker.expiresAt);
      const longer = await service.call('PATCH', `/v1/keys/${maker.id}`, {
        token: maker.key,
        json: { ttlSeconds: null },
      });
      expect(longer.json.expiresAt).toBe(maker.expiresAt);
      const rotated = await service.post(`/v1/keys/${made.id}/rotate`, {}, { token: OPERATOR });
      expect(rotated.json.expiresAt).toBe(maker.expiresAt);
    });

    it('get no secret and no scope from a key that ends before them', async () => {
      const short = await make(service, { name: 'short', role: 'admin', ttlSeconds: 1000 });
      const lasting = await make(service, { name: 'lasting', role: 'reader' });
      const longer = await make(service, { name: 'longer', role: 'reader', ttlSeconds: 2000 });
      const asShort = { token: short.key };
      for (const { id, key } of [lasting, longer]) {
        const refused = await service.post(`/v1/keys/${id}/rotate`, {}, asShort);
        expect(codeOf(refused)).toEqual([403, 'INSUFFICIENT_SCOPE']);
        const change = (json: object) => service.call('PATCH', `/v1/keys/${id}`, { ...asShort, json });
        expect(codeOf(await change({ role: 'writer' }))).toEqual([403, 'INSUFFICIENT_SCOPE']);
        expect(codeOf(await change({ scopes: ['workflows:read', 'tasks:work'] }))).toEqual([403, 'INSUFFICIENT_SCOPE']);
        expect((await change({ name: 'renamed', scopes: ['workflows:read'] })).status).toBe(200);
        expect((await service.get('/v1/whoami', { token: key })).json.expiresAt).toBe(
          id === lasting.id ? null : longer.expiresAt,
        );
        const ended = await change({ role: 'writer', ttlSeconds: null });
        expect([ended.status, ended.json.expiresAt]).toEqual([200, short.expiresAt]);
        expect((await service.post(`/v1/keys/${id}/rotate`, {}, asShort)).json.expiresAt).toBe(short.expiresAt);
      }
      const itself = await service.post(`/v1/keys/${short.id}/rotate`, {}, asShort);
      expect([itself.status, itself.json.expiresAt]).toEqual([200, short.expiresAt]);
    });

    it('have an old secret that ends with them at the latest, and what it makes ends with it', async () => {
      const { id, key, expiresAt } = await make(service, { name: 'old', role: 'admin', ttlSeconds: 1000 });
      const rotate = (body: object, token = OPERATOR) => service.post(`/v1/keys/${id}/rotate`, body, { token });
      expect((await rotate({ graceSeconds: 100_000 })).json.oldSecretUntil).toBe(expiresAt);
      const { json } = await service.call('PATCH', `/v1/keys/${id}`, { token: OPERATOR, json: { ttlSeconds: 500 } });
      expect(Date.parse(json.oldSecretUntil)).toBeLessThanOrEqual(Date.parse(json.expiresAt));
      // A longer life of the key is none of the old secret.
      const { json: later } = await service.call('PATCH', `/v1/keys/${id}`, {
        token: OPERATOR,
        json: { ttlSeconds: null },
      });
      expect([later.expiresAt, later.oldSecretUntil]).toEqual([null, json.oldSecretUntil]);
      expect((await service.get('/v1/whoami', { token: key })).json.expiresAt).toBe(later.oldSecretUntil);
      expect((await make(service, { name: 'made', role: 'reader' }, key)).expiresAt).toBe(later.oldSecretUntil);
      expect(codeOf(await rotate({}, key))).toEqual([403, 'INSUFFICIENT_SCOPE']);
      const sha256 = createHash('sha256').update(key).digest('hex');
      expect(codeOf(await rotate({ sha256 }))).toEqual([409, 'ALREADY_EXISTS']);
    });

    it('are revoked at once, and stay listed', async () => {
      const { key, id } = await make(service, { name: 'revoked' });
      expect((await service.get('/v1/whoami', { token: key })).status).toBe(200);
      const revoked = await service.post(`/v1/keys/${id}/revoke`, undefined, { token: OPERATOR });
      expect([revoked.status, revoked.json.revokedAt]).toEqual([200, expect.any(String)]);
      const refused = await service.get('/v1/whoami', { token: key });
      expect(codeOf(refused)).toEqual([401, 'INVALID_CREDENTIAL']);
      const unknown = await service.get('/v1/whoami', {
        token: newToken({ kind: 'key', tenant: 'default', id: newKeyId() }),
      });
      const wrong = await service.get('/v1/whoami', { token: newToken({ kind: 'key', tenant: 'default', id }) });
      const bodyOf = ({ json }: Answer) => ({ ...json, instance: '' });
      expect(bodyOf(unknown)).toEqual(bodyOf(refused));
      expect(bodyOf(wrong)).toEqual(bodyOf(refused));
      expect((await service.get(`/v1/keys/${id}`, { token: OPERATOR })).json.revokedAt).toBe(revoked.json.revokedAt);
      expect((await service.post(`/v1/keys/${id}/revoke`, undefined, { token: OPERATOR })).json).toEqual(revoked.json);
      expect(codeOf(await service.post(`/v1/keys/${id}/rotate`, {}, { token: OPERATOR }))).toEqual([
        404,
        'KEY_NOT_FOUND',
      ]);
      expect((await service.call('DELETE', `/v1/keys/${id}`, { token: OPERATOR })).status).toBe(204);
      expect(codeOf(await service.get(`/v1/keys/${id}`, { token: OPERATOR }))).toEqual([404, 'KEY_NOT_FOUND']);
    });

    it('are rotated: both secrets work during the grace, then one', async () => {
      const { key, id } = await make(service, { name: 'rotated', role: 'reader' });
      expect((await service.get('/v1/whoami', { token: key })).status).toBe(200);
      const rotated = await service.post(`/v1/keys/${id}/rotate`, { graceSeconds: 2 }, { token: OPERATOR });
      expect(rotated.headers.get('cache-control')).toBe('no-store');
      const endsAt = Date.parse(rotated.json.oldSecretUntil);
      for (const token of [key, rotated.json.key])
        expect((await service.get('/v1/whoami', { token })).json.keyId).toBe(id);
      const { atMs } = await refusalOf(service, key);
      expect(Math.abs(atMs - endsAt)).toBeLessThan(1000);
      expect((await service.get('/v1/whoami', { token: rotated.json.key })).status).toBe(200);
      const again = await service.post(`/v1/keys/${id}/rotate`, { graceSeconds: 0 }, { token: OPERATOR });
      expect(codeOf(await service.get('/v1/whoami', { token: rotated.json.key }))).toEqual([401, 'INVALID_CREDENTIAL']);
      expect((await service.get('/v1/whoami', { token: again.json.key })).status).toBe(200);
    });

    it('expire, which only the holder of the right secret is told', async () => {
      const { key, id, expiresAt } = await make(service, { name: 'short', ttlSeconds: 1 });
      expect((await service.get('/v1/whoami', { token: key })).json.expiresAt).toBe(expiresAt);
      const { answer: refused } = await refusalOf(service, key);
      expect(refused.json.code).toBe('CREDENTIAL_EXPIRED');
      const wrong = await service.get('/v1/whoami', { token: newToken({ kind: 'key', tenant: 'default', id }) });
      expect(wrong.json.code).toBe('INVALID_CREDENTIAL');
    });

    it('may be made elsewhere, and are then known by their digest', async () => {
      const id = newKeyId();
      const token = newToken({ kind: 'key', tenant: 'default', id });
      expect(codeOf(await service.get('/v1/whoami', { token }))).toEqual([401, 'INVALID_CREDENTIAL']);
      const sha256 = createHash('sha256').update(token).digest('hex');
      const body = { name: 'elsewhere', id, sha256 };
      const made = await service.post('/v1/keys', body, { token: OPERATOR });
      expect([made.status, made.json.key]).toEqual([201, undefined]);
      expect(codeOf(await service.post('/v1/keys', body, { token: OPERATOR }))).toEqual([409, 'ALREADY_EXISTS']);
      // It was refused before it was made, and works at once.
      expect((await service.get('/v1/whoami', { token })).status).toBe(200);
      expect((await service.post('/v1/keys', { name: 'x', sha256 }, { token: OPERATOR })).status).toBe(422);
    });

    it('are accepted from their addresses only', async () => {
      const here = await make(service, { name: 'here', ips: ['127.0.0.0/8'] });
      const elsewhere = await make(service, { name: 'elsewhere', ips: ['10.0.0.0/8', '2001:db8::/32'] });
      expect((await service.get('/v1/whoami', { token: here.key })).status).toBe(200);
      expect(codeOf(await service.get('/v1/whoami', { token: elsewhere.key }))).toEqual([403, 'ADDRESS_NOT_ALLOWED']);
      expect((await service.post('/v1/keys', { name: 'x', ips: ['nowhere'] }, { token: OPERATOR })).status).toBe(422);
    });

    it('change under a condition, and what they may do changes at once', async () => {
      const made = await service.post('/v1/keys', { name: 'reader', role: 'reader' }, { token: OPERATOR });
      const { key, id } = made.json;
      const tag = made.headers.get('etag') as string;
      const path = `/v1/workflows/${service.id()}`;
      expect(codeOf(await service.put(path, { state: 1 }, { token: key }))).toEqual([403, 'INSUFFICIENT_SCOPE']);
      const change = (json: object, match = tag) =>
        service.call('PATCH', `/v1/keys/${id}`, { token: OPERATOR, json, headers: { 'if-match': match } });
      const changed = await change({ role: 'writer', user: 'ann', limit: { limit: 5 }, ips: ['127.0.0.1'] });
      expect(changed.json).toMatchObject({
        role: 'writer',
        user: 'ann',
        limit: { limit: 5, windowMs: 60_000, burst: 1 },
        ips: ['127.0.0.1'],
      });
      expect(codeOf(await change({ role: 'admin' }))).toEqual([412, 'VERSION_CONFLICT']);
      expect((await service.put(path, { state: 1 }, { token: key })).status).toBe(201);
      const cleared = await change(
        { scopes: ['workflows:read'], user: null, limit: null, ips: null },
        changed.headers.get('etag') as string,
      );
      expect(cleared.json).toMatchObject({
        role: null,
        scopes: ['workflows:read'],
        user: null,
        limit: null,
        ips: null,
      });
      expect((await service.put(path, { state: 2 }, { token: key })).status).toBe(403);
    });

    it('take no Idempotency-Key, since an answer would have to be kept', async () => {
      const headers = { 'idempotency-key': 'k' };
      const answer = await service.post('/v1/keys', { name: 'x' }, { token: OPERATOR, headers });
      expect(codeOf(answer)).toEqual([422, 'IDEMPOTENCY_NOT_SUPPORTED']);
      expect(answer.json.detail).toContain('secret');
    });

    it('are listed in pages', async () => {
      const names = new Set<string>();
      let cursor: string | null = null;
      do {
        const page: Answer = await service.get(`/v1/keys?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`, {
          token: OPERATOR,
        });
        for (const { id } of page.json.items) names.add(id);
        cursor = page.json.nextCursor;
      } while (cursor !== null);
      expect(names.size).toBe((await service.get('/v1/keys?limit=1000', { token: OPERATOR })).json.items.length);
      expect(names.size).toBeGreaterThan(5);
    });

    it('of operators are apart', async () => {
      const made = await make(service, { name: 'second operator', role: 'operator' });
      expect(made.key).toMatch(/^wmo_/);
      expect((await service.get('/v1/whoami', { token: made.key })).json).toMatchObject({
        kind: 'operator',
        name: 'second operator',
        tenant: 'default',
      });
      const admin = await make(service, { name: 'admin', role: 'admin' });
      for (const token of [OPERATOR, made.key]) {
        const { items } = (await service.get('/v1/keys?role=operator', { token })).json;
        expect(items.map(({ id }: { id: string }) => id)).toEqual([made.id]);
      }
      expect((await service.get('/v1/keys?role=operator', { token: admin.key })).status).toBe(403);
      expect((await service.get(`/v1/keys/${made.id}`, { token: admin.key })).status).toBe(404);
      expect((await service.post(`/v1/keys/${made.id}/revoke`, undefined, { token: admin.key })).status).toBe(404);
      expect((await service.post('/v1/keys', { name: 'x', role: 'operator' }, { token: admin.key })).status).toBe(403);
      expect((await service.get(`/v1/export`, { token: made.key })).status).toBe(200);
      expect((await service.get(`/v1/export`, { token: admin.key })).status).toBe(403);
      expect((await service.post(`/v1/keys/${made.id}/revoke`, undefined, { token: OPERATOR })).status).toBe(200);
      expect((await service.get('/v1/whoami', { token: made.key })).status).toBe(401);
    });

    it('do not name their tenant by a header, and operators name one that exists', async () => {
      const { key } = await make(service, { name: 'x', role: 'admin' });
      const inside = (tenant: string, token: string) =>
        service.get('/v1/whoami', { token, headers: { 'waymark-tenant': tenant } });
      expect(codeOf(await inside('default', key))).toEqual([403, 'INSUFFICIENT_SCOPE']);
      expect((await inside('default', OPERATOR)).json.tenant).toBe('default');
      expect(codeOf(await inside('nobody', OPERATOR))).toEqual([404, 'TENANT_NOT_FOUND']);
      for (const name of ['.access', '.of:default', 'Default', '', 'a:b', 'x'.repeat(64)])
        expect(codeOf(await inside(name, OPERATOR))).toEqual([400, 'INVALID_HEADER']);
    });

    it('exercise every operation there is', () => {
      expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.keys]));
    });

    it('may do in a commit only what they may do alone', async () => {
      const commit = async (token: string, body: object) => (await service.post('/v1/commits', body, { token })).status;
      const only = async (...scopes: string[]) => (await make(service, { name: 'x', scopes })).key as string;
      const puts = [{ id: service.id(), state: 1 }];
      const enqueue = [{ queue: 'q', payload: 1 }];
      const publish = [{ channel: 'c', type: 't' }];
      const claimNext = { queue: 'q', leaseMs: 1000 };
      const writer = await only('workflows:write');
      const enqueuer = await only('tasks:enqueue');
      const publisher = await only('events:publish');
      const worker = await only('tasks:work');
      expect(await commit(writer, { puts })).toBe(200);
      expect(await commit(enqueuer, { enqueue })).toBe(200);
      expect(await commit(publisher, { publish })).toBe(200);
      expect(await commit(worker, { claimNext })).toBe(200);
      for (const [token, body] of [
        [writer, { puts, enqueue }],
        [writer, { puts, claimNext }],
        [enqueuer, { enqueue, publish }],
        [publisher, { deletes: [{ id: puts[0]?.id }] }],
        [worker, { patches: [{ id: puts[0]?.id, merge: {} }] }],
        [writer, { ack: { taskId: 'a', leaseToken: 'b' } }],
      ] as const)
        expect(await commit(token, body)).toBe(403);
      const router = await only('routing');
      expect((await service.post('/v1/routing', { text: 'hello' }, { token: router })).status).toBe(200);
      expect((await service.post('/v1/routing', { text: 'hello', enqueue: true }, { token: router })).status).toBe(403);
    });
  },
  { ADMIN_TOKEN: OPERATOR, RATE_LIMIT_ENABLED: 'false' },
);
