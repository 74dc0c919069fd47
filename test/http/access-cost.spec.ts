import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { AS_OPERATOR, OPERATOR_TOKEN } from '../support/operator.js';
import { openService, type OpenService } from '../support/open-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { until } from '../support/until.js';

/** A call that reads the record of a key or a tenant; what replicas do in the background is none. */
const READS_RECORD = /document_workflow:(?:key|tenant):/;

describe('what a credential costs', () => {
  let redis: RedisProcess;
  let client: Redis;
  let replicas: OpenService[];
  const env = () => ({
    REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    REDIS_SOCKET_TIMEOUT: '60s',
    ADMIN_TOKEN: OPERATOR_TOKEN,
    RATE_LIMIT_ENABLED: 'false',
    ACCESS_CACHE_TTL: '1h',
  });

  beforeAll(async () => {
    redis = await startRedisProcess();
    client = new Redis({ port: redis.port, host: '127.0.0.1', connectTimeout: 60_000 });
    replicas = await Promise.all([openService(env()), openService(env())]);
  });
  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.close()));
    client.disconnect();
    await redis.stop();
  });

  /** Reads of records of keys and tenants that replicas have made meanwhile. */
  async function readsOf(run: () => Promise<void>): Promise<string[]> {
    const monitor = await client.monitor();
    const seen: string[] = [];
    const end = `end-${Math.random()}`;
    let hasEnded = false;
    monitor.on('monitor', (_time: string, args: string[], source: string) => {
      const text = args.join(' ');
      if (args.includes(end)) hasEnded = true;
      // A read is sent as MGET and PEXPIRETIME together: one call.
      else if (source !== 'lua' && args[0] !== 'pexpiretime' && READS_RECORD.test(text)) seen.push(text.slice(0, 200));
    });
    await run();
    await client.get(end);
    await until(() => hasEnded, 'the server has told everything');
    monitor.disconnect();
    return seen;
  }

  const expectAtMost = (most: number, reads: readonly string[]) =>
    expect([reads, reads.length <= most]).toEqual([reads, true]);

  it('is at most two calls of the store on a replica that does not know it, and none after that', async () => {
    const [maker, other] = replicas as [OpenService, OpenService];
    expect((await maker.call('PUT', '/v1/tenants/acme', {}, AS_OPERATOR)).status).toBe(201);
    const inAcme = { ...AS_OPERATOR, 'waymark-tenant': 'acme' };
    const make = async () =>
      (await maker.call('POST', '/v1/keys', { name: 'x', role: 'reader' }, inAcme)).json.key as string;
    const ask = async (key: string) =>
      expect((await other.call('GET', '/v1/whoami', undefined, { authorization: `Bearer ${key}` })).status).toBe(200);
    const [first, second] = [await make(), await make()];
    // The subscription to a tenant begins with its first key, which is read again in case a change came before it.
    const reads = await readsOf(async () => {
      for (let i = 0; i < 100; i++) await ask(first);
    });
    expectAtMost(4, reads);
    expect(reads.length).toBeGreaterThan(0);
    expectAtMost(2, await readsOf(() => ask(second)));
    const warm = await readsOf(async () => {
      for (let i = 0; i < 100; i++) await ask(i % 2 === 0 ? first : second);
    });
    expect(warm).toEqual([]);
  });

  it('is the same for many requests that come at once', async () => {
    const [maker, other] = replicas as [OpenService, OpenService];
    const make = async () =>
      (await maker.call('POST', '/v1/keys', { name: 'x', role: 'reader' }, AS_OPERATOR)).json.key as string;
    const askAll = async (key: string) => {
      const headers = { authorization: `Bearer ${key}` };
      const asked = Array.from({ length: 50 }, () => other.call('GET', '/v1/whoami', undefined, headers));
      expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(asked.map(() => 200));
    };
    await askAll(await make());
    const second = await make();
    expectAtMost(2, await readsOf(() => askAll(second)));
  });

  it('is none for a text that this service cannot have made', async () => {
    const [maker] = replicas as [OpenService];
    const { json } = await maker.call('POST', '/v1/keys', { name: 'x', role: 'reader' }, AS_OPERATOR);
    const mistyped = `${json.key.slice(0, -1)}${json.key.endsWith('0') ? '1' : '0'}`;
    const reads = await readsOf(async () => {
      for (const token of [mistyped, 'rubbish', 'a.b.c']) {
        const headers = { authorization: `Bearer ${token}` };
        for (let i = 0; i < 5; i++)
          expect((await maker.call('GET', '/v1/whoami', undefined, headers)).status).toBe(401);
      }
    });
    expect(reads).toEqual([]);
  });
});
