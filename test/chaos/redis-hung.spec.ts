import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Deployment, COMMAND_MS } from '../support/deployment.js';
import { scaled } from '../support/scale.js';

/** Time beyond the timeout of a command that the 99th percentile may have on an idle machine. */
const SLACK_MS = 200;
const RECOVERY_MS = 15_000;
const CLIENTS = 8;
/** A route that needs no Redis: its slowest answer tells how busy the machine is. */
const LIVE = '/health/live';

const { hangMs, timeoutMs } = scaled({
  short: { hangMs: 4000, timeoutMs: 60_000 },
  long: { hangMs: 20_000, timeoutMs: 120_000 },
});

/** A Redis that accepts connections and answers nothing, as clients of the service see it. */
describe.each(['memory', 'none'] as const)(`Redis hangs for ${hangMs} ms, REDIS_FALLBACK=%s`, (fallback) => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await Deployment.start(fallback, 1);
  });
  afterEach(() => deployment.redis.resume());
  afterAll(async () => {
    await deployment.stop();
  });

  it(
    'clients are answered within the timeout of a command, health and metrics always, and the replica attaches soon after',
    async () => {
      const put = (id: string) => deployment.call(0, 'PUT', `/v1/workflows/${id}`, { state: { id } });
      for (let n = 0; n < CLIENTS; n++) expect((await put(`w-${n}`))?.status).toBe(201);
      const took: number[] = [];
      const statuses: Record<string, number> = {};
      const run = { isOver: false };
      const timed = async (name: string, into: number[], ask: () => ReturnType<typeof put>) => {
        const started = performance.now();
        const answer = await ask();
        into.push(performance.now() - started);
        statuses[`${name} ${answer?.status} ${answer?.storage}`] =
          (statuses[`${name} ${answer?.status} ${answer?.storage}`] ?? 0) + 1;
        return answer;
      };
      deployment.redis.pause();
      const clients = Array.from({ length: CLIENTS }, async (_, n) => {
        for (let i = 0; !run.isOver; i++) {
          if (i % 3 === 0) await timed('put', took, () => put(`w-${n}`));
          else if (i % 3 === 1) await timed('get', took, () => deployment.call(0, 'GET', `/v1/workflows/w-${n}`));
          else await timed('unknown', took, () => deployment.call(0, 'GET', `/v1/workflows/unknown-${i}`));
          await sleep(10);
        }
      });
      const probes: number[] = [];
      const live: number[] = [];
      const liveness = (async () => {
        while (!run.isOver) {
          await timed(LIVE, live, () => deployment.call(0, 'GET', LIVE));
          await sleep(10);
        }
      })();
      const probe = (async () => {
        while (!run.isOver) {
          for (const path of [LIVE, '/health/ready', '/health', '/metrics', '/status']) {
            const answer = await timed(path, probes, () => deployment.call(0, 'GET', path));
            expect([200, 503]).toContain(answer?.status);
            if (path !== '/health/ready' && path !== '/health') expect(answer?.status).toBe(200);
          }
          await sleep(50);
        }
      })();
      await sleep(hangMs);
      run.isOver = true;
      await Promise.all([...clients, probe, liveness]);
      deployment.redis.resume();
      const recoveredIn = await deployment.allAttached(RECOVERY_MS);

      took.sort((a, b) => a - b);
      const p99 = took[Math.floor(took.length * 0.99)] as number;
      const rounded = (ms: number | undefined) => Math.round(ms ?? 0);
      console.log(
        JSON.stringify({
          fallback,
          hangMs,
          answers: took.length,
          p50: rounded(took[Math.floor(took.length / 2)]),
          p99: rounded(p99),
          slowestMs: rounded(took.at(-1)),
          slowestProbeMs: rounded(Math.max(...probes)),
          slowestLiveMs: rounded(Math.max(...live)),
          recoveredInMs: rounded(recoveredIn),
          statuses,
        }),
      );
      // A request, its timeout and its answer each wait for the processor.
      expect(p99).toBeLessThan(COMMAND_MS + SLACK_MS + 3 * Math.max(...live));
      expect(took.at(-1)).toBeLessThan(COMMAND_MS + 3000);
      expect(Math.max(...probes, ...live)).toBeLessThan(3000);
      expect(Object.keys(statuses).filter((name) => name.startsWith('unknown 404'))).toEqual([]);
      const gets = Object.keys(statuses).filter((name) => name.startsWith('get 200'));
      expect(gets).toEqual(fallback === 'memory' ? ['get 200 detached'] : []);
      expect((await deployment.call(0, 'GET', '/v1/workflows/unknown-1'))?.status).toBe(404);
    },
    timeoutMs,
  );
});
