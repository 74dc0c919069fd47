import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AS_OPERATOR, OPERATOR_TOKEN } from '../support/operator.js';
import { LoopClock } from '../support/loop-clock.js';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { IS_LONG, scaled } from '../support/scale.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const REPLICAS = 3;
const ROUNDS = scaled({ short: 5, long: 200 });
const WITHIN_MS = 1000;
/** Pause between two questions to one replica. */
const EVERY_MS = 10;
const GIVE_UP_MS = 60_000;
const CACHE_TTL_MS = 2000;
const TIMEOUT_MS = IS_LONG ? 3_600_000 : 300_000;

interface MadeKey {
  readonly id: string;
  readonly key: string;
  readonly expiresAt: string | null;
  readonly oldSecretUntil: string | null;
}

/** Three replicas over one Redis, each behind a proxy of its own. */
class Replicas {
  readonly #all: { readonly service: OpenService; readonly proxy: TcpProxy }[] = [];
  #redis!: RedisProcess;

  async start(env: Readonly<Record<string, string>>): Promise<void> {
    this.#redis = await startRedisProcess();
    for (let n = 0; n < REPLICAS; n++) {
      const proxy = await startProxy(this.#redis.port);
      const service = await openService({
        REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
        // Longer than any busy machine takes: this is about replicas that have Redis.
        REDIS_SOCKET_TIMEOUT: '60s',
        ADMIN_TOKEN: OPERATOR_TOKEN,
        RATE_LIMIT_ENABLED: 'false',
        ...env,
      });
      this.#all.push({ service, proxy });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map(({ service }) => service.close()));
    await Promise.all(this.#all.map(({ proxy }) => proxy.close()));
    await this.#redis.stop();
  }

  get proxies(): readonly TcpProxy[] {
    return this.#all.map(({ proxy }) => proxy);
  }

  get services(): readonly OpenService[] {
    return this.#all.map(({ service }) => service);
  }

  async operate(n: number, method: string, path: string, body?: unknown, tenant = 'default') {
    const service = this.services[n % REPLICAS] as OpenService;
    const headers = { ...AS_OPERATOR, 'waymark-tenant': tenant };
    const { status, json } = await service.call(method, path, body, headers);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
    return json as MadeKey;
  }

  make(n: number, more: object = {}, tenant = 'default'): Promise<MadeKey> {
    return this.operate(n, 'POST', '/v1/keys', { name: 'x', role: 'reader', ...more }, tenant);
  }

  /**
   * Waits until all replicas answer the token with this status; each is asked all the time. Gives how long after the
   * beginning the last request was sent that was answered otherwise, by the clock of this process.
   */
  async untilAll(token: string, status: number): Promise<number> {
    const startedAt = clock.read();
    const giveUpAt = performance.now() + GIVE_UP_MS;
    let lastMs = 0;
    await Promise.all(
      this.services.map(async (service) => {
        for (;;) {
          const sentMs = clock.read() - startedAt;
          if ((await ask(service, token)) === status) return;
          lastMs = Math.max(lastMs, sentMs);
          if (performance.now() > giveUpAt) throw new Error(`not ${status} within ${GIVE_UP_MS} ms`);
          await sleep(EVERY_MS);
        }
      }),
    );
    return lastMs;
  }
}

async function ask(service: OpenService, token: string): Promise<number> {
  return (await service.call('GET', '/v1/whoami', undefined, { authorization: `Bearer ${token}` })).status;
}

const clock = new LoopClock();
afterAll(() => clock.stop());

const shown: string[] = [];

/** Checks the time that 99 of 100 changes take at most. */
function expectWithin(what: string, times: readonly number[], withinMs: number): void {
  const sorted = times.toSorted((a, b) => a - b);
  const [middle, p99, most] = [0.5, 0.99, 1].map((share) => sorted[Math.ceil(sorted.length * share) - 1] as number);
  shown.push(`${what}: ${[middle, p99, most].join(', ')} ms`);
  expect(p99).toBeLessThan(withinMs);
}

describe('keys on three replicas over one Redis', () => {
  const replicas = new Replicas();
  // Hints alone must do.
  beforeAll(() => replicas.start({ ACCESS_CACHE_TTL: '1h' }));
  afterAll(async () => {
    await replicas.stop();
    if (IS_LONG) console.log(`keys on replicas, median, p99 and most of ${ROUNDS}:\n${shown.join('\n')}`);
  });

  it(
    'work on all within a second, and are refused on all within a second when they are revoked (invariant 31)',
    async () => {
      const made: number[] = [];
      const revoked: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const { id, key } = await replicas.make(round);
        made.push(await replicas.untilAll(key, 200));
        await replicas.operate(round + 1, 'POST', `/v1/keys/${id}/revoke`);
        revoked.push(await replicas.untilAll(key, 401));
      }
      expectWithin('made', made, WITHIN_MS);
      expectWithin('revoked', revoked, WITHIN_MS);
    },
    TIMEOUT_MS,
  );

  it('work at once though they were tried before they were made', async () => {
    const { newKeyId, newToken, digestOf } = await import('../../src/access/token.js');
    for (let round = 0; round < 5; round++) {
      const id = newKeyId();
      const token = newToken({ kind: 'key', tenant: 'default', id });
      await replicas.untilAll(token, 401);
      await replicas.make(round, { id, sha256: digestOf(token).toString('hex') });
      expect(await replicas.untilAll(token, 200)).toBeLessThan(WITHIN_MS);
    }
  });

  it(
    'are refused on all within a second when they are rotated without a grace, or deleted',
    async () => {
      const rotated: number[] = [];
      const deleted: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const { id, key } = await replicas.make(round);
        await replicas.untilAll(key, 200);
        const again = await replicas.operate(round + 1, 'POST', `/v1/keys/${id}/rotate`, { graceSeconds: 0 });
        rotated.push(await replicas.untilAll(key, 401));
        await replicas.untilAll(again.key, 200);
        await replicas.operate(round + 2, 'DELETE', `/v1/keys/${id}`);
        deleted.push(await replicas.untilAll(again.key, 401));
      }
      expectWithin('rotated', rotated, WITHIN_MS);
      expectWithin('deleted', deleted, WITHIN_MS);
    },
    TIMEOUT_MS,
  );

  it(
    'are refused on all within a second when their tenant is suspended, and served when it is active again',
    async () => {
      await replicas.operate(0, 'PUT', '/v1/tenants/acme', {});
      const { key } = await replicas.make(0, {}, 'acme');
      await replicas.untilAll(key, 200);
      const suspended: number[] = [];
      const active: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        await replicas.operate(round, 'PATCH', '/v1/tenants/acme', { status: 'suspended' });
        suspended.push(await replicas.untilAll(key, 403));
        await replicas.operate(round + 1, 'PATCH', '/v1/tenants/acme', { status: 'active' });
        active.push(await replicas.untilAll(key, 200));
      }
      expectWithin('suspended', suspended, WITHIN_MS);
      expectWithin('active again', active, WITHIN_MS);
    },
    TIMEOUT_MS,
  );

  it('lose and gain scopes on all of them at once', async () => {
    const { id, key } = await replicas.make(0);
    await replicas.untilAll(key, 200);
    for (const [role, wanted] of [
      ['writer', [200, 201]],
      ['reader', [403]],
      ['worker', [200]],
    ] as const) {
      await replicas.operate(1, 'PATCH', `/v1/keys/${id}`, { role });
      const changedAt = clock.read();
      for (const service of replicas.services) {
        const headers = { authorization: `Bearer ${key}` };
        const put = async () => (await service.call('PUT', '/v1/workflows/w', { state: role }, headers)).status;
        let sentMs = 0;
        do {
          expect(sentMs).toBeLessThan(WITHIN_MS);
          sentMs = clock.read() - changedAt;
        } while (!(wanted as readonly number[]).includes(await put()));
      }
    }
  });

  it('have an old secret that ends on all of them within a second of its time, and with the key at the latest', async () => {
    /** A request that is answered a second before the end is served, and one that is sent a second after it is not. */
    const ends = async (end: string | null, token: string) => {
      const endMs = Date.parse(end as string);
      const seen = replicas.services.map(async (service) => {
        for (;;) {
          const sentMs = Date.now() - endMs;
          const isServed = (await ask(service, token)) === 200;
          const answeredMs = Date.now() - endMs;
          if (isServed) expect(sentMs).toBeLessThan(WITHIN_MS);
          else expect(answeredMs).toBeGreaterThan(-WITHIN_MS);
          if (!isServed) return `${sentMs} to ${answeredMs}`;
          await sleep(EVERY_MS);
        }
      });
      shown.push(`first refusal beside the end of a secret: ${(await Promise.all(seen)).join(', ')} ms`);
    };
    const lasting = await replicas.make(0);
    const rotated = await replicas.operate(1, 'POST', `/v1/keys/${lasting.id}/rotate`, { graceSeconds: 3 });
    await ends(rotated.oldSecretUntil, lasting.key);
    await replicas.untilAll(rotated.key, 200);

    const short = await replicas.make(0, { ttlSeconds: 4 });
    const again = await replicas.operate(1, 'POST', `/v1/keys/${short.id}/rotate`, { graceSeconds: 3600 });
    expect([again.expiresAt, again.oldSecretUntil]).toEqual([short.expiresAt, short.expiresAt]);
    await Promise.all([ends(short.expiresAt, short.key), ends(short.expiresAt, again.key)]);
  });
});

