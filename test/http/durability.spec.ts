import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Engine } from '../../src/engine/engine.js';
import type { RunningRedis } from '../support/redis-kinds/redis-kind.js';
import { startRest } from '../support/redis-kinds/rest.js';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startProxy } from '../support/tcp-proxy.js';
import { inStep } from '../support/in-step.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const REPLICATED = { 'waymark-durability': 'replicated' };

/** Longer than a busy machine takes for some writes, which must not wait for it. */
const CONFIRM_TIMEOUT = '5s';
const serve = (env: Record<string, string>) => openService({ ...env, REDIS_CONFIRM_TIMEOUT: CONFIRM_TIMEOUT });

describe('a write that asks for a replica', () => {
  let [master, replica]: RedisProcess[] = [];
  let direct: Redis;
  let toReplica: Redis;
  let service: OpenService;
  const call = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
    service.call(method, path, body, headers);

  beforeAll(async () => {
    const server = await startRedisProcess('--repl-diskless-sync-delay', '0');
    master = server;
    replica = await startRedisProcess('--replicaof', '127.0.0.1', String(server.port));
    direct = new Redis({ host: '127.0.0.1', port: server.port });
    toReplica = new Redis({ host: '127.0.0.1', port: replica.port });
    await inStep(toReplica);
    service = await serve({ REDIS_URL: `redis://127.0.0.1:${server.port}` });
  });

  afterAll(async () => {
    await service.close();
    direct.disconnect();
    toReplica.disconnect();
    await replica?.stop();
    await master?.stop();
  });

  afterEach(() => replica?.resume());

  const at = (id: string) => `/v1/workflows/${id}`;

  it('is answered when the replica has it', async () => {
    for (let i = 1; i <= 20; i++) {
      const { status } = await call('PUT', at('a'), REPLICATED, { state: { i } });
      expect(status).toBe(i === 1 ? 201 : 200);
      // Read without waiting: after the answer the replica has the write.
      expect(await toReplica.get('document_workflow:a')).toBe(`{"i":${i}}`);
    }
  });

  it('may be of any kind', async () => {
    const writes = [
      call('PATCH', `${at('a')}/state`, { ...REPLICATED, 'content-type': 'application/merge-patch+json' }, { p: 1 }),
      call('POST', `${at('a')}/touch`, REPLICATED, {}),
      call('POST', `/v1/queues/q/tasks`, REPLICATED, { payload: 1 }),
      call('POST', `/v1/commits`, REPLICATED, { puts: [{ id: 'b', state: 1 }] }),
    ];
    for (const { status } of await Promise.all(writes)) expect(status).toBeLessThan(300);
    const claimed = await call('POST', `/v1/queues/q/claims`, {}, { max: 1 });
    const [task] = claimed.json['tasks'] as { id: string; leaseToken: string }[];
    const done = await call('POST', `/v1/tasks/${task?.id}/complete`, REPLICATED, {
      leaseToken: task?.leaseToken,
    });
    expect(done.status).toBe(200);
    expect(await toReplica.get(`waymark:task:${task?.id}`)).toContain('done');
    expect((await call('DELETE', at('b'), REPLICATED)).status).toBe(204);
    expect(await toReplica.exists('document_workflow:b')).toBe(0);
  });

  it('is 504 when no replica says so in time: applied, with its etag, and confirmed by a repeat later', async () => {
    replica?.pause();
    const keyed = { ...REPLICATED, 'idempotency-key': 'once' };
    const write = () => call('PUT', at('late'), keyed, { state: 1 });
    const { status, json, headers } = await write();
    expect([status, json['code'], headers.get('retry-after')]).toEqual([504, 'WRITE_UNCONFIRMED', '1']);
    expect(json['detail']).toContain('is applied');
    const plain = await call('GET', at('late'), {});
    expect([plain.status, plain.json['etag']]).toEqual([200, json['etag']]);
    // While the replica is silent, a repeat is not confirmed either.
    expect((await write()).status).toBe(504);
    replica?.resume();
    await until(async () => (await write()).status === 201, 'a repeat is confirmed');
    expect((await call('GET', at('late'), {})).json['version']).toBe(1);
  });

  it('does not delay other writes, and shares one WAIT with others that wait', async () => {
    replica?.pause();
    await direct.config('RESETSTAT');
    let answered = 0;
    const waiting = Array.from({ length: 30 }, async (_, i) => {
      const { status } = await call('PUT', at(`w-${i}`), REPLICATED, { state: i });
      answered++;
      return status;
    });
    const free = Array.from({ length: 20 }, (_, i) => call('PUT', at('free'), {}, { state: i }));
    for (const { status } of await Promise.all(free)) expect(status).toBeLessThan(300);
    expect(answered).toBe(0);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([504]));
    // One WAIT covers all writes before it.
    const waits = Number(/cmdstat_wait:calls=(\d+)/.exec(await direct.info('commandstats'))?.[1]);
    expect(waits).toBeGreaterThan(0);
    expect(waits).toBeLessThanOrEqual(3);
    replica?.resume();
    await inStep(toReplica);
  });

  it('is done again where a replica has taken over that never got it', async () => {
    await until(
      async () => (await call('PUT', at('gone'), REPLICATED, { state: 0 })).status < 300,
      'it is confirmed again',
    );
    const engine = service.app.get(Engine);
    expect(await engine.confirm('default', 'a key of nothing')).toBe('gone');
    // Like a failover at the worst moment: neither the write nor its once key is on the new master.
    const commit = engine.commit.bind(engine);
    const failover = jest.spyOn(engine, 'commit').mockImplementationOnce(async (tenant, parts) => {
      const outcome = await commit(tenant, parts);
      await direct.del(
        'document_workflow:gone',
        'document_workflow_meta:gone',
        ...(await direct.keys('waymark:once:*')),
      );
      return outcome;
    });
    const again = await call('PUT', at('gone'), REPLICATED, { state: 1 });
    failover.mockRestore();
    expect([again.status, again.json['version']]).toEqual([201, 1]);
    expect(await toReplica.get('document_workflow:gone')).toBe('1');
  });

  it.each(['', 'Replicated', 'flushed', 'replicated, replicated'])('refuses the word %j', async (word) => {
    const { status, json } = await call('PUT', at('word'), { 'waymark-durability': word }, { state: 1 });
    expect([status, json['code']]).toEqual([422, 'INVALID_DURABILITY']);
    expect((await call('GET', at('word'), {})).status).toBe(404);
  });

  it('is refused where nothing is written that would be kept', async () => {
    const { status, json } = await call('POST', `/v1/queues/q/claims`, REPLICATED, { max: 1 });
    expect([status, json['code']]).toEqual([422, 'INVALID_DURABILITY']);
  });
});

