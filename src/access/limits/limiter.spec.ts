import type { FastifyReply, FastifyRequest } from 'fastify';
import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../../config/read-config.js';
import type { Policies, Policy } from '../../config/policies.js';
import { MemoryBuckets } from '../../engine/memory/buckets.js';
import type { Caller } from '../../http/caller.js';
import { Metrics } from '../../metrics/metrics.js';
import type { Operation } from '../routes.js';
import { Leases } from './leases.js';
import { LimitMetrics } from './limit-metrics.js';
import { RateLimiter } from './limiter.js';
import { RateLimitedError } from './limit-errors.js';
import { TenantPolicies } from './tenant-policies.js';

const policy = (limit: number, burst: number, more: Partial<Policy> = {}): Policy => ({
  limit,
  windowMs: 60_000,
  burst,
  per: 'tenant',
  mode: 'enforce',
  ...more,
});
const caller = (more: Partial<Caller> = {}): Caller => ({ tenant: 't', by: 'a', kind: 'key', scopes: 0, ...more });

/** A limiter with a store of its own and a clock that stands still. */
function limiterWith(env: Readonly<Record<string, string>> = {}) {
  const config = readConfig(env);
  const buckets = new MemoryBuckets();
  const records = new Map<string, Policies>();
  let calls = 0;
  const leases = new Leases({
    take: async (tenant, takes) => {
      calls++;
      return buckets.take(tenant, takes, 1_000_000);
    },
    now: () => 1_000_000,
  });
  const metrics = new Metrics();
  const limiter = new RateLimiter({
    config: config.limits,
    isOpen: false,
    policies: new TenantPolicies(config.limits.byDefault, (tenant) => records.get(tenant)),
    leases,
    metrics: new LimitMetrics(metrics, config),
    addressOf: ({ headers }) => String(headers['x-address']),
  });
  const headers: Record<string, string> = {};
  const reply = {
    header(name: string, value: string | number) {
      headers[name] = String(value);
      return reply;
    },
  } as unknown as FastifyReply;
  const from = (address: string) => ({ raw: { headers: { 'x-address': address } } }) as unknown as FastifyRequest;
  const outcome = async (run: () => void | Promise<void>): Promise<readonly string[] | 'taken'> => {
    try {
      await run();
      return 'taken';
    } catch (error) {
      if (error instanceof RateLimitedError) return error.extensions['violated-policies'] as string[];
      throw error;
    }
  };
  return {
    limiter,
    headers,
    from,
    reply,
    setLimits: (tenant: string, limits: Policies) => void records.set(tenant, limits),
    get calls() {
      return calls;
    },
    take: (one: Caller, operation: Operation = 'read', address = '10.0.0.1') =>
      outcome(() => limiter.take(one, operation, from(address), reply)),
    refused: (isWrong: boolean, address: string) => outcome(() => limiter.takeRefused(isWrong, from(address), reply)),
    count: async (labels: string) =>
      Number(new RegExp(`waymark_limits_total\\{${labels}\\} (\\d+)`).exec(await metrics.text())?.[1] ?? 0),
  };
}

async function takenOf(times: number, take: () => Promise<unknown>): Promise<number> {
  let taken = 0;
  for (let i = 0; i < times; i++) if ((await take()) === 'taken') taken++;
  return taken;
}