describe.each(['muteSubscriptions', 'refuseSubscriptions'] as const)(
  'keys on three replicas that hear no hints: %s',
  (fault) => {
    const replicas = new Replicas();
    beforeAll(() => replicas.start({ ACCESS_CACHE_TTL: `${CACHE_TTL_MS}ms` }));
    afterAll(() => replicas.stop());

    it(
      'are refused on all of them when the time of their caches is over, whether they were in use or not',
      async () => {
        await replicas.operate(0, 'PUT', '/v1/tenants/acme', {});
        const names = ['revoked', 'rotated', 'deleted'] as const;
        const [used, idle] = await Promise.all(
          ['used', 'idle'].map(() => Promise.all(names.map((_, n) => replicas.make(n)))),
        );
        const suspended = await replicas.make(0, {}, 'acme');
        const all = [...(used as MadeKey[]), ...(idle as MadeKey[]), suspended];
        for (const { key } of all) await replicas.untilAll(key, 200);
        for (const proxy of replicas.proxies) proxy[fault]();
        // Held again by all, after the last hint.
        for (const { key } of all) await replicas.untilAll(key, 200);

        const end = async (keys: readonly MadeKey[] = []) => {
          const [revoked, rotated, deleted] = keys.map(({ id }) => `/v1/keys/${id}`);
          await replicas.operate(0, 'POST', `${revoked}/revoke`);
          await replicas.operate(1, 'POST', `${rotated}/rotate`, { graceSeconds: 0 });
          await replicas.operate(2, 'DELETE', `${deleted}`);
        };
        await end(idle);
        const endedAt = performance.now();
        await end(used);
        await replicas.operate(0, 'PATCH', '/v1/tenants/acme', { status: 'suspended' });
        const times = await Promise.all([
          ...(used as MadeKey[]).map(({ key }) => replicas.untilAll(key, 401)),
          replicas.untilAll(suspended.key, 403),
        ]);
        expectWithin(`without hints (${fault})`, times, CACHE_TTL_MS + WITHIN_MS);
        await sleep(Math.max(0, CACHE_TTL_MS - (performance.now() - endedAt)));
        // The first use after that time is refused: an old answer is not given once more.
        for (const { key } of idle as MadeKey[])
          expect(await Promise.all(replicas.services.map((service) => ask(service, key)))).toEqual([401, 401, 401]);
        const made = await replicas.make(0);
        expect(await replicas.untilAll(made.key, 200)).toBeLessThan(WITHIN_MS);
      },
      TIMEOUT_MS,
    );
  },
);
