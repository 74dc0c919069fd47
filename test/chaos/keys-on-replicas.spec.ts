import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AS_OPERATOR, OPERATOR_TOKEN } from '../support/operator.js';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';

const REPLICAS = 3;
const ROUNDS = 30;
const WITHIN_MS = 1000;

describe('Keys on three replicas over one Redis', () => {
  let redis: RedisProcess;
  let replicas: OpenService[];
  beforeAll(async () => {
    redis = await startRedisProcess();
    const env = {
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      // Longer than any busy machine takes: this is about replicas that have Redis.
      REDIS_SOCKET_TIMEOUT: '60s',
      // Hints alone must do.
      ACCESS_CACHE_TTL: '1h',
      ADMIN_TOKEN: OPERATOR_TOKEN,
      RATE_LIMIT_ENABLED: 'false',
    };
    replicas = await Promise.all(Array.from({ length: REPLICAS }, () => openService(env)));
  });
  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.close()));
    await redis.stop();
  });

  const replica = (n: number) => replicas[n % REPLICAS] as OpenService;
  const operate = async (n: number, method: string, path: string, body?: unknown) => {
    const { status, json } = await replica(n).call(method, path, body, AS_OPERATOR);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  };
  const ask = (one: OpenService, token: string) =>
    one.call('GET', '/v1/whoami', undefined, { authorization: `Bearer ${token}` });

  /** Time until all replicas answer the token with this status; each is asked all the time. */
  async function untilAll(token: string, status: number): Promise<number> {
    const startedAt = performance.now();
    await Promise.all(
      replicas.map(async (one) => {
        while ((await ask(one, token)).status !== status)
          if (performance.now() - startedAt > 30_000) throw new Error(`not ${status} within 30 s`);
      }),
    );
    return performance.now() - startedAt;
  }

  const expectQuick = (times: readonly number[]) => {
    const sorted = times.toSorted((a, b) => a - b);
    expect(sorted.at(-1)).toBeLessThan(WITHIN_MS);
  };

  it('work on all of them at once, and are refused by all of them at once when they are revoked', async () => {
    const made: number[] = [];
    const revoked: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { id, key } = await operate(round, 'POST', '/v1/keys', { name: 'x', role: 'reader' });
      made.push(await untilAll(key, 200));
      await operate(round + 1, 'POST', `/v1/keys/${id}/revoke`);
      revoked.push(await untilAll(key, 401));
    }
    expectQuick(made);
    expectQuick(revoked);
  });

  it('work at once though they were tried before they were made', async () => {
    const { newKeyId, newToken, digestOf } = await import('../../src/access/token.js');
    for (let round = 0; round < 5; round++) {
      const id = newKeyId();
      const token = newToken({ kind: 'key', tenant: 'default', id });
      await untilAll(token, 401);
      const sha256 = digestOf(token).toString('hex');
      await operate(round, 'POST', '/v1/keys', { name: 'x', id, sha256 });
      expect(await untilAll(token, 200)).toBeLessThan(WITHIN_MS);
    }
  });

  it('are refused by all of them at once when they are rotated or deleted', async () => {
    const rotated: number[] = [];
    const deleted: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { id, key } = await operate(round, 'POST', '/v1/keys', { name: 'x', role: 'reader' });
      await untilAll(key, 200);
      const again = await operate(round + 1, 'POST', `/v1/keys/${id}/rotate`, { graceSeconds: 0 });
      rotated.push(await untilAll(key, 401));
      await untilAll(again.key, 200);
      await operate(round + 2, 'DELETE', `/v1/keys/${id}`);
      deleted.push(await untilAll(again.key, 401));
    }
    expectQuick(rotated);
    expectQuick(deleted);
  });

  it('are refused by all of them at once when their tenant is suspended, and served when it is active again', async () => {
    await operate(0, 'PUT', '/v1/tenants/acme', {});
    const made = await replica(0).call(
      'POST',
      '/v1/keys',
      { name: 'x', role: 'reader' },
      { ...AS_OPERATOR, 'waymark-tenant': 'acme' },
    );
    await untilAll(made.json.key, 200);
    const suspended: number[] = [];
    const active: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await operate(round, 'PATCH', '/v1/tenants/acme', { status: 'suspended' });
      suspended.push(await untilAll(made.json.key, 403));
      await operate(round + 1, 'PATCH', '/v1/tenants/acme', { status: 'active' });
      active.push(await untilAll(made.json.key, 200));
    }
    expectQuick(suspended);
    expectQuick(active);
  });

  it('lose and gain scopes on all of them at once', async () => {
    const { id, key } = await operate(0, 'POST', '/v1/keys', { name: 'x', role: 'reader' });
    await untilAll(key, 200);
    for (const [role, status] of [
      ['writer', 201],
      ['reader', 403],
      ['worker', 200],
    ] as const) {
      await operate(1, 'PATCH', `/v1/keys/${id}`, { role });
      const startedAt = performance.now();
      for (const one of replicas) {
        const put = async () =>
          (await one.call('PUT', '/v1/workflows/w', { state: role }, { authorization: `Bearer ${key}` })).status;
        const wanted = status === 201 ? [200, 201] : [status];
        while (!wanted.includes(await put()))
          if (performance.now() - startedAt > 30_000) throw new Error(`not ${status} within 30 s`);
      }
      expect(performance.now() - startedAt).toBeLessThan(WITHIN_MS);
    }
  });
});
