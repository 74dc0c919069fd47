import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { scaled } from '../support/scale.js';

const WORKERS = 12;
const REPLICAS = 3;
const QUEUE = 'steps';

interface Progress {
  /** Workflows with steps left. */
  left: number;
  /** Set after an error or a timeout. */
  isOver: boolean;
}

const { workflows, stepsEach, kills, timeoutMs } = scaled({
  short: { workflows: 10, stepsEach: 30, kills: 3, timeoutMs: 360_000 },
  long: { workflows: 50, stepsEach: 100, kills: 40, timeoutMs: 600_000 },
});

/** Workflows advance step by step, each step one commit, while replicas are killed and replaced. */
describe(`${workflows * stepsEach} step commits on ${REPLICAS} replicas, of which ${kills} are killed`, () => {
  let redis: RedisProcess;
  const replicas: ServiceProcess[] = [];
  const start = () => startService({ REDIS_URL: `redis://127.0.0.1:${redis.port}` });

  beforeAll(async () => {
    redis = await startRedisProcess();
    replicas.push(...(await Promise.all(Array.from({ length: REPLICAS }, start))));
  });

  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await redis.stop();
  });

  /** Asks one replica after the other until the answer is final; lost requests are repeated unchanged. */
  async function ask(path: string, body: object, headers: Record<string, string> = {}) {
    for (let attempt = 0; ; attempt++) {
      const { url } = replicas[(attempt + Math.floor(Math.random() * REPLICAS)) % REPLICAS] as ServiceProcess;
      try {
        const answer = await fetch(url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        });
        const text = await answer.text();
        if (answer.status < 500) return { status: answer.status, json: text === '' ? undefined : JSON.parse(text) };
      } catch {
        // The replica has just been killed.
      }
      if (attempt > 500) throw new Error(`no replica answers ${path}`);
      await sleep(10);
    }
  }

  /** Takes steps until none is left. */
  async function work(state: Progress): Promise<void> {
    while (state.left > 0 && !state.isOver) {
      const claimed = await ask(
        `/v1/queues/${QUEUE}/claims`,
        { max: 2, waitMs: 200, leaseMs: 5000 },
        { 'claim-id': randomUUID() },
      );
      for (const { id, leaseToken, workflowId, payload } of claimed.json?.tasks ?? []) {
        const { step } = payload as { step: number };
        const isLast = step + 1 === stepsEach;
        const { status, json } = await ask('/v1/commits', {
          ack: { taskId: id, leaseToken },
          patches: [{ id: workflowId, patch: [{ op: 'add', path: '/done/-', value: step }] }],
          enqueue: isLast ? [] : [{ queue: QUEUE, payload: { step: step + 1 }, workflowId, maxAttempts: 100 }],
        });
        // A lease can expire while its worker waits for a replica; then another worker takes the step.
        if (status !== 200 && json.code !== 'LEASE_LOST') throw new Error(`refused: ${JSON.stringify(json)}`);
        if (status === 200 && isLast) state.left--;
      }
    }
  }

  /** Kills random replicas and replaces them. */
  async function kill(state: Progress): Promise<number> {
    let killed = 0;
    while (killed < kills && !state.isOver && state.left > 0) {
      await sleep(100 + Math.random() * 300);
      const place = Math.floor(Math.random() * REPLICAS);
      replicas[place]?.child.kill('SIGKILL');
      replicas[place] = await start();
      killed++;
    }
    return killed;
  }

  it(
    'take effect once each: none is lost, none is taken twice (invariant 2)',
    async () => {
      const ids = Array.from({ length: workflows }, (_, n) => `flow-${n}`);
      for (const id of ids) {
        const { status } = await ask('/v1/commits', {
          puts: [{ id, state: { done: [] } }],
          enqueue: [{ queue: QUEUE, payload: { step: 0 }, workflowId: id, maxAttempts: 100 }],
        });
        expect(status).toBe(200);
      }
      const state = { left: workflows, isOver: false };
      const killing = kill(state);
      const end = setTimeout(() => (state.isOver = true), timeoutMs * 0.8);
      const ends = await Promise.allSettled(
        Array.from({ length: WORKERS }, () => work(state).finally(() => (state.isOver ||= state.left > 0))),
      );
      clearTimeout(end);
      state.isOver = true;
      const killed = await killing;
      expect(ends.filter(({ status }) => status === 'rejected')).toEqual([]);
      expect(state.left).toBe(0);
      expect(killed).toBeGreaterThan(0);

      const { url } = replicas[0] as ServiceProcess;
      const expected = Array.from({ length: stepsEach }, (_, n) => n);
      for (const id of ids) {
        const workflow = (await (await fetch(`${url}/v1/workflows/${id}`)).json()) as {
          version: number;
          state: { done: number[] };
        };
        expect(workflow).toMatchObject({ version: stepsEach + 1, state: { done: expected } });
      }
      const queue = (await (await fetch(`${url}/v1/queues/${QUEUE}`)).json()) as object;
      expect(queue).toMatchObject({
        depth: { ready: 0, delayed: 0, leased: 0, dead: 0 },
        totals: { enqueued: workflows * stepsEach, completed: workflows * stepsEach },
      });
    },
    timeoutMs,
  );
});
