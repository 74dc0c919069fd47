import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Commit } from '../../src/engine/commit.js';
import { Engine } from '../../src/engine/engine.js';
import type { Arrived, ArrivalOptions } from '../../src/engine/moving/arrival.js';
import type { Moved } from '../../src/engine/moving/moved.js';
import { stampOf } from '../../src/engine/moving/stamp.js';
import { FAIL, readTask, readWorkflow } from '../support/moving.js';
import { once, put } from '../support/parts.js';
import { claimOf, newTask } from '../support/tasks.js';
import { until } from '../support/until.js';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';

Logger.overrideLogger(false);

const FULL = [503, 'STORE_FULL', '5'];

const codeOf = (error: { code?: string }) => error.code;

/** Far below what the server itself takes, so that it is full in any case. */
const TOO_LITTLE = '1mb';

describe('a Redis without memory (invariant 19)', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let service: OpenService;
  let tokens: Record<string, string>;

  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
    service = await openService({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, QUEUE_MAX_TASKS: '6' });
  });

  afterAll(async () => {
    await service.close();
    direct.disconnect();
    await redis.stop();
  });

  const call = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const answer = await service.call(method, path, body, headers);
    return { ...answer, refusal: [answer.status, answer.json?.code, answer.headers.get('retry-after')] };
  };
  const merge = { 'content-type': 'application/merge-patch+json' };

  /** Two workflows, a claimed task for each kind of end, and one that waits; then Redis is out of memory. */
  beforeEach(async () => {
    await direct.config('SET', 'maxmemory', '0');
    await direct.flushall();
    for (const id of ['a', 'b']) await call('PUT', `/v1/workflows/${id}`, { state: { of: id } });
    for (const id of ['done', 'failed', 'released', 'committed', 'waiting'])
      expect((await call('POST', '/v1/queues/q/tasks', { id, payload: 1, workflowId: 'a' })).status).toBe(201);
    const { json } = await call('POST', '/v1/queues/q/claims', { max: 4 });
    tokens = Object.fromEntries(
      json.tasks.map((task: { id: string; leaseToken: string }) => [task.id, task.leaseToken]),
    );
    await direct.config('SET', 'maxmemory', TOO_LITTLE);
  });

  /** Everything that a refused request must leave unchanged. */
  const dump = async () => {
    const keys = (await direct.keys('*')).filter(
      (key) => !/^(once|fence|queue:(settings|workers|seen|rate))/.test(key),
    );
    const values = await Promise.all(
      keys.toSorted().map(async (key) => [key, (await direct.dumpBuffer(key))?.toString('hex')]),
    );
    return Object.fromEntries(values) as Record<string, string>;
  };

  it('refuses requests that take memory: 503 STORE_FULL, and nothing has changed', async () => {
    const before = await dump();
    const refused = await Promise.all([
      call('PUT', '/v1/workflows/new', { state: 1 }),
      call('PUT', '/v1/workflows/a', { state: { of: 'another' } }),
      call('PATCH', '/v1/workflows/a/state', { more: 1 }, merge),
      call('POST', '/v1/queues/q/tasks', { payload: 1 }),
      call('POST', '/v1/commits', { puts: [{ id: 'a', state: 1 }], deletes: [{ id: 'b' }] }),
      call('POST', '/v1/commits', {
        ack: { taskId: 'committed', leaseToken: tokens['committed'] },
        patches: [{ id: 'a', merge: { step: 2 } }],
        enqueue: [{ queue: 'next', payload: 2 }],
        publish: [{ channel: 'c', type: 't', payload: 3 }],
      }),
    ]);
    expect(refused.map(({ refusal }) => refusal)).toEqual(refused.map(() => FULL));
    expect(await dump()).toEqual(before);
    await direct.config('SET', 'maxmemory', '0');
    expect((await call('PUT', '/v1/workflows/new', { state: 1 })).status).toBe(201);
  });

  it('reports a full queue before a full store', async () => {
    await direct.config('SET', 'maxmemory', '0');
    expect((await call('POST', '/v1/queues/q/tasks', { payload: 1 })).status).toBe(201);
    await direct.config('SET', 'maxmemory', TOO_LITTLE);
    expect((await call('POST', '/v1/queues/q/tasks', { payload: 1 })).json.code).toBe('QUEUE_FULL');
  });

  it('still answers reads', async () => {
    expect((await call('GET', '/v1/workflows/a')).json.state).toEqual({ of: 'a' });
    expect((await call('GET', '/v1/workflows')).json.items).toHaveLength(2);
    expect((await call('GET', '/v1/tasks/waiting')).json.status).toBe('ready');
    expect((await call('GET', '/v1/queues/q')).json.depth).toMatchObject({ ready: 1, leased: 4 });
  });

  it('still executes requests that free memory: ends of tasks, claims, deletes', async () => {
    const step = (id: string, what: string, body: object = {}) =>
      call('POST', `/v1/tasks/${id}/${what}`, { leaseToken: tokens[id], ...body });
    expect((await step('done', 'complete', { result: 1 })).status).toBe(200);
    const error = { code: 'X', message: 'on purpose', retryable: false };
    expect((await step('failed', 'fail', { error })).json.status).toBe('dead');
    expect((await step('released', 'release')).json.status).toBe('ready');
    expect((await step('committed', 'heartbeat')).status).toBe(200);
    const ack = { taskId: 'committed', leaseToken: tokens['committed'] };
    expect((await call('POST', '/v1/commits', { ack, deletes: [{ id: 'b' }] })).status).toBe(200);
    const { json } = await call('POST', '/v1/queues/q/claims', { max: 5 });
    expect(json.tasks.map(({ id }: { id: string }) => id).toSorted()).toEqual(['released', 'waiting']);
    expect((await call('DELETE', '/v1/queues/q/dead', { max: 10 })).status).toBe(200);
    expect((await call('GET', '/v1/tasks/failed')).status).toBe(404);
    expect((await call('DELETE', '/v1/workflows/a?tasks=cancel')).status).toBe(204);
    expect((await call('GET', '/v1/workflows')).json.items).toEqual([]);
  });

  it('refuses a write behind a read in the same call', async () => {
    const engine = service.app.get(Engine);
    const commit = (parts: object) => engine.commit('default', { once: once(), ...parts }).then(() => 'done', codeOf);
    // Requests of one turn of the event loop go to Redis in one call, and Redis checks the memory at its first write only.
    const said = await Promise.all([
      commit({ deletes: [{ id: 'b' }] }),
      commit({ puts: [put('c', 1)] }),
      engine.tasks.claim('default', claimOf('empty', 1), 'claim').then(() => 'done', codeOf),
      commit({ enqueue: [newTask('q')] }),
    ]);
    expect(said).toEqual(['done', 'STORE_FULL', 'done', 'STORE_FULL']);
  });

  const message = { channel: 'c', type: 't', payload: '1' };
  const deletes = [{ id: 'b' }];
  it.each<[string, Omit<Commit, 'once'>]>([
    ['a put over a value of another program', { puts: [put('theirs', 1)] }],
    ['puts over values of other programs', { puts: [put('theirs', 1), put('others', 1)] }],
    ['such a put and one over a version', { puts: [put('theirs', 1), put('a', 1)] }],
    ['such a put and a message', { puts: [put('theirs', 1)], publish: [message] }],
    ['such a put and a delete', { puts: [put('theirs', 1)], deletes }],
    ['a put and a delete', { puts: [put('a', 1)], deletes }],
    ['a touch and a delete', { touches: [{ id: 'a', ttl: 60_000 }], deletes }],
    ['a message and a delete', { publish: [message], deletes }],
    ['a change of a board and a delete', { board: { board: 'x', add: { n: 1 } }, deletes }],
    ['a touch alone', { touches: [{ id: 'a', ttl: null }] }],
    ['a message alone', { publish: [message] }],
    ['a change of a board alone', { board: { board: 'x', add: { n: 1 } } }],
  ])('refuses %s, and changes nothing', async (_name, commit) => {
    const theirs = ['theirs', 'others'].flatMap((id) => [`document_workflow:${id}`, '{"of":"another program"}']);
    await direct.config('SET', 'maxmemory', '0');
    await direct.mset(theirs);
    await direct.config('SET', 'maxmemory', TOO_LITTLE);
    const before = await dump();
    const engine = service.app.get(Engine);
    const said = await engine.commit('default', { once: once(), ...commit }).then(() => 'done', codeOf);
    expect([said, await dump()]).toEqual(['STORE_FULL', before]);
  });

  it('refuses records that are moved in, also those that replace others, and changes nothing', async () => {
    const engine = service.app.get(Engine);
    const workflow = await readWorkflow(engine, 'default', 'a');
    const task = await readTask(engine, 'default', 'waiting');
    const next = { ...workflow, version: 2, check: 'next', history: [workflow] };
    const arrivals: (ArrivalOptions & { readonly record: Moved; readonly arrived: Arrived })[] = [
      { ...FAIL, record: { ...workflow, id: 'new' }, arrived: 'created' },
      { ...FAIL, record: next, replaces: stampOf(workflow), arrived: 'updated' },
      { ...FAIL, record: { ...task, id: 'new' }, arrived: 'created' },
      { ...FAIL, record: { ...task, priority: 1 }, replaces: stampOf(task), arrived: 'updated' },
      { ...FAIL, record: { kind: 'queue', id: 'q', isPaused: true }, arrived: 'updated' },
      { ...FAIL, record: { kind: 'board', id: 'b', counts: { n: 1 }, notices: [], entries: [] }, arrived: 'created' },
    ];
    const before = await dump();
    for (const { record, arrived: _, ...options } of arrivals) {
      const said = await engine.moving.put('default', record, options).catch(codeOf);
      expect([record.kind, record.id, said]).toEqual([record.kind, record.id, 'STORE_FULL']);
      expect(await dump()).toEqual(before);
    }
    await direct.config('SET', 'maxmemory', '0');
    for (const { record, arrived, ...options } of arrivals) {
      expect(await engine.moving.put('default', record, options)).toBe(arrived);
    }
  });

  it('still removes records that were moved away', async () => {
    const { moving } = service.app.get(Engine);
    const workflow = await readWorkflow(service.app.get(Engine), 'default', 'b');
    const task = await readTask(service.app.get(Engine), 'default', 'waiting');
    expect(await moving.remove('default', 'workflow', 'b', stampOf(workflow))).toBe(true);
    expect(await moving.remove('default', 'task', 'waiting', stampOf(task))).toBe(true);
  });

  it('can be freed by a service that has just started', async () => {
    await direct.del('waymark:epoch');
    for (const fallback of ['none', 'memory']) {
      const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, REDIS_FALLBACK: fallback };
      const fresh = await openService(env);
      const id = fallback === 'none' ? 'a' : 'b';
      expect((await fresh.call('DELETE', `/v1/workflows/${id}`)).status).toBe(204);
      await fresh.close();
    }
  });

  it('is freed by the sweep of what has expired', async () => {
    // A service that has just started announces its writes; the announcements of the other one were flushed.
    const fresh = await openService({ REDIS_URL: `redis://127.0.0.1:${redis.port}` });
    await direct.config('SET', 'maxmemory', '0');
    const shortLived = { state: { status: 'open' }, ttlSeconds: 1 };
    for (let n = 0; n < 2; n++) await fresh.call('PUT', '/v1/workflows/short', shortLived);
    await direct.config('SET', 'maxmemory', TOO_LITTLE);
    const engine = fresh.app.get(Engine);
    const isGone = async () => {
      await engine.sweep();
      return (await direct.exists('document_workflow_meta:short', 'document_workflow_history:short')) === 0;
    };
    await until(isGone, 'nothing is left of it');
    expect(await direct.zscore('document_workflow_index:updated', 'short')).toBeNull();
    expect(await direct.zscore('waymark:tenants', 'default')).not.toBeNull();
    await fresh.close();
  });

  it('is said in /health', async () => {
    const { status, json } = await call('GET', '/health');
    expect([status, json.details.storage.condition]).toEqual([200, 'degraded']);
    expect(json.details.storage.warnings.join()).toMatch(/memory is \d+ % full; at 100 % Redis refuses writes/);
  });
});
