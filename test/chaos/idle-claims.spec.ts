import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { scaled } from '../support/scale.js';
import { until } from '../support/until.js';

const WAITING = 100;
const LONGEST_WAIT_MS = 30_000;

/** Seconds that the claims wait, and the commands that the replica may send meanwhile. */
const seconds = scaled({ short: 6, long: 60 });

describe(`${WAITING} claims that wait for ${seconds} s`, () => {
  let redis: RedisProcess;
  let service: ServiceProcess;
  let watcher: Redis;

  beforeAll(async () => {
    redis = await startRedisProcess();
    service = await startService({ REDIS_URL: `redis://127.0.0.1:${redis.port}` });
    watcher = new Redis({ host: '127.0.0.1', port: redis.port });
  });

  afterAll(async () => {
    await watcher.quit();
    await service.stop();
    await redis.stop();
  });

  /** Calls of each command. Commands inside of scripts count too. */
  async function commands(): Promise<Map<string, number>> {
    const stats = await watcher.info('commandstats');
    const calls = [...stats.matchAll(/cmdstat_([a-z|]+):calls=(\d+)/g)];
    return new Map(calls.map(([, name = '', count]) => [name, Number(count)]));
  }

  /** Commands that the service sends itself; the rest run inside of scripts. */
  const SENT = ['evalsha', 'eval', 'ping', 'subscribe', 'unsubscribe', 'zadd', 'client|setname'];

  it(
    `cost at most ${seconds} commands (invariant 21)`,
    async () => {
      const state = { isOver: false };
      const at = `${service.url}/v1/queues/idle`;
      const post = (path: string, body: object) =>
        fetch(at + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
      const made = await post('/tasks', { payload: 1, delayMs: 3_600_000 });
      expect(made.status).toBe(201);
      const waiters = Array.from({ length: WAITING }, async () => {
        while (!state.isOver)
          await (await post('/claims', { waitMs: Math.min(LONGEST_WAIT_MS, seconds * 700) })).text();
      });
      // As soon as all of them wait and the subscription is there, no command is sent for a while.
      let before = new Map<string, number>();
      await until(async () => {
        const earlier = before;
        before = await commands();
        if (SENT.every((name) => earlier.get(name) === before.get(name))) return true;
        await sleep(1000);
        return false;
      }, 'all claims wait');
      await sleep(seconds * 1000);
      const after = await commands();
      const counts = SENT.map((name) => [name, (after.get(name) ?? 0) - (before.get(name) ?? 0)] as const);
      const sent = counts.reduce((sum, [, count]) => sum + count, 0);
      state.isOver = true;
      await Promise.all(waiters);
      process.stdout.write(`${WAITING} waiting claims: ${sent} commands in ${seconds} s (${counts.join(' ')})\n`);
      expect(sent).toBeLessThanOrEqual(seconds);
    },
    (seconds + LONGEST_WAIT_MS / 1000) * 2000,
  );
});
