import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { fastDirectory } from '../support/fast-directory.js';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { scaled } from '../support/scale.js';
import { send, TenantAttack, type Stolen } from '../support/tenant-attack.js';
import { until } from '../support/until.js';

const ADMIN_TOKEN = 'an-operator-of-this-test';
const { requests: REQUESTS, timeoutMs } = scaled({
  short: { requests: 1_000, timeoutMs: 360_000 },
  long: { requests: 20_000, timeoutMs: 1_200_000 },
});
/** Times that a check of /health is asked again. */
const SLOW_CHECKS = 20;
const AT_ONCE = 8;
const WORKFLOWS = Array.from({ length: 8 }, (_, i) => `case-${i}`);
const TASKS = Array.from({ length: 6 }, (_, i) => `task-${i}`);

/** Stands in every text of a tenant: states, payloads, notes, results, messages, and the name of its key. */
const markOf = (tenant: string) => `mark-of-${tenant}`;

for (const storage of ['memory', 'redis'] as const) {
  describe(`two tenants with equal ids on ${storage}`, () => {
    let redis: RedisProcess | undefined;
    let service: OpenService;
    let url: string;
    const operator = { authorization: `Bearer ${ADMIN_TOKEN}` };

    beforeAll(async () => {
      redis = storage === 'redis' ? await startRedisProcess() : undefined;
      const store = redis
        ? { REDIS_URL: `redis://127.0.0.1:${redis.port}`, REDIS_SOCKET_TIMEOUT: '60s' }
        : { DATA_DIR: await fastDirectory('iso-') };
      service = await openService({ ...store, ADMIN_TOKEN });
      ({ url } = service);
    });

    afterAll(async () => {
      await service.close();
      await redis?.stop();
    });

    /** Makes a tenant; returns a key of its administrator. */
    async function settle(tenant: string): Promise<string> {
      const made = await service.call('PUT', `/v1/tenants/${tenant}`, {}, operator);
      expect(made.status).toBe(201);
      const key = await service.call(
        'POST',
        '/v1/keys',
        { name: `${markOf(tenant)}-key`, role: 'admin' },
        { ...operator, 'waymark-tenant': tenant },
      );
      expect(key.status).toBe(201);
      return key.json.key;
    }

    /** The same ids in each tenant, and what a thief would take along. */
    async function fill(tenant: string, token: string): Promise<Stolen> {
      const mark = markOf(tenant);
      const headers = { authorization: `Bearer ${token}`, 'x-waymark-note': mark };
      const call = async (method: string, path: string, body?: unknown, more = {}) => {
        const answer = await service.call(method, path, body, { ...headers, ...more });
        if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.json)}`);
        return answer;
      };
      const etags: string[] = [];
      for (const id of WORKFLOWS) {
        const state = { mark, status: 'same', user_id: 'same', sections: [{ id: 's', text: mark }] };
        await call('PUT', `/v1/workflows/${id}`, { state, ttlSeconds: null });
        const put = await call('PUT', `/v1/workflows/${id}`, { state: { ...state, second: mark }, ttlSeconds: null });
        etags.push(put.headers.get('etag') ?? '');
      }
      for (const id of TASKS) {
        const task = { id, payload: { mark }, workflowId: 'case-0' };
        await call('POST', '/v1/queues/jobs/tasks', task);
      }
      const claim = { max: 3, leaseMs: 3_600_000, worker: mark };
      const claimed = await call('POST', '/v1/queues/jobs/claims', claim, { 'claim-id': 'stolen-1' });
      const leases: { id: string; leaseToken: string }[] = claimed.json.tasks;
      const [dead, done] = leases;
      await call('POST', `/v1/tasks/${dead?.id}/fail`, {
        leaseToken: dead?.leaseToken,
        error: { code: 'BAD', message: mark, retryable: false },
      });
      await call('POST', `/v1/tasks/${done?.id}/complete`, { leaseToken: done?.leaseToken, result: { mark } });
      const keyed = { 'idempotency-key': 'stolen-2' };
      await call('POST', '/v1/commits', { patches: [{ id: 'case-1', merge: { third: mark } }] }, keyed);
      const message = await call('POST', '/v1/channels/blue/messages', { type: mark, payload: { mark } });
      const page = await call('GET', '/v1/workflows?limit=2');
      return {
        workflows: WORKFLOWS,
        queues: ['jobs', 'jobs.dlq'],
        tasks: TASKS,
        etags,
        leaseTokens: leases.map(({ leaseToken }) => leaseToken),
        cursors: [page.json.nextCursor],
        eventIds: [message.json.eventId],
        keys: [],
        tenants: [tenant, `.of:${tenant}`, '.access', 'default'],
      };
    }

    async function dumpOf(tenant: string): Promise<string[]> {
      const lines = await fetch(`${url}/v1/export`, { headers: operator });
      const all = (await lines.text()).split('\n').filter((line) => line.includes(`"tenant":"${tenant}"`));
      return all.sort();
    }

    test(
      `${REQUESTS} requests with stolen names, tags, tokens and cursors find and change nothing`,
      async () => {
        const [red, blue] = [await settle('red'), await settle('blue')];
        await fill('red', red);
        const heard: string[] = [];
        const socket = new WebSocket(url.replace('http', 'ws') + '/ws', {
          headers: { authorization: `Bearer ${red}` },
        });
        socket.on('message', (data) => heard.push(String(data)));
        await new Promise((resolve) => socket.once('open', resolve));
        for (const channel of ['blue', 'workflows', 'task:routing', 'workflow:case-1', 'task:task-1'])
          socket.send(JSON.stringify({ type: 'subscribe', channel, since: '0' }));
        const stolen = await fill('blue', blue);
        const keysOf = async (tenant: string) => {
          const listed = await service.call('GET', '/v1/keys', undefined, { ...operator, 'waymark-tenant': tenant });
          return (listed.json.items as { id: string }[]).map(({ id }) => id);
        };
        const before = await dumpOf('blue');
        expect(before.length).toBeGreaterThan(WORKFLOWS.length);

        const document = await service.call('GET', '/openapi.json', undefined, operator);
        // These would end the attacker's own key.
        const leftOut = ['revokeKey', 'deleteKey', 'rotateKey', 'changeKey'];
        const all = { ...stolen, keys: await keysOf('blue') };
        const attackAgain = () => new TenantAttack(document.json, all, 4711, leftOut);
        const attack = attackAgain();
        const statuses = new Map<string, Set<number>>();
        let left = REQUESTS;
        const found: unknown[] = [];
        const run = async () => {
          while (left-- > 0) {
            const attempt = attack.next();
            let { status, text } = await send(url, attempt, red);
            // On a busy machine a check of /health runs into its timeout; it must pass when it is asked again.
            for (let n = 0; n < SLOW_CHECKS && status === 503 && attempt.path.startsWith('/health'); n++) {
              if (text.includes(markOf('blue'))) break;
              ({ status, text } = await send(url, attempt, red));
            }
            statuses.set(attempt.operationId, (statuses.get(attempt.operationId) ?? new Set()).add(status));
            if (text.includes(markOf('blue'))) found.push({ attempt, status, text: text.slice(0, 500) });
            if (status >= 500 && status !== 501) found.push({ attempt, status, text: text.slice(0, 500) });
          }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, run));

        expect(found).toEqual([]);
        expect([...statuses.keys()].sort()).toEqual([...attack.operationIds].sort());
        expect(statuses.get('getWorkflow')).toContain(200);
        expect(await dumpOf('blue')).toEqual(before);
        // A message of the tenant itself comes last. When it has arrived, every earlier message of another tenant would have too.
        await service.call(
          'POST',
          '/v1/channels/blue/messages',
          { type: 'last', payload: {} },
          { authorization: `Bearer ${red}` },
        );
        await until(() => heard.some((message) => message.includes('"last"')), 'the last message is heard');
        expect(heard.filter((message) => message.includes(markOf('blue')))).toEqual([]);
        socket.close();

        // The same requests with the key of the other tenant show its texts, so they could have been seen.
        let shown = 0;
        const same = attackAgain();
        for (let i = 0; i < 200; i++) {
          const { text } = await send(url, same.next(), blue);
          if (text.includes(markOf('blue'))) shown++;
        }
        expect(shown).toBeGreaterThan(20);
      },
      timeoutMs,
    );
  });
}
