import { afterAll, expect, it } from '@jest/globals';
import { describeService, WORKFLOWS } from '../support/describe-service.js';
import { TestIssuer } from '../support/issuer.js';
import { OPERATIONS } from '../support/operations.js';

const ADMIN_TOKEN = 'a-token-of-some-length';
const issuer = await TestIssuer.start('EdDSA');
afterAll(() => issuer.stop());

const sign = (claims: object = {}) => issuer.sign({ org_id: 'default', ...claims });
const MINUTE = { windowMs: 60_000 };
const LIMITS = {
  publish: { limit: 60, ...MINUTE, burst: 3 },
  llm: { limit: 60, ...MINUTE, burst: 5 },
  slow: { limit: 1, ...MINUTE, burst: 2 },
  quick: { limit: 600, ...MINUTE, burst: 2 },
  watched: { limit: 1, ...MINUTE, burst: 1, mode: 'shadow' },
  'queue:mail': { limit: 1, ...MINUTE, burst: 3 },
  'queue:slow-mail': { limit: 120, ...MINUTE, burst: 1 },
};

/** Statuses of requests that are sent one after the other. */
async function statuses(times: number, ask: () => Promise<{ status: number }>): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < times; i++) seen.push((await ask()).status);
  return seen;
}

const count = (list: readonly number[], status: number) => list.filter((one) => one === status).length;

describeService(
  'Limits of requests',
  (service) => {
    it('refuse a user who has used up what there is, and say when to come again', async () => {
      const token = await sign({ sub: 'ada' });
      const answers = await statuses(14, () => service.get(`${WORKFLOWS}/a`, { token }));
      expect(count(answers, 404)).toBeGreaterThanOrEqual(10);
      expect(count(answers, 404)).toBeLessThan(14);
      const refused = await service.get(`${WORKFLOWS}/a`, { token });
      expect(refused.status).toBe(429);
      expect(refused.json).toMatchObject({ code: 'RATE_LIMITED', 'violated-policies': ['user'] });
      expect(refused.json.retryAfterMs).toBeGreaterThan(0);
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(refused.headers.get('ratelimit-policy')).toBe('"user";q=60;w=60;waymark-burst=10');
      expect(refused.headers.get('ratelimit')).toBe('"user";r=0;t=1');
      expect(refused.headers.get('x-ratelimit-remaining')).toBe('0');
    });

    it('are given back by nobody who is limited', async () => {
      const token = await sign({ sub: 'cyd' });
      for (const name of ['user', 'publish', 'queue:mail']) {
        const { status, json } = await service.post(`/v1/limits/${name}/give`, { cost: 3 }, { token });
        expect([name, status, json.code, json.scope]).toEqual([name, 403, 'INSUFFICIENT_SCOPE', 'tenant:manage']);
      }
      const taken = await service.post('/v1/limits/llm/take', {}, { token });
      const given = await service.post('/v1/limits/llm/give', {}, { token });
      expect([taken.json.allowed, given.status]).toEqual([true, 200]);
      const manager = await service.post('/v1/limits/publish/give', {}, { token: ADMIN_TOKEN });
      expect(manager.status).toBe(200);
    });

    it('say what is left on every answer that is limited', async () => {
      const token = await sign({ sub: 'bob' });
      const first = await service.get(`${WORKFLOWS}/a`, { token });
      expect(first.headers.get('ratelimit')).toBe('"user";r=9;t=1');
      expect(first.headers.get('x-ratelimit-limit')).toBe('60');
      const publish = { type: 'note', payload: 1 };
      const both = await service.post('/v1/channels/c/messages', publish, { token });
      expect(both.headers.get('ratelimit-policy')).toContain('"publish";q=60;w=60;waymark-burst=3');
    });

    it('are not those of operators', async () => {
      const answers = await statuses(30, () => service.get(`${WORKFLOWS}/a`, { token: ADMIN_TOKEN }));
      expect(count(answers, 404)).toBe(30);
    });

    it('refuse an address that sends wrong credentials, before the body is read', async () => {
      const answers = await statuses(10, () => service.put(`${WORKFLOWS}/a`, { state: {} }, { token: 'wrong' }));
      expect(count(answers, 401)).toBeLessThanOrEqual(4);
      expect(count(answers, 401)).toBeGreaterThanOrEqual(3);
      const without = await statuses(6, () => service.get(`${WORKFLOWS}/a`, { token: null }));
      expect(without.at(-1)).toBe(429);
      const probes = await statuses(20, () => service.get('/health/live', { token: null }));
      expect(count(probes, 200)).toBe(20);
      expect((await service.get(`${WORKFLOWS}/a`, { token: ADMIN_TOKEN })).status).toBe(404);
    });
  },
  {
    ADMIN_TOKEN,
    JWT_ISSUER: issuer.url,
    JWT_AUDIENCE: 'waymark',
    RATE_LIMIT_ENABLED: 'true',
    TENANT_DEFAULTS: JSON.stringify({ limits: LIMITS }),
  },
);

const LIMITS_URL = '/v1/limits';

