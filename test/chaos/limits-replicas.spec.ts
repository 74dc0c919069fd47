import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AS_OPERATOR, OPERATOR_TOKEN } from '../support/operator.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { IS_LONG } from '../support/scale.js';
import { until } from '../support/until.js';
import { startService, type ServiceProcess } from '../support/service-process.js';

const REPLICAS = 3;
/** 60 in a window, 10 of them at once; the short form has a shorter window. */
const [LIMIT, BURST] = [60, 10];
const WINDOW_MS = IS_LONG ? 60_000 : 6000;
const WINDOWS = 3;
const TIMEOUT_MS = WINDOWS * WINDOW_MS + 120_000;
const LEASE_MS = WINDOW_MS / 20;
/** 50 requests a second on each replica, while they are answered. */
const EVERY_MS = 20;
const MAX_UNDER_WAY = 20;
const MAX_CALLS_PER_SECOND = 10;
const LLM_BURST = 5;
const LIMITS = { llm: { limit: 1, windowMs: 60_000, burst: LLM_BURST } };

describe('limits on three replicas', () => {
  let directory: string;
  let redis: RedisProcess;
  let replicas: ServiceProcess[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waymark-limits-'));
    redis = await startRedisProcess();
    replicas = await Promise.all(
      Array.from({ length: REPLICAS }, (_, i) =>
        startService({
          REDIS_URL: `redis://127.0.0.1:${redis.port}`,
          // Longer than a busy machine takes: a server that was killed refuses at once.
          REDIS_SOCKET_TIMEOUT: '60s',
          REDIS_SOCKET_CONNECT_TIMEOUT: '60s',
          ADMIN_TOKEN: OPERATOR_TOKEN,
          DATA_DIR: join(directory, String(i)),
          TENANT_DEFAULTS: JSON.stringify({ limits: LIMITS }),
        }),
      ),
    );
  });

  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await redis.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function newKey(limit?: object): Promise<Record<string, string>> {
    const made = await fetch(`${replicas[0]?.url}/v1/keys`, {
      method: 'POST',
      headers: { ...AS_OPERATOR, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'limited', role: 'worker', ...(limit && { limit }) }),
    });
    const { key } = (await made.json()) as { key: string };
    expect([made.status, key]).toEqual([201, expect.any(String)]);
    return { authorization: `Bearer ${key}` };
  }

  async function metric(url: string, pattern: RegExp): Promise<number> {
    const text = await (await fetch(`${url}/metrics`, { headers: AS_OPERATOR })).text();
    return Number(pattern.exec(text)?.[1] ?? 0);
  }

  it(
    'admit what one would, whatever comes (invariant 29)',
    async () => {
      const headers = await newKey({ limit: LIMIT, windowMs: WINDOW_MS, burst: BURST });
      const takesOf = (url: string) => metric(url, /duration_seconds_count\{command="take",outcome="ok"\} (\d+)/);
      const before = await Promise.all(replicas.map(({ url }) => takesOf(url)));
      const admitted: number[] = [];
      const statuses = new Map<number, number>();
      let longestMs = 0;
      const started = performance.now();
      const end = started + WINDOWS * WINDOW_MS;
      const ask = async (url: string) => {
        const sent = performance.now();
        const answer = await fetch(`${url}/v1/workflows/nothing`, { headers });
        await answer.arrayBuffer();
        const now = performance.now();
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        if (answer.status !== 404) return;
        admitted.push(now);
        longestMs = Math.max(longestMs, now - sent);
      };
      await Promise.all(
        replicas.map(async ({ url }) => {
          const underWay = new Set<Promise<void>>();
          while (performance.now() < end) {
            if (underWay.size < MAX_UNDER_WAY) {
              const asked = ask(url).finally(() => underWay.delete(asked));
              underWay.add(asked);
            }
            await sleep(EVERY_MS);
          }
          await Promise.all(underWay);
        }),
      );
      const elapsedMs = performance.now() - started;
      const after = await Promise.all(replicas.map(({ url }) => takesOf(url)));

      expect([...statuses.keys()].toSorted()).toEqual([404, 429]);
      admitted.sort((a, b) => a - b);
      const most = mostWithin(admitted, WINDOW_MS);
      const mean = (admitted.length * WINDOW_MS) / elapsedMs;
      const calls = Math.max(...after.map((count, i) => ((count - (before[i] ?? 0)) * 1000) / elapsedMs));
      console.log(
        `limits on ${REPLICAS} replicas: at most ${most} of ${LIMIT} in a window, ${mean.toFixed(1)} on average, ` +
          `${calls.toFixed(1)} calls a second and replica, ${statuses.get(429)} refused`,
      );
      // This clock sees an answer later than it was decided, by at most the longest request.
      expect(most).toBeLessThanOrEqual(BURST + (LIMIT * (WINDOW_MS + LEASE_MS + longestMs)) / WINDOW_MS);
      expect(mean).toBeGreaterThanOrEqual(LIMIT - 1);
      // Each request that is admitted may need one call beside those that refuse.
      expect(calls).toBeLessThanOrEqual(MAX_CALLS_PER_SECOND + (LIMIT * 1000) / WINDOW_MS);
    },
    TIMEOUT_MS,
  );

  it('decide by themselves while the store is away, and never without a limit (invariant 30)', async () => {
    const headers = { ...(await newKey()), 'content-type': 'application/json' };
    const take = async (url: string) => {
      const answer = await fetch(`${url}/v1/limits/llm/take`, { method: 'POST', headers, body: '{}' });
      return { status: answer.status, ...((await answer.json()) as { allowed?: boolean }) };
    };
    const local = (url: string) => metric(url, /waymark_limits_local_total\{policy="llm"\} (\d+)/);
    // The key is known everywhere, and the bucket of all replicas is empty.
    for (const { url } of replicas) expect((await take(url)).status).toBe(200);
    for (let i = 0; i < LLM_BURST; i++) await take(replicas[0]?.url as string);
    expect((await take(replicas[0]?.url as string)).allowed).toBe(false);

    await redis.kill();
    for (const { url } of replicas) {
      expect(await local(url)).toBe(0);
      const taken: { status: number; allowed?: boolean }[] = [];
      const isAllowed = async () => {
        taken.push(await take(url));
        return taken.at(-1)?.allowed === true;
      };
      // A refusal by the store is remembered for some seconds.
      await until(isAllowed, 'the replica decides by itself');
      for (let i = 0; i < 3 * LLM_BURST; i++) await isAllowed();
      expect(taken.map(({ status }) => status)).toEqual(taken.map(() => 200));
      const allowed = taken.filter((one) => one.allowed === true).length;
      expect(allowed).toBeGreaterThanOrEqual(LLM_BURST - 1);
      expect(allowed).toBeLessThanOrEqual(LLM_BURST + 1);
      expect(await local(url)).toBeGreaterThanOrEqual(allowed);
    }
  });
});

/** Most of the times, in their order, that lie in one span. */
function mostWithin(times: readonly number[], spanMs: number): number {
  let [most, first] = [0, 0];
  times.forEach((at, i) => {
    while ((times[first] as number) <= at - spanMs) first++;
    most = Math.max(most, i - first + 1);
  });
  return most;
}
