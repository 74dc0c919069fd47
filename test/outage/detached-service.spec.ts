import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { serveBuilt } from '../support/built-service.js';
import { describeService, Service, WORKFLOWS } from '../support/describe-service.js';
import { OpenApiChecker } from '../support/openapi-checker.js';
import { OPERATIONS } from '../support/operations.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const at = (id: string, rest = '') => `${WORKFLOWS}/${id}${rest}`;

/** A service over a Redis, usually behind a proxy that can be cut. */
async function startOver(port: number): Promise<Service> {
  const service = new Service('redis');
  // Long timeouts: on a busy machine only the proxy may take Redis away.
  const times = { REDIS_SOCKET_TIMEOUT: '10s', REDIS_SOCKET_CONNECT_TIMEOUT: '10s' };
  service.app = await serveBuilt({ REDIS_URL: `redis://127.0.0.1:${port}`, ...times });
  service.url = (await service.app.getUrl()).replace('[::1]', '127.0.0.1');
  service.checker = new OpenApiChecker((await (await fetch(`${service.url}/openapi.json`)).json()) as never);
  return service;
}

describe('the service while Redis is unreachable, and afterwards', () => {
  let redis: RedisProcess;
  let proxy: TcpProxy;
  let service: Service;
  let other: Service;
  let id: string;

  beforeAll(async () => {
    redis = await startRedisProcess();
    proxy = await startProxy(redis.port);
    [service, other] = [await startOver(proxy.port), await startOver(redis.port)];
  });
  afterAll(async () => {
    await service.app.close();
    await other.app.close();
    await proxy.close();
    await redis.stop();
  });
  beforeEach(() => {
    id = `w-${randomUUID()}`;
  });

  const mode = async () => (await service.get('/health')).json.details.storage.mode;
  const leave = async () => {
    proxy.down();
    await until(async () => (await mode()) === 'detached', 'the service is detached');
  };
  const comeBack = async () => {
    proxy.up();
    await until(async () => (await mode()) === 'attached', 'the service is attached again');
  };

  it('says so in every answer, stays ready, and serves held copies with a warning', async () => {
    const put = await service.put(at(id), { state: { n: 1 } });
    expect(put.headers.get('x-waymark-storage')).toBe('redis');
    await leave();
    const read = await service.get(at(id));
    expect([read.status, read.json.state, read.headers.get('etag')]).toEqual([200, { n: 1 }, put.headers.get('etag')]);
    expect(read.headers.get('x-waymark-storage')).toBe('detached; volatile');
    expect(read.headers.get('warning')).toMatch(/^110 /);
    expect((await service.get(at(id), { headers: { 'if-match': '"another-1"' } })).status).toBe(503);
    const same = await service.get(at(id), { headers: { 'if-none-match': String(put.headers.get('etag')) } });
    expect([same.status, same.headers.get('warning')]).toEqual([304, read.headers.get('warning')]);
    const ready = await service.get('/health/ready');
    expect([ready.status, ready.json.status]).toEqual([200, 'degraded']);
    expect((await service.get('/status')).json.storage).toBe('detached');
    const unknown = await service.get(at('nobody-knows'));
    expect([unknown.status, unknown.json.code, unknown.headers.get('retry-after')]).toEqual([
      503,
      'STORE_UNAVAILABLE',
      '1',
    ]);
    const batch = await service.post(`${WORKFLOWS}/batch-get`, { ids: [id, 'nobody-knows'] });
    expect(batch.status).toBe(503);
    const metrics = (await service.get('/metrics')).text;
    expect(metrics).toContain('waymark_store_mode{mode="detached"} 1');
    expect(Number(/waymark_detached_seconds_total ([\d.]+)/.exec(metrics)?.[1])).toBeGreaterThan(0);
    await comeBack();
    expect((await service.get(at(id))).headers.get('warning')).toBeNull();
    expect((await service.get('/metrics')).text).toContain('waymark_store_mode{mode="attached"} 1');
  });

  it('accepts writes to workflows it knows, and Redis has them afterwards', async () => {
    await service.put(at(id), { state: { status: 'new' } });
    await leave();
    const first = await service.put(at(id), { state: { status: 'going' } });
    const tag = String(first.headers.get('etag'));
    expect([first.status, first.json.version]).toEqual([200, 2]);
    expect(tag).toMatch(/^"detached-/);
    const headers = { 'if-match': tag };
    expect((await service.put(at(id, '/status'), { status: 'done' }, { headers })).status).toBe(200);
    expect((await service.put(at(id, '/status'), { status: 'late' }, { headers })).status).toBe(412);
    expect((await service.post(at(id, '/logs'), { m: 1 })).headers.get('warning')).toBeNull();
    const created = await service.post(WORKFLOWS, { state: { made: 'here' } });
    expect(created.status).toBe(201);
    expect((await service.post(WORKFLOWS, { id: 'chosen', state: {} })).status).toBe(503);
    const forked = await service.post(at(id, '/fork'), {});
    expect(forked.status).toBe(201);
    const enqueued = await service.post('/v1/queues/detached/tasks', { payload: 1, workflowId: id });
    expect([enqueued.status, enqueued.json.status]).toEqual([201, 'ready']);
    expect((await service.post('/v1/queues/detached/claims', {})).status).toBe(503);
    expect((await service.get(WORKFLOWS)).status).toBe(503);
    expect((await service.get(at(id, '/versions?order=asc'))).status).toBe(503);
    expect((await service.get(at(id, '/conflicts?include=state'))).status).toBe(503);
    const commit = await service.post('/v1/commits', {
      patches: [{ id, merge: { from: 'a commit' } }],
      publish: [{ channel: 'c', type: 't', payload: {} }],
    });
    expect([commit.status, commit.json.eventIds.length]).toEqual([200, 1]);
    const claiming = await service.post('/v1/commits', {
      patches: [{ id, merge: { never: true } }],
      claimNext: { queue: 'detached' },
    });
    expect(claiming.status).toBe(503);
    await comeBack();
    const after = await other.get(at(id));
    expect(after.json).toMatchObject({ version: 5, state: { status: 'done', from: 'a commit', logs: [{ m: 1 }] } });
    expect((await other.get(at(created.json.id))).json).toMatchObject({ version: 1, state: { made: 'here' } });
    expect((await other.get(at(forked.json.id))).json.state).toMatchObject({ status: 'done' });
    expect((await other.get(`/v1/tasks/${enqueued.json.id}`)).json.status).toBe('ready');
    expect((await other.get(at(id, '/conflicts'))).json).toEqual({ items: [], nextBefore: null });
  });

  describe('what met a newer state', () => {
    let key: string;

    /** Creates a conflict: `detached` was acknowledged, `newer` is in Redis. */
    const conflicting = async (method: 'PUT' | 'DELETE', detached?: object) => {
      key = randomUUID();
      await service.put(at(id), { state: { is: 'old' } });
      await leave();
      const headers = { 'idempotency-key': key, ...(method === 'PUT' && { 'x-waymark-note': 'important' }) };
      const answer = await service.call(method, at(id), { ...(detached && { json: detached }), headers });
      expect(answer.status).toBeLessThan(300);
      await other.put(at(id), { state: { is: 'newer' } });
      await comeBack();
      expect((await other.get(at(id))).json.state).toEqual({ is: 'newer' });
      return answer;
    };
    const resolve = (body: object, headers: Record<string, string> = {}) =>
      other.post(at(id, '/conflicts/1/resolve'), body, { headers });

    it('is listed, shown, and resolved with what was acknowledged', async () => {
      const acknowledged = await conflicting('PUT', { state: { is: 'detached' } });
      const list = await other.get(at(id, '/conflicts'));
      expect(list.json.items).toMatchObject([
        { n: 1, is: 'state', etag: acknowledged.json.etag, note: 'important', reason: 'VERSION_CONFLICT' },
      ]);
      const one = await other.get(at(id, '/conflicts/1'));
      expect(one.json.state).toEqual({ is: 'detached' });
      expect(list.json.items[0]).not.toHaveProperty('state');
      expect((await other.get(at(id, '/conflicts?include=state'))).json.items).toEqual([one.json]);
      expect((await other.get(at(id, '/conflicts?include=all'))).status).toBe(422);
      expect((await other.get(at(id, '/conflicts/2'))).status).toBe(404);
      expect((await other.get(at(id, '/conflicts/x'))).status).toBe(404);

      const repeated = await service.put(
        at(id),
        { state: { is: 'detached' } },
        { headers: { 'idempotency-key': key } },
      );
      expect([repeated.status, repeated.json.code, repeated.json.conflicts]).toEqual([
        409,
        'KEPT_AS_CONFLICT',
        [{ id, n: 1 }],
      ]);
      expect(repeated.headers.get('link')).toBe(`<${at(id, '/conflicts/1')}>; rel="related"`);

      expect((await resolve({ use: 'detached' }, { 'if-match': '"another-1"' })).status).toBe(412);
      const tag = String((await other.get(at(id))).headers.get('etag'));
      const once = { 'if-match': tag, 'idempotency-key': randomUUID() };
      const resolved = await resolve({ use: 'detached' }, once);
      expect([resolved.status, resolved.json.state, resolved.json.version]).toEqual([200, { is: 'detached' }, 3]);
      const again = await resolve({ use: 'detached' }, once);
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([204, 'true']);
      const gone = await resolve({ use: 'current' });
      expect([gone.status, gone.json.code]).toEqual([404, 'CONFLICT_NOT_FOUND']);
      expect((await other.get(at(id, '/conflicts'))).json.items).toEqual([]);
    });

    it('is resolved with what is current, or with another state', async () => {
      await conflicting('PUT', { state: { is: 'detached' } });
      const tag = String((await other.get(at(id))).headers.get('etag'));
      expect((await resolve({ use: 'current' }, { 'if-match': '"another-1"' })).status).toBe(412);
      expect((await resolve({})).status).toBe(422);
      expect((await resolve({ use: 'current' }, { 'if-match': tag })).status).toBe(204);
      expect((await other.get(at(id))).json).toMatchObject({ version: 2, state: { is: 'newer' } });

      id = `w-${randomUUID()}`;
      await conflicting('PUT', { state: { is: 'detached' } });
      const resolved = await resolve({ use: { is: ['both'] }, ttlSeconds: null });
      expect([resolved.status, resolved.json.state, resolved.json.expiresAt]).toEqual([200, { is: ['both'] }, null]);
    });

    it('may be a delete, which has no state', async () => {
      await conflicting('DELETE');
      const one = await other.get(at(id, '/conflicts/1'));
      expect([one.status, one.json.is, 'state' in one.json]).toEqual([200, 'delete', false]);
      expect((await resolve({ use: 'detached' })).status).toBe(204);
      expect((await other.get(at(id))).status).toBe(404);
      expect((await other.get(at(id, '/conflicts/1'))).status).toBe(404);
    });

    it('may be tasks without a workflow, which follow when it is resolved so', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      const task = { id, payload: { of: 'the second request' } };
      await leave();
      expect((await other.post('/v1/queues/refused/tasks', { payload: 'of the first' }, { headers })).status).toBe(201);
      expect((await service.post('/v1/queues/refused/tasks', task, { headers })).status).toBe(201);
      await comeBack();
      expect((await other.get(`/v1/tasks/${id}`)).status).toBe(404);
      const one = await other.get(at(id, '/conflicts/1'));
      expect(one.json).toMatchObject({
        is: 'tasks',
        reason: 'IDEMPOTENCY_MISMATCH',
        tasks: [{ id, queue: 'refused' }],
      });
      expect([one.status, 'state' in one.json]).toEqual([200, false]);
      expect((await resolve({ use: 'detached' })).status).toBe(204);
      expect((await other.get(`/v1/tasks/${id}`)).json).toMatchObject({ status: 'ready', payload: task.payload });
      expect((await other.get(at(id, '/conflicts'))).json.items).toEqual([]);
    });

    it('exercised all routes of conflicts', () => {
      expect([...other.checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.conflicts]));
    });
  });
});

describeService('conflicts of an engine that has none', (service) => {
  it('are an empty list, for any workflow', async () => {
    for (const query of ['', '?include=state']) {
      const list = await service.get(at('any', `/conflicts${query}`));
      expect([list.status, list.json]).toEqual([200, { items: [], nextBefore: null }]);
    }
    expect((await service.get(at('any', '/conflicts/1'))).status).toBe(404);
    expect((await service.post(at('any', '/conflicts/1/resolve'), { use: 'current' })).status).toBe(404);
  });
});