describeService(
  'Limits that programs take from',
  (service) => {
    service.token = ADMIN_TOKEN;
    const take = async (name: string, body: object = {}) =>
      (await service.post(`${LIMITS_URL}/${name}/take`, body)).json as {
        allowed: boolean;
        remaining: number;
        retryAfterMs: number;
      };

    it('allow a burst, then say when', async () => {
      const key = service.id();
      for (let left = 1; left >= 0; left--)
        expect(await take('slow', { key })).toEqual({ allowed: true, remaining: left, retryAfterMs: 0 });
      const refused = await take('slow', { key });
      expect(refused).toMatchObject({ allowed: false, remaining: 0 });
      expect(refused.retryAfterMs).toBeGreaterThan(50_000);
      expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
      expect((await take('slow', { key: service.id() })).allowed).toBe(true);
    });

    it('take a cost whole or not at all', async () => {
      const key = service.id();
      expect((await take('llm', { key, cost: 4 })).allowed).toBe(true);
      expect((await take('llm', { key, cost: 3 })).allowed).toBe(false);
      expect((await take('llm', { key, cost: 1 })).allowed).toBe(true);
      const tooMuch = await service.post(`${LIMITS_URL}/llm/take`, { key, cost: 6 });
      expect([tooMuch.status, tooMuch.json.errors[0].pointer]).toEqual([422, '/cost']);
    });

    it('take back what was given, and are whole after a reset', async () => {
      const key = service.id();
      await take('slow', { key, cost: 2 });
      expect((await take('slow', { key })).allowed).toBe(false);
      expect((await service.post(`${LIMITS_URL}/slow/give`, { key })).json).toEqual({ remaining: 1 });
      expect((await take('slow', { key })).allowed).toBe(true);
      expect((await take('slow', { key })).allowed).toBe(false);
      expect((await service.call('DELETE', `${LIMITS_URL}/slow?key=${key}`)).status).toBe(204);
      expect((await take('slow', { key, cost: 2 })).allowed).toBe(true);
    });

    it('let requests wait for what they need', async () => {
      const key = service.id();
      await take('quick', { key, cost: 2 });
      const waiting = await Promise.all([1, 2, 3, 4].map(() => take('quick', { key, waitMs: 30_000 })));
      expect(waiting.map(({ allowed }) => allowed)).toEqual([true, true, true, true]);
      await take('slow', { key, cost: 2 });
      expect(await take('slow', { key, waitMs: 50 })).toMatchObject({ allowed: false });
    });

    it('refuse nothing in shadow mode', async () => {
      const key = service.id();
      const taken = [await take('watched', { key }), await take('watched', { key }), await take('watched', { key })];
      expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true]);
      const { text } = await service.get('/metrics');
      expect(text).toContain('waymark_limits_total{policy="watched",outcome="shadow"} 2');
    });

    it('of a queue hold for its claims, which say when there is more', async () => {
      const queue = '/v1/queues/mail';
      for (let i = 0; i < 6; i++) await service.post(`${queue}/tasks`, { payload: i });
      const { tasks } = (await service.post(`${queue}/claims`, { max: 10 })).json as {
        tasks: { id: string; leaseToken: string }[];
      };
      expect(tasks).toHaveLength(3);
      const none = await service.post(`${queue}/claims`, { max: 10 });
      expect(none.status).toBe(204);
      expect(Number(none.headers.get('x-next-due-ms'))).toBeGreaterThan(30_000);
      expect(Number(none.headers.get('x-next-due-ms'))).toBeLessThanOrEqual(60_000);
      const [{ id: taskId, leaseToken }] = tasks as [{ id: string; leaseToken: string }];
      const commit = await service.post('/v1/commits', { ack: { taskId, leaseToken }, claimNext: { queue: 'mail' } });
      expect([commit.status, commit.json.next]).toEqual([200, null]);
    });

    it('of a queue make a claim wait until a task may go', async () => {
      const queue = '/v1/queues/slow-mail';
      for (let i = 0; i < 3; i++) await service.post(`${queue}/tasks`, { payload: i });
      expect((await service.post(`${queue}/claims`, { max: 10 })).json.tasks).toHaveLength(1);
      const waited = await service.post(`${queue}/claims`, { max: 10, waitMs: 30_000 });
      expect(waited.json.tasks).toHaveLength(1);
    });

    it('are listed with what is left', async () => {
      const { json } = await service.get(LIMITS_URL);
      expect(json.items.map(({ name }: { name: string }) => name)).toEqual(Object.keys(LIMITS).toSorted());
      expect(json.items[0]).toEqual({
        name: 'llm',
        limit: 60,
        windowMs: 60_000,
        burst: 5,
        per: 'tenant',
        mode: 'enforce',
        remaining: 5,
      });
    });

    it('are those of the tenant only', async () => {
      for (const [method, path] of [
        ['POST', 'nothing/take'],
        ['POST', 'nothing/give'],
        ['DELETE', 'nothing'],
        ['POST', 'ip/take'],
      ] as const) {
        const answer = await service.call(method, `${LIMITS_URL}/${path}`);
        expect([path, answer.status, answer.json.code]).toEqual([path, 404, 'LIMIT_NOT_FOUND']);
      }
    });

    it('answer as documented, on every route', () => {
      expect([...service.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.limits]));
    });
  },
  { ADMIN_TOKEN, TENANT_DEFAULTS: JSON.stringify({ limits: LIMITS }) },
);

describeService(
  'Limits of an open service',
  (service) => {
    it('do not hold for requests, and can be taken from', async () => {
      const answers = await statuses(30, () => service.get(`${WORKFLOWS}/a`));
      expect(count(answers, 404)).toBe(30);
      const wrong = await statuses(30, () => service.get(`${WORKFLOWS}/a`, { token: 'wrong' }));
      expect(count(wrong, 401)).toBe(30);
      expect((await service.post(`${LIMITS_URL}/llm/take`, {})).json.allowed).toBe(true);
    });
  },
  { RATE_LIMIT_ENABLED: 'true', TENANT_DEFAULTS: JSON.stringify({ limits: { ...LIMITS, read: LIMITS.slow } }) },
);
