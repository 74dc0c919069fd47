import { afterAll, beforeAll, expect, it, describe } from '@jest/globals';
import { Redis } from 'ioredis';
import { AS_OPERATOR, WITH_OPERATOR } from '../support/operator.js';
import { contentsOf, FOREIGN_TYPES, plant } from '../support/neighbours.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

describe('a workflow in Redis, as older programs and operators see it', () => {
  let process: RedisProcess;
  let redis: Redis;
  let service: ServiceProcess;

  beforeAll(async () => {
    process = await startRedisProcess();
    redis = new Redis({ host: '127.0.0.1', port: process.port });
    service = await startService({
      REDIS_SOCKET_TIMEOUT: '2s',
      REDIS_URL: `redis://127.0.0.1:${process.port}`,
      REDIS_FALLBACK: 'none',
      ...WITH_OPERATOR,
    });
  });

  afterAll(async () => {
    await service.stop();
    redis.disconnect();
    await process.stop();
  });

  const call = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
    const init = {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body }),
    };
    const answer = await fetch(`${service.url}/v1/workflows${path}`, init);
    const text = await answer.text();
    return {
      status: answer.status,
      etag: answer.headers.get('etag'),
      json: text === '' ? undefined : JSON.parse(text),
    };
  };

  it('is exactly the JSON that was written, for 24 hours', async () => {
    const state = '{"b": 12345678901234567890, "a": [1.0, "ü"]}';
    await call('PUT', '/exact/state', state);
    expect(await redis.get('document_workflow:exact')).toBe(state);
    const ttl = await redis.ttl('document_workflow:exact');
    expect(ttl).toBeGreaterThan(86_390);
    expect(ttl).toBeLessThanOrEqual(86_400);
  });

  it('ends at its deadline, its history a little later, and the sweep removes the rest', async () => {
    await call('PUT', '/together', '{"state":1,"ttlSeconds":500}');
    await call('PUT', '/together', '{"state":2,"ttlSeconds":900}');
    const keys = ['', '_meta', '_history'].map((part) => `document_workflow${part}:together`);
    const [state, meta, history] = (await Promise.all(keys.map((key) => redis.call('PEXPIRETIME', key)))) as number[];
    expect([Number(state) > Date.now(), meta, Number(history) - Number(state)]).toEqual([true, -1, 112_500]);
    // The history of a workflow that is written often is not given a new expiry each time.
    await call('PUT', '/together', '{"state":3,"ttlSeconds":900}');
    expect(await redis.call('PEXPIRETIME', keys[2] as string)).toBe(history);
    await call('PUT', '/together', '{"state":4,"ttlSeconds":2000}');
    expect(Number(await redis.call('PEXPIRETIME', keys[2] as string))).toBeGreaterThan(Number(history));
    await call('POST', '/together/touch', '{"ttlSeconds":null}');
    expect(await Promise.all(keys.map((key) => redis.ttl(key)))).toEqual([-1, -1, -1]);
    await call('DELETE', '/together');
    expect(await redis.exists(...keys)).toBe(0);
    expect(await redis.zscore('document_workflow_index:updated', 'together')).toBeNull();
  });

  it('may have been written by an older program: it is served, and adopted by the first write', async () => {
    await redis.setex('document_workflow:legacy', 86_400, '{"status":"generating","n":12345678901234567890}');
    const read = await call('GET', '/legacy');
    expect([read.status, read.json.version, read.json.state.status]).toEqual([200, 1, 'generating']);
    expect((await call('GET', '/legacy')).etag).toBe(read.etag);
    expect((await call('GET', '/count?status=generating')).json).toEqual({ count: 0 });
    const headers = { 'content-type': 'application/merge-patch+json', 'if-match': String(read.etag) };
    expect((await call('PATCH', '/legacy/state', '{"x":1}', headers)).json.version).toBe(2);
    expect(await redis.get('document_workflow:legacy')).toBe('{"status":"generating","n":12345678901234567890,"x":1}');
    expect((await call('GET', '?status=generating')).json.items).toMatchObject([{ id: 'legacy', version: 2 }]);
    expect((await call('GET', '/legacy/versions')).json.items.map(({ cause }: { cause: string }) => cause)).toEqual([
      'patch',
      'adopt',
    ]);
  });

  it('may be overwritten by other programs, and is never served under the old etag', async () => {
    const { etag } = await call('PUT', '/theirs', '{"state":{"status":"ours"}}');
    await redis.setex('document_workflow:theirs', 3600, '{"status":"theirs"}');
    const read = await call('GET', '/theirs');
    expect([read.json.version, read.json.state]).toEqual([2, { status: 'theirs' }]);
    expect(read.etag).not.toBe(etag);
    expect((await call('PUT', '/theirs', '{"state":1}', { 'if-match': String(etag) })).status).toBe(412);
    expect((await call('GET', '?status=theirs')).json.items).toMatchObject([{ id: 'theirs', version: 2 }]);
    expect((await call('GET', '/count?status=ours')).json).toEqual({ count: 0 });
    // The same length and no expiry before and after: only the deadline tells.
    await redis.set('document_workflow:theirs', '{"status":"THEIRS"}');
    expect((await call('GET', '/theirs')).json).toMatchObject({
      version: 3,
      expiresAt: null,
      state: { status: 'THEIRS' },
    });
  });

  it('may be deleted by other programs', async () => {
    await call('PUT', '/gone', '{"state":{"user_id":"gone"},"ttlSeconds":null}');
    await redis.del('document_workflow:gone');
    expect((await call('GET', '/gone')).status).toBe(404);
    expect((await call('GET', '?user_id=gone')).json.items).toEqual([]);
    expect((await call('GET', '/count?user_id=gone')).json).toEqual({ count: 0 });
    expect((await call('PUT', '/gone', '{"state":1}')).json.version).toBe(1);
  });

  it('may be no JSON at all', async () => {
    await redis.set('document_workflow:text', 'not json');
    const read = await call('GET', '/text');
    expect([read.status, read.json.code]).toEqual([500, 'STATE_NOT_JSON']);
    expect((await call('PUT', '/text', '{"state":1}')).status).toBe(200);
  });

  it('may be unreadable, and hides nothing else', async () => {
    for (const id of ['good', 'bad', 'list']) await call('PUT', `/${id}`, '{"state":{"user_id":"mixed"}}');
    await redis.set('document_workflow:bad', 'not json');
    await redis.del('document_workflow:list');
    await redis.rpush('document_workflow:list', 'no text at all');
    for (const include of ['', '&include=state']) {
      const { status, json } = await call('GET', `?user_id=mixed${include}`);
      expect([status, json.items.map(({ id }: { id: string }) => id)]).toEqual([200, expect.arrayContaining(['good'])]);
    }
    const some = await call('POST', '/batch-get', '{"ids":["good","bad","list"]}');
    expect(some.json).toMatchObject({
      items: [{ id: 'good' }, { id: 'bad', missing: true }, { id: 'list', missing: true }],
    });
    const exported = await (await fetch(`${service.url}/v1/export`, { headers: AS_OPERATOR })).text();
    expect(exported).toMatch(/"id":"good"[^]*"kind":"end"/);
    for (const id of ['bad', 'list']) {
      const code = id === 'bad' ? 'STATE_NOT_JSON' : 'STORE_KEY_TAKEN';
      expect((await call('GET', `/${id}`)).json.code).toBe(code);
    }
    expect((await call('PUT', '/bad', '{"state":1}')).status).toBe(200);
    expect((await call('GET', '/bad')).json.state).toBe(1);
  });

  it.each(Object.keys(FOREIGN_TYPES).filter((type) => type !== 'string'))(
    'may be a %s of another program, which is named and never changed',
    async (type) => {
      const id = `taken-${type}`;
      const key = `document_workflow:${id}`;
      await plant(redis, key, type);
      const before = await contentsOf(redis, [key]);
      const answers = [
        await call('GET', `/${id}`),
        await call('PUT', `/${id}`, '{"state":1}'),
        await call('PUT', `/${id}`, '{"state":1}', { 'if-none-match': '*' }),
        await call('DELETE', `/${id}`),
        await call('POST', `/${id}/touch`, '{"ttlSeconds":5}'),
      ];
      for (const { status, json } of answers) {
        expect([status, json.code, json.key]).toEqual([503, 'STORE_KEY_TAKEN', key]);
        expect(json.detail).toContain(key);
      }
      expect(await contentsOf(redis, [key])).toEqual(before);
      const health = await (await fetch(`${service.url}/health`)).text();
      expect(health).toContain(`under the key ${key}`);
    },
  );

  it('is never flushed or reconfigured, and scanned only by the first start', async () => {
    await call('GET', '?limit=1000&include=state');
    const stats = await redis.info('commandstats');
    const used = [...stats.matchAll(/cmdstat_([^:]+):/g)].map(([, name]) => name);
    expect(used.filter((name) => /^(keys|flush.*|config\|set|config)$/.test(name ?? ''))).toEqual([]);
    expect(used).toContain('evalsha');
    await redis.config('RESETSTAT');
    const again = await startService({ REDIS_URL: `redis://127.0.0.1:${process.port}` });
    await again.stop();
    expect(await redis.info('commandstats')).not.toMatch(/cmdstat_scan/);
  });

  it('is neither invented nor lost while Redis is unreachable', async () => {
    await call('PUT', '/survivor', '{"state":"kept"}');
    const { child } = service;
    process.pause();
    const refused = await Promise.all([call('GET', '/survivor'), call('PUT', '/other', '{"state":1}')]);
    expect(refused.map(({ status, json }) => [status, json.code])).toEqual([
      [503, 'STORE_UNAVAILABLE'],
      [503, 'OUTCOME_UNKNOWN'],
    ]);
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${service.url}/status`)).status).toBe(200);
    process.resume();
    await until(async () => (await call('GET', '/survivor')).status === 200, 'the service has found Redis again');
    expect((await call('GET', '/survivor')).json.state).toBe('kept');
    expect(child.exitCode).toBeNull();
  });
});
