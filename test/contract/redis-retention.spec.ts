import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { ClaimedTask } from '../../src/engine/task.js';
import { openReplica, type Replica } from './redis-under-test.js';
import { testOptions } from './engine-under-test.js';
import { put, testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { newTask, TestQueue } from '../support/tasks.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const TENANT = 'default';
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const SHORT_MS = 200;
const TASKS = 1000;
const BATCH = 50;

/** Keys of a tenant that stay for ever: the feed, and the names, settings and counters of its queues. The others belong to all tenants. */
const STAYS = /^waymark:(events|queues|queue:times|queue:settings:(q|r)|tenants|tenants:active|clock|schema)$/;
/** Keys that expire later than a test can wait, and their latest expiry. */
const LATER: readonly [RegExp, number][] = [
  [/^waymark:fence:/, 7 * DAY],
  [/^waymark:queue:rate:/, 3 * MINUTE],
  [/^waymark:queue:workers:/, 10 * MINUTE],
  // Ended tasks, listed for as long as one of them may be kept for its dedupe key.
  [/^document_workflow_tasks:/, DAY],
];

describe('what the Redis engine leaves behind', () => {
  let server: RedisProcess;
  let redis: Redis;
  let replica: Replica;

  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis({ host: '127.0.0.1', port: server.port });
    const tasks = { ...testOptions.tasks, resultMs: SHORT_MS, progressMs: SHORT_MS, deadMs: SHORT_MS };
    replica = await openReplica(server.port, {
      options: { ...testOptions, defaultTtlMs: SHORT_MS, tasks },
      index: testIndex,
      namespace: '',
    });
  });

  afterAll(async () => {
    await replica.close();
    redis.disconnect();
    await server.stop();
  });

  /** Takes tasks through everything that can happen to them, each to its end. */
  async function fillAndDrain(): Promise<void> {
    const once = { keepMs: SHORT_MS };
    for (const name of ['q', 'r']) {
      const q = new TestQueue(replica.engine, TENANT, name);
      for (let n = 0; n < TASKS / BATCH; n++) {
        const workflowId = `${name}-${n}`;
        const payload = JSON.stringify('x'.repeat(500));
        const enqueue = Array.from({ length: BATCH }, (_, i) =>
          newTask(name, {
            payload,
            leaseMs: 1000,
            maxAttempts: 2,
            ...(i % 5 === 0 && { start: { delayMs: 10 } }),
            ...(i % 7 === 0 && { dedupe: { key: `${workflowId}-${i}`, keepMs: SHORT_MS } }),
            ...(i % 3 === 0 && { workflowId }),
          }),
        );
        await q.commit({ puts: [put(workflowId, { status: 'on', big: payload })], enqueue }, once);
      }
      let ended = 0;
      for (let round = 0; ended < TASKS; round++) {
        const { tasks } = await q.claim(BATCH, { leaseMs: 1000, worker: `worker-${round % 20}` });
        for (const [i, task] of tasks.entries()) ended += await end(q, task, round + i, once);
      }
      expect(await q.depth()).toMatchObject({ ready: 0, delayed: 0, leased: 0 });
    }
  }

  /** 1 when the task has ended. */
  async function end(q: TestQueue, task: ClaimedTask, kind: number, once: { keepMs: number }): Promise<number> {
    const { id, token } = task;
    if (kind % 4 === 0) await q.step({ kind: 'progress', id, token, event: '{"n":1}' }, once);
    const error = { code: 'BROKEN', message: 'x'.repeat(100) };
    switch (kind % 6) {
      case 0: {
        const failed = { kind: 'fail', id, token, error, isRetryable: true, retryAfterMs: 0, jitter: 1 } as const;
        return (await q.step(failed, once)).task.status === 'dead' ? 1 : 0;
      }
      case 1:
        await q.step({ kind: 'fail', id, token, error, isRetryable: false, jitter: 1 }, once);
        return 1;
      case 2:
        await q.step({ kind: 'cancel', id, reason: 'enough', isForced: true }, once);
        return 1;
      case 3:
        await q.step({ kind: 'release', id, token }, once);
        return 0;
      default:
        await q.complete(task, JSON.stringify('y'.repeat(300)), once);
        return 1;
    }
  }

  /** Waits for all keys that expire soon. Keys that expire later are checked for their expiry and deleted, since no test can set the clock of Redis. */
  async function timePasses(): Promise<void> {
    let left: string[] = [];
    await until(async () => {
      await replica.engine.sweep();
      left = (await redis.keys('*')).filter((key) => !STAYS.test(key));
      return left.every((key) => LATER.some(([pattern]) => pattern.test(key)));
    }, 'only what is documented to stay is left').catch((error: unknown) => {
      throw new Error(`left behind: ${left.slice(0, 20).join(' ')}`, { cause: error });
    });
    for (const key of left) {
      const [, latestMs] = LATER.find(([pattern]) => pattern.test(key)) as [RegExp, number];
      const leftMs = await redis.pttl(key);
      expect([key, leftMs > 0 && leftMs <= latestMs]).toEqual([key, true]);
      await redis.del(key);
    }
  }

  /** Memory of Redis without the feed, which has its own limit. */
  async function usedBytes(): Promise<number> {
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    return used - Number(await redis.call('MEMORY', 'USAGE', 'waymark:events', 'SAMPLES', '0'));
  }

  it('is nothing but settings and feed after a full drain, and the memory is free again (invariant 18)', async () => {
    // Warm-up: memory that the server needs anyway, such as that of scripts, is not left behind by tasks.
    await fillAndDrain();
    await timePasses();
    await until(async () => (await redis.dbsize()) <= 9, 'the server has let everything go');
    const keys = (await redis.keys('*')).sort();
    const before = await usedBytes();
    await fillAndDrain();
    const most = await usedBytes();
    await timePasses();
    await until(async () => (await usedBytes()) <= before * 1.05, `memory is back at ${before} bytes from ${most}`);
    expect((await redis.keys('*')).sort()).toEqual(keys);
    expect(keys.filter((key) => !STAYS.test(key))).toEqual([]);
    expect(most).toBeGreaterThan(before * 1.1);
    // The settings hold counters; their number does not grow with the number of tasks.
    for (const name of ['q', 'r']) expect(await redis.hlen(`waymark:queue:settings:${name}`)).toBeLessThan(20);
  });
});
