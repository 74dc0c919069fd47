import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { scaled } from '../support/scale.js';

const CLIENTS = 64;
const REPLICAS = 3;

const { increments, appends, timeoutMs } = scaled({
  short: { increments: 64, appends: 300, timeoutMs: 360_000 },
  long: { increments: 10_000, appends: 10_000, timeoutMs: 1_200_000 },
});

/** 64 clients on three replicas over one Redis, all on the same two workflows: a store without atomic writes loses updates here. */
describe(`${CLIENTS} clients on ${REPLICAS} replicas`, () => {
  let redis: RedisProcess;
  let replicas: ServiceProcess[] = [];

  beforeAll(async () => {
    redis = await startRedisProcess();
    const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, WORKFLOW_HISTORY_LIMIT: '1000' };
    replicas = await Promise.all(Array.from({ length: REPLICAS }, () => startService(env)));
  });

  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await redis.stop();
  });

  const at = (client: number, path: string) => `${replicas[client % REPLICAS]?.url}/v1/workflows/${path}`;

  /** Each client takes the next piece of work until none is left. */
  async function share(count: number, work: (client: number, piece: number) => Promise<void>): Promise<void> {
    let next = 0;
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      while (next < count) await work(client, next++);
    });
    await Promise.all(clients);
  }

  it(
    `lose none of ${increments} increments by If-Match and retry`,
    async () => {
      await put(at(0, 'counter/state'), { count: 0 });
      let refused = 0;
      await share(increments, async (client) => {
        for (;;) {
          const read = await fetch(at(client, 'counter/state'));
          const { count } = (await read.json()) as { count: number };
          const written = await put(
            at(client, 'counter/state'),
            { count: count + 1 },
            { 'if-match': String(read.headers.get('etag')) },
          );
          if (written === 200) return;
          expect(written).toBe(412);
          refused++;
        }
      });
      const { version, state } = await workflow(at(1, 'counter'));
      expect({ version, state, refused }).toEqual({
        version: increments + 1,
        state: { count: increments },
        refused: expect.any(Number),
      });
    },
    timeoutMs,
  );

  it(
    `lose none of ${appends} appended log entries`,
    async () => {
      // The logs keep the newest 100, so each entry is looked up among the versions, of which none may be missing.
      await put(at(0, 'logged/state'), { logs: [] });
      const landed = new Map<number, number>();
      await share(appends, async (client, piece) => {
        const answer = await fetch(at(client, 'logged/logs'), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ piece }),
        });
        expect(answer.status).toBe(200);
        const { version, state } = (await answer.json()) as { version: number; state: { logs: { piece: number }[] } };
        expect(state.logs.at(-1)?.piece).toBe(piece);
        landed.set(version, piece);
      });
      expect([...landed.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: appends }, (_, i) => i + 2));
      const { version, state } = await workflow(at(2, 'logged'));
      expect(version).toBe(appends + 1);
      const newest = Array.from({ length: Math.min(100, appends) }, (_, i) => landed.get(version - i)).toReversed();
      expect((state as { logs: { piece: number }[] }).logs.map(({ piece }) => piece)).toEqual(newest);
    },
    timeoutMs,
  );
});

async function put(url: string, state: unknown, headers: Record<string, string> = {}): Promise<number> {
  const init = {
    method: 'PUT',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(state),
  };
  const answer = await fetch(url, init);
  await answer.arrayBuffer();
  return answer.status;
}

async function workflow(url: string): Promise<{ version: number; state: unknown }> {
  return (await (await fetch(url)).json()) as { version: number; state: unknown };
}
