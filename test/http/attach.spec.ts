import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { OpenApiChecker } from '../support/openapi-checker.js';
import { OPERATIONS } from '../support/operations.js';
import { bearer, call, digests, fill, idOf, tenantWithKey } from '../support/migration-load.js';
import { AS_OPERATOR, WITH_OPERATOR } from '../support/operator.js';
import { openService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService } from '../support/service-process.js';
import { until } from '../support/until.js';

const WORKFLOWS = 1000;

/** Sends a waiting request again while its wait ends without a change: on a busy machine a move may take longer. */
async function repeatUntil(status: number, send: () => ReturnType<typeof call>): ReturnType<typeof call> {
  for (;;) {
    const answer = await send();
    if (answer.status === status || answer.status >= 400) return answer;
  }
}

interface Running {
  readonly url: string;
  stop(): Promise<unknown>;
}

/** In this process, unless a case is about the process. */
async function open(env: Readonly<Record<string, string>>): Promise<Running> {
  const { url, close } = await openService(env);
  return { url, stop: close };
}

describe('A service in memory moves to Redis while it serves', () => {
  let directory: string;
  let redis: RedisProcess;
  let service: Running;
  const environment = () => ({
    DATA_DIR: join(directory, 'data'),
    ENV_FILE: join(directory, 'env'),
    REDIS_SOCKET_TIMEOUT: '2s',
    ...WITH_OPERATOR,
  });
  const redisUrl = () => `redis://127.0.0.1:${redis.port}`;
  const attach = (more = {}) =>
    call(service.url, 'POST', '/v1/admin/attach', { redisUrl: redisUrl(), ...more }, AS_OPERATOR);
  const status = async () =>
    (await call(service.url, 'GET', '/v1/admin/attach', undefined, AS_OPERATOR)).json as Record<string, unknown>;
  const isOver = async () => ['done', 'failed'].includes(String((await status())['phase']));
  const storage = async () => (await call(service.url, 'GET', '/status')).json.storage as string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-attach-'));
    redis = await startRedisProcess();
    service = await open(environment());
  });
  afterEach(async () => {
    await service.stop();
    await redis.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('without losing a write, refusing a request or breaking a tag, a lease or a wait', async () => {
    const { url } = service;
    await fill(url, WORKFLOWS);
    const checker = new OpenApiChecker((await (await fetch(`${url}/openapi.json`)).json()) as never);
    const before = await call(url, 'GET', `/v1/workflows/${idOf(WORKFLOWS - 1)}`);
    const keyed = { 'idempotency-key': 'the-same' };
    const first = await call(url, 'POST', '/v1/workflows', { state: 'once' }, keyed);
    await call(url, 'POST', '/v1/queues/held/tasks', { payload: {} });
    const [task] = (await call(url, 'POST', '/v1/queues/held/claims', { worker: 'w', leaseMs: 600_000 })).json.tasks;
    const done = await doneTask(url);

    // Each writer increments a number of its own and counts the acknowledged writes.
    const counters = [0, 1, 2, 3].map((n) => ({ id: `counter-${n}`, count: 0, failures: [] as unknown[] }));
    for (const { id } of counters) await call(url, 'PUT', `/v1/workflows/${id}`, { state: { count: 0 } });
    const writers = { areStopped: false };
    const writing = counters.map(async (counter) => {
      while (!writers.areStopped) {
        const patch = { count: counter.count + 1 };
        const answer = await call(url, 'PATCH', `/v1/workflows/${counter.id}/state`, patch, {
          'content-type': 'application/merge-patch+json',
        });
        if (answer.status === 200) counter.count++;
        else counter.failures.push(answer);
      }
    });
    const claim = { worker: 'w', waitMs: 30_000 };
    const waitingClaim = repeatUntil(200, () => call(url, 'POST', '/v1/queues/later/claims', claim));
    const known = (await call(url, 'GET', `/v1/workflows/${idOf(3)}`)).json.etag as string;
    const headers = { prefer: 'wait=30', 'if-none-match': known };
    const waitingRead = repeatUntil(200, () => call(url, 'GET', `/v1/workflows/${idOf(3)}`, undefined, headers));

    const begun = await attach();
    checker.check('POST', '/v1/admin/attach', begun.status, ANSWERED, JSON.stringify(begun.json));
    expect(begun.status).toBe(202);
    await until(isOver, 'the move is over');
    const over = await status();
    checker.check('GET', '/v1/admin/attach', 200, ANSWERED, JSON.stringify(over));
    expect(over).toMatchObject({ phase: 'done', error: null, kept: 0, heldUpMs: expect.any(Number) });
    expect(await storage()).toBe('redis');
    expect([...checker.exercised]).toEqual(expect.arrayContaining([...OPERATIONS.attaching]));

    const after = Math.max(...counters.map(({ count }) => count)) + 20;
    await until(() => counters.every(({ count }) => count > after - 20), 'writing goes on');
    writers.areStopped = true;
    await Promise.all(writing);
    for (const { id, count, failures } of counters) {
      expect(failures).toEqual([]);
      const { json } = await call(url, 'GET', `/v1/workflows/${id}`);
      // One version for each write: none lost, none twice.
      expect([json.state.count, json.version]).toEqual([count, count + 1]);
    }

    const answer = await fetch(`${url}/v1/workflows/${idOf(WORKFLOWS - 1)}`);
    expect(answer.headers.get('x-waymark-storage')).toBe('redis');
    expect(answer.headers.get('etag')).toBe(before.json.etag);
    const put = await call(
      url,
      'PUT',
      `/v1/workflows/${idOf(WORKFLOWS - 1)}`,
      { state: 1 },
      { 'if-match': before.json.etag },
    );
    expect(put.status).toBe(200);
    expect((await call(url, 'POST', '/v1/workflows', { state: 'once' }, keyed)).json.id).toBe(first.json.id);
    const finished = await call(url, 'POST', `/v1/tasks/${task.id}/complete`, {
      leaseToken: task.leaseToken,
      result: 1,
    });
    expect(finished.status).toBe(200);
    const again = await call(url, 'POST', `/v1/tasks/${done.id}/complete`, {
      leaseToken: done.leaseToken,
      result: 7,
    });
    expect([again.status, again.json.replayed]).toEqual([200, true]);

    await call(url, 'POST', '/v1/queues/later/tasks', { payload: { at: 'last' } });
    expect((await waitingClaim).json.tasks).toMatchObject([{ payload: { at: 'last' } }]);
    await call(url, 'PUT', `/v1/workflows/${idOf(3)}`, { state: 'changed' });
    expect((await waitingRead).json.state).toBe('changed');

    expect((await attach()).json.code).toBe('ATTACH_REFUSED');
    await service.stop();
    await expect(open(environment())).rejects.toThrow(/was moved to Redis at 127\.0\.0\.1/);
    service = await open({ REDIS_URL: redisUrl() });
    expect((await call(service.url, 'GET', `/v1/workflows/counter-0`)).json.state.count).toBe(counters[0]?.count);
  });

  it('with its tenants and keys, each of which works all the time, or is refused all the time', async () => {
    const { url } = service;
    const tenants = ['acme', 'other'];
    const tokens = await Promise.all(tenants.map((tenant) => tenantWithKey(url, tenant)));
    const revoked = (await call(url, 'POST', '/v1/keys', { name: 'old' }, bearer(tokens[0] as string))).json;
    await call(url, 'POST', `/v1/keys/${revoked.id}/revoke`, undefined, bearer(tokens[0] as string));
    await Promise.all(tokens.map((token) => fill(url, 200, bearer(token))));
    const before = await digests(url);

    const work = { isStopped: false, writes: [0, 0], failures: [] as unknown[], made: [] as string[] };
    const working = tokens.map(async (token, i) => {
      for (let n = 1; !work.isStopped; n++) {
        const put = await call(url, 'PUT', '/v1/workflows/own', { state: { of: tenants[i], n } }, bearer(token));
        const got = await call(url, 'GET', '/v1/workflows/own', undefined, bearer(token));
        const isFine = [200, 201].includes(put.status) && got.json.state?.of === tenants[i] && got.json.state.n === n;
        if (!isFine) work.failures.push([put, got]);
        work.writes[i] = n;
        const refused = await call(url, 'GET', '/v1/whoami', undefined, bearer(revoked.key as string));
        if (refused.status !== 401) work.failures.push(refused);
        if (n % 10 !== 0) continue;
        const made = await call(url, 'POST', '/v1/keys', { name: `k-${n}` }, bearer(token));
        const who = await call(url, 'GET', '/v1/whoami', undefined, bearer(made.json.key as string));
        if (who.json.tenant === tenants[i]) work.made.push(made.json.key as string);
        else work.failures.push([made, who]);
      }
    });
    expect((await attach()).status).toBe(202);
    await until(isOver, 'the move is over');
    expect(await status()).toMatchObject({ phase: 'done', error: null });
    const most = Math.max(...work.writes);
    await until(() => work.writes.every((writes) => writes > most + 20), 'writing goes on');
    work.isStopped = true;
    await Promise.all(working);
    expect(work.failures).toEqual([]);

    await service.stop();
    service = await open({ REDIS_URL: redisUrl(), ...WITH_OPERATOR });
    const after = await digests(service.url);
    for (const [name, digest] of before) expect([name, after.get(name)]).toEqual([name, digest]);
    for (const [i, token] of tokens.entries()) {
      const { json } = await call(service.url, 'GET', '/v1/workflows/own', undefined, bearer(token));
      expect([json.state, json.version]).toEqual([{ of: tenants[i], n: work.writes[i] }, work.writes[i]]);
    }
    expect(work.made.length).toBeGreaterThan(0);
    for (const token of work.made)
      expect((await call(service.url, 'GET', '/v1/whoami', undefined, bearer(token))).status).toBe(200);
    expect((await call(service.url, 'GET', '/v1/whoami', undefined, bearer(revoked.key as string))).status).toBe(401);
  });

  it('with a tenant that is erased meanwhile, of which nothing is left, whoever removes it', async () => {
    const names = ['before', 'during', 'kept'];
    await service.stop();
    // All replicas hear of an erasure within this time.
    const env = { ...environment(), ACCESS_CACHE_TTL: '1s' };
    service = await startService(env);
    const { url } = service;
    const tokens = await Promise.all(names.map((name) => tenantWithKey(url, name)));
    for (const token of tokens) await fill(url, 200, bearer(token));
    const erase = (name: string) => call(url, 'DELETE', `/v1/tenants/${name}`, undefined, AS_OPERATOR);
    const isGone = async (name: string) =>
      (await call(url, 'GET', `/v1/tenants/${name}`, undefined, AS_OPERATOR)).status === 404;
    await erase('before');
    expect((await attach()).status).toBe(202);
    await until(async () => (await status())['phase'] !== 'connecting', 'the move has begun');
    await erase('during');
    await until(isOver, 'the move is over');
    expect(await status()).toMatchObject({ phase: 'done' });
    for (const name of ['before', 'during']) await until(() => isGone(name), `${name} is erased`);
    const direct = new Redis(redis.port, '127.0.0.1');
    const keysOf = async (name: string) => (await direct.keys(`*${name}}*`)).toSorted();
    try {
      for (const name of ['before', 'during'])
        await until(async () => (await keysOf(name)).length === 0, `nothing of ${name} is left`);
      for (const name of ['before', 'during']) await until(() => isGone(name), `${name} is gone`);
      expect((await keysOf('kept')).length).toBeGreaterThan(200);
    } finally {
      direct.disconnect();
    }
    const [, , kept = ''] = tokens;
    expect((await call(url, 'GET', '/v1/workflows/count', undefined, bearer(kept))).json.count).toBe(200);
  });

  it('or stays as it is when Redis has something else, is not there, or goes away', async () => {
    const { url } = service;
    await fill(url, 200);
    const other = await open({ REDIS_URL: redisUrl() });
    await call(other.url, 'PUT', `/v1/workflows/${idOf(5)}`, { state: 'theirs' });
    await other.stop();
    expect((await attach()).status).toBe(202);
    await until(isOver, 'the move is over');
    // The foreign Redis contains nothing of this service.
    expect(await status()).toMatchObject({
      phase: 'failed',
      error: expect.stringContaining('different records'),
      created: 0,
      updated: 0,
    });
    expect((await attach({ onConflict: 'what' })).status).toBe(422);
    expect((await attach({ redisUrl: 'http://x' })).status).toBe(422);
    const away = await attach({ redisUrl: 'redis://:a-secret@127.0.0.1:1' });
    expect([away.status, away.json.code]).toEqual([409, 'ATTACH_REFUSED']);
    expect(JSON.stringify(away.json)).not.toContain('a-secret');

    redis.pause();
    const slow = attach();
    await until(async () => (await storage()) === 'memory', 'it serves on');
    expect((await call(url, 'PUT', `/v1/workflows/${idOf(5)}`, { state: 'ours' })).status).toBe(200);
    expect((await slow).status).toBe(409);
    redis.resume();
    expect(await storage()).toBe('memory');
    // Records of earlier attempts are no conflict of the next one.
    await call(url, 'DELETE', `/v1/workflows/${idOf(7)}`);
    expect((await attach({ onConflict: 'newer' })).status).toBe(202);
    await until(isOver, 'the move is over');
    expect(await status()).toMatchObject({ phase: 'done' });
    expect((await call(url, 'GET', `/v1/workflows/${idOf(5)}`)).json.state).toBe('ours');
    expect((await call(url, 'GET', `/v1/workflows/${idOf(7)}`)).status).toBe(404);
    expect((await call(url, 'GET', '/v1/workflows/count')).json.count).toBe(199);
  });

  it('on SIGHUP, when the environment file names a Redis', async () => {
    await service.stop();
    const process = await startService(environment());
    service = process;
    await fill(service.url, 100);
    process.child.kill('SIGHUP');
    await until(() => process.log().includes('SIGHUP'), 'it says that the file is not there');
    await writeFile(join(directory, 'env'), 'LOG_LEVEL=info\n');
    process.child.kill('SIGHUP');
    await until(() => process.log().includes('names no Redis'), 'it says so');
    await writeFile(join(directory, 'env'), `REDIS_URL=${redisUrl()}\n`);
    process.child.kill('SIGHUP');
    await until(async () => (await storage()) === 'redis', 'it serves from Redis');
    expect((await call(service.url, 'GET', '/v1/workflows/count')).json.count).toBe(100);
    // The replica has held copies even if Redis goes down right after the move.
    await redis.kill();
    const held = await call(service.url, 'GET', `/v1/workflows/${idOf(50)}`);
    expect([held.status, held.json.id, await storage()]).toEqual([200, idOf(50), 'detached']);
  });
});

/** Headers that the checker needs. */
const ANSWERED = new Headers({
  'content-type': 'application/json; charset=utf-8',
  'x-waymark-storage': 'memory',
  'x-request-id': 'one',
});

async function doneTask(url: string): Promise<{ id: string; leaseToken: string }> {
  await call(url, 'POST', '/v1/queues/done/tasks', { payload: {} });
  const { tasks } = (await call(url, 'POST', '/v1/queues/done/claims', { worker: 'w' })).json;
  for (const { id, leaseToken } of tasks)
    await call(url, 'POST', `/v1/tasks/${id}/complete`, { leaseToken, result: 7 });
  return tasks[0];
}