describe('a write that asks for a replica where there can be none', () => {
  it.each([
    ['in memory', async (): Promise<RunningRedis> => ({ env: {}, stop: async () => undefined })],
    ['over HTTP', startRest],
  ] as const)('is refused before anything is written, %s', async (_name, start) => {
    const store = await start();
    const service = await serve({ ...store.env });
    const { status, json } = await service.call('PUT', '/v1/workflows/a', { state: 1 }, REPLICATED);
    expect([status, json['code']]).toEqual([501, 'DURABILITY_UNAVAILABLE']);
    expect((await service.call('GET', '/v1/workflows/a')).status).toBe(404);
    await service.close();
    await store.stop();
  });
});

describe('a write that asks for a replica after a failover behind one address', () => {
  const closing: (() => Promise<unknown> | void)[] = [];
  afterAll(async () => {
    for (const close of closing.toReversed()) await close();
  });

  /** The service on `after`, while its connection for confirmations still reaches `before`. */
  async function halfMoved(): Promise<OpenService> {
    const [before, after, replica] = await Promise.all([startRedisProcess(), startRedisProcess(), startRedisProcess()]);
    const toAfter = new Redis({ host: '127.0.0.1', port: after.port });
    const toReplica = new Redis({ host: '127.0.0.1', port: replica.port });
    const proxy = await startProxy(before.port);
    closing.push(
      ...[before, after, replica].map((server) => () => server.stop()),
      () => toAfter.disconnect(),
      () => toReplica.disconnect(),
      () => proxy.close(),
    );
    await toAfter.call('REPLICAOF', '127.0.0.1', String(before.port));
    await inStep(toAfter);
    const env = { REDIS_URL: `redis://127.0.0.1:${proxy.port}`, REDIS_FALLBACK: 'none' };
    // Longer than a busy machine needs.
    const service = await openService({ ...env, REDIS_CONFIRM_TIMEOUT: '20s', REDIS_SOCKET_TIMEOUT: '20s' });
    closing.push(() => service.close());
    const { open } = proxy;
    const first = await service.call('PUT', '/v1/workflows/w', { state: { logs: [] } }, REPLICATED);
    expect([first.status, proxy.open > open]).toEqual([201, true]);
    await toAfter.call('REPLICAOF', 'NO', 'ONE');
    await toReplica.call('REPLICAOF', '127.0.0.1', String(after.port));
    await inStep(toReplica);
    proxy.point(after.port, open);
    await until(async () => (await service.call('GET', '/v1/workflows/w')).status === 200, 'the service is on it');
    return service;
  }

  it('is applied once, and confirmed by the server that has it (invariant 11)', async () => {
    const service = await halfMoved();
    const { status } = await service.call('POST', '/v1/workflows/w/logs', { message: 'once' }, REPLICATED);
    const { json } = await service.call('GET', '/v1/workflows/w');
    expect([status, json.version, json.state.logs]).toEqual([200, 2, [expect.objectContaining({ message: 'once' })]]);
  });
});