describe('limits of callers', () => {
  it('are none for machines, operators and open callers, who pay nothing', () => {
    const { limiter, from, reply, headers } = limiterWith();
    for (const one of [caller({ keyId: 'k' }), caller({ kind: 'operator', user: 'u' }), caller({ kind: 'open' })])
      for (let i = 0; i < 100; i++) expect(limiter.take(one, 'read', from('a'), reply)).toBeUndefined();
    expect(headers).toEqual({});
  });

  it('are one bucket for a user, whatever the key and the operation', async () => {
    const { take } = limiterWith();
    const ada = [caller({ user: 'ada', keyId: 'k1' }), caller({ user: 'ada', keyId: 'k2', kind: 'user' })];
    expect(await takenOf(30, () => take(ada[0] as Caller))).toBe(10);
    expect(await take(ada[1] as Caller, 'write')).toEqual(['user']);
    expect(await takenOf(30, () => take(caller({ user: 'bob' })))).toBe(10);
    expect(await takenOf(30, () => take(caller({ user: 'ada', tenant: 'other' })))).toBe(10);
  });

  it('are spent without a promise while tokens are in hand', async () => {
    const { limiter, from, reply, take, count } = limiterWith({
      RATE_LIMIT_REQUESTS_PER_MINUTE: '60000',
      RATE_LIMIT_BURST_SIZE: '1000',
    });
    const ada = caller({ user: 'ada' });
    expect(limiter.take(ada, 'read', from('a'), reply)).toBeInstanceOf(Promise);
    await Promise.all(Array.from({ length: 50 }, () => take(ada)));
    await take(ada);
    for (let i = 0; i < 20; i++) expect(limiter.take(ada, 'read', from('a'), reply)).toBeUndefined();
    expect(await count('policy="user",outcome="taken"')).toBe(72);
  });

  it('are of keys by the setting or the record of the key', async () => {
    const { take } = limiterWith({ RATE_LIMIT_SUBJECTS: 'key' });
    expect(await takenOf(30, () => take(caller({ keyId: 'k1' })))).toBe(10);
    expect(
      await takenOf(30, () => take(caller({ keyId: 'k2', limit: { limit: 60, windowMs: 60_000, burst: 3 } }))),
    ).toBe(3);
    expect(await takenOf(30, () => take(caller({ user: 'ada' })))).toBe(30);
  });

  it('are of a tenant by operation, from the settings or its record', async () => {
    const { take, limiter, setLimits } = limiterWith({
      TENANT_DEFAULTS: JSON.stringify({ limits: { write: policy(60, 5) } }),
    });
    expect(await takenOf(20, () => take(caller(), 'write'))).toBe(5);
    expect(await takenOf(20, () => take(caller(), 'read'))).toBe(20);
    const limits = { write: null, read: policy(60, 7), claim: policy(60, 4, { per: 'ip' }) };
    const own = caller({ tenant: 'own' });
    setLimits('own', limits);
    expect(await takenOf(20, () => take(own, 'write'))).toBe(20);
    expect(await takenOf(20, () => take(own, 'read'))).toBe(7);
    expect(await takenOf(20, () => take(own, 'claim', '10.0.0.1'))).toBe(4);
    expect(await takenOf(20, () => take(own, 'claim', '10.0.0.2'))).toBe(4);
    expect(limiter.namesOf(own)).toEqual(['read', 'claim']);
    expect(limiter.namesOf(caller({ kind: 'operator' }))).toEqual([]);
    setLimits('own', { write: null });
    expect(await takenOf(20, () => take(own, 'read'))).toBe(20);
  });

  it('give back what one of them took when another refuses, and name all that refuse', async () => {
    const { take, setLimits } = limiterWith();
    setLimits('t', { write: policy(60, 4), read: policy(60, 100) });
    const ada = caller({ user: 'ada' });
    expect(await takenOf(9, () => take(ada, 'write'))).toBe(4);
    expect(await take(ada, 'write')).toEqual(['write']);
    expect(await takenOf(20, () => take(ada, 'read'))).toBe(6);
    expect(await take(ada, 'write')).toEqual(['user', 'write']);
  });

  it('count and refuse nothing in shadow mode', async () => {
    const { take, count, headers, setLimits } = limiterWith();
    const [shadowed, enforced] = [caller(), caller({ tenant: 'other' })];
    setLimits('t', { read: policy(60, 5, { mode: 'shadow' }) });
    setLimits('other', { write: policy(60, 5) });
    expect(await takenOf(20, () => take(shadowed))).toBe(20);
    expect(headers).toEqual({});
    expect(await takenOf(20, () => take(enforced, 'write'))).toBe(5);
    expect(await count('policy="read",outcome="taken"')).toBe(await count('policy="write",outcome="taken"'));
    expect(await count('policy="read",outcome="shadow"')).toBe(await count('policy="write",outcome="refused"'));
    expect(await count('policy="read",outcome="refused"')).toBe(0);
  });
});

describe('limits of addresses without a valid credential', () => {
  it('are twenty wrong credentials a minute, and sixty without one', async () => {
    const { refused } = limiterWith({ RATE_LIMIT_BURST_SIZE: '60' });
    expect(await takenOf(30, () => refused(true, '10.0.0.1'))).toBe(20);
    expect(await refused(false, '10.0.0.1')).toEqual(['ip']);
    expect(await takenOf(90, () => refused(false, '10.0.0.2'))).toBe(60);
  });

  it('let a wrong credential pass that costs more than the burst', async () => {
    const { refused } = limiterWith({ RATE_LIMIT_BURST_SIZE: '1' });
    expect(await takenOf(5, () => refused(true, '10.0.0.1'))).toBe(1);
  });
});

describe('headers of limited answers', () => {
  const afterThree = async (style: string) => {
    const { take, headers, setLimits } = limiterWith({ RATE_LIMIT_HEADERS: style });
    setLimits('t', { read: policy(6000, 200) });
    const ada = caller({ user: 'ada' });
    expect(await takenOf(3, () => take(ada))).toBe(3);
    return headers;
  };

  it('tell every enforced policy and what is left of it', async () => {
    const headers = await afterThree('both');
    expect(headers).toEqual({
      'ratelimit-policy': '"user";q=60;w=60;waymark-burst=10, "read";q=6000;w=60;waymark-burst=200',
      ratelimit: '"user";r=7;t=1, "read";r=197;t=1',
      'x-ratelimit-limit': '60',
      'x-ratelimit-remaining': '7',
      'x-ratelimit-reset': expect.stringMatching(/^\d{10}$/) as unknown,
    });
    const resetInS = Number(headers['x-ratelimit-reset']) - Date.now() / 1000;
    expect(resetInS).toBeGreaterThan(1);
    expect(resetInS).toBeLessThanOrEqual(4);
  });

  it('are those that the setting names', async () => {
    expect(Object.keys(await afterThree('draft'))).toEqual(['ratelimit-policy', 'ratelimit']);
    expect(Object.keys(await afterThree('legacy'))).toEqual([
      'x-ratelimit-limit',
      'x-ratelimit-remaining',
      'x-ratelimit-reset',
    ]);
    expect(await afterThree('none')).toEqual({});
  });

  it('of a refusal say when it will pass', async () => {
    const { take, limiter, headers, from, reply, setLimits } = limiterWith();
    setLimits('t', { read: policy(4, 1) });
    const slow = caller();
    expect(await take(slow)).toBe('taken');
    const error = await Promise.resolve()
      .then(() => limiter.take(slow, 'read', from('a'), reply))
      .catch((one: unknown) => one as RateLimitedError);
    expect(error).toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterSeconds: 15,
      extensions: { 'violated-policies': ['read'], retryAfterMs: 15_000 },
    });
    expect(headers['ratelimit']).toBe('"read";r=0;t=15');
  });
});
