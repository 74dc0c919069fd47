import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

describe('waiting requests on two replicas over one Redis', () => {
  let redis: RedisProcess;
  let replicas: ServiceProcess[];
  let watcher: Redis;

  beforeAll(async () => {
    redis = await startRedisProcess();
    // Longer than any busy machine takes: this spec is about replicas that have Redis.
    const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, REDIS_SOCKET_TIMEOUT: '60s' };
    replicas = await Promise.all([startService(env), startService(env)]);
    watcher = new Redis({ host: '127.0.0.1', port: redis.port });
  });

  afterAll(async () => {
    await watcher.quit();
    await Promise.all(replicas.map((replica) => replica.stop()));
    await redis.stop();
  });

  async function post(
    replica: number,
    path: string,
    body: object,
  ): Promise<{ json: { tasks: { leaseToken: string }[] } }> {
    const answer = await fetch(`${replicas[replica]?.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    return { json: text === '' ? { tasks: [] } : JSON.parse(text) };
  }

  it('for tasks are all served, none a second time before all had a first one (invariant 22)', async () => {
    const waiters = 20;
    const served = Array.from({ length: waiters }, () => 0);
    const claims = served.map(async (_, n) => {
      for (let round = 0; round < 2; round++) {
        const { json } = await post(n % 2, '/v1/queues/fair/claims', { waitMs: 30_000 });
        expect(json.tasks).toHaveLength(1);
        served[n] = (served[n] ?? 0) + 1;
      }
    });
    for (let n = 0; n < 2 * waiters; n++) await post(n % 2, '/v1/queues/fair/tasks', { payload: n });
    await Promise.all(claims);
    expect(served).toEqual(served.map(() => 2));
  });

  it('for progress share one subscription, however many there are (invariant 23)', async () => {
    await post(0, '/v1/queues/told/tasks', { payload: 1, id: 'told' });
    const [task] = (await post(0, '/v1/queues/told/claims', {})).json.tasks;
    const listeners = 300;
    const heard = Array.from({ length: listeners }, () => '');
    const open = heard.map(
      (_, n) =>
        new Promise<void>((resolve, reject) => {
          const asking = request(`${replicas[0]?.url}/v1/tasks/told/events`, {
            agent: false,
            headers: { accept: 'text/event-stream' },
          });
          asking.on('response', (response) => {
            if (response.statusCode !== 200) reject(new Error(`The stream is refused: ${response.statusCode}`));
            response.on('data', (chunk: Buffer) => (heard[n] += chunk.toString()));
            response.on('end', resolve);
          });
          asking.on('error', reject);
          asking.end();
        }),
    );
    const ended = Promise.all(open);
    await Promise.race([until(() => heard.every((text) => text.startsWith('retry:')), 'all of them listen'), ended]);
    const subscribers = async () =>
      String(await watcher.client('LIST', 'TYPE', 'PUBSUB'))
        .split('\n')
        .filter((line) => line.includes(' sub=1')).length;
    // One subscription for each replica.
    expect(await subscribers()).toBeLessThanOrEqual(2);
    for (let n = 1; n <= 3; n++) {
      await post(1, '/v1/tasks/told/progress', { leaseToken: task?.leaseToken, event: n });
    }
    await post(1, '/v1/tasks/told/complete', { leaseToken: task?.leaseToken });
    await ended;
    for (const text of heard) {
      expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(['1', '2', '3']);
      expect(text).toContain('event: end');
    }
  });

  it('are not served from a Redis of another schema: the start is refused (invariant 25)', async () => {
    const url = `redis://127.0.0.1:${redis.port}`;
    await watcher.set('later:waymark:schema', '99 waymark 9.9.9');
    await expect(startService({ REDIS_URL: url, REDIS_NAMESPACE: 'later' })).rejects.toThrow(
      /schema 99, written by Waymark 9.9.9[^]*schema 5/,
    );
    expect(await watcher.get('waymark:schema')).toMatch(/^5 waymark /);
  });
});
