import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Engine } from '../../src/engine/engine.js';
import { WebSockets } from '../../src/feed/web-sockets.js';
import { serveBuilt } from '../support/built-service.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestSocket } from '../support/socket-client.js';
import { until } from '../support/until.js';

const TEST = '/api/routing/test';
/** Timeout of a command: an answer that waits for Redis takes at least this long. */
const COMMAND_MS = 3000;

interface Replica {
  readonly app: NestFastifyApplication;
  readonly url: string;
}

async function startReplica(port: number): Promise<Replica> {
  const env = { REDIS_URL: `redis://127.0.0.1:${port}`, REDIS_SOCKET_TIMEOUT: `${COMMAND_MS}ms`, WEBSOCKET_PORT: '0' };
  const app = await serveBuilt(env);
  return { app, url: (await app.getUrl()).replace('[::1]', '127.0.0.1') };
}

// oxlint-disable-next-line typescript/no-explicit-any -- bodies of every shape
async function call({ url }: Replica, path: string, body?: object): Promise<{ status: number; json: any }> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(url + path, body === undefined ? {} : init);
  return { status: response.status, json: await response.json() };
}

const decide = async (replica: Replica, text = 'ok') => {
  const started = performance.now();
  const { status, json } = await call(replica, TEST, { text });
  return { status, decision: json.decision, ms: performance.now() - started };
};

const events = async ({ app }: Replica, channel: string) =>
  (await app.get(Engine).readFeed('default', undefined, 100_000))
    .filter(({ fields }) => fields['channel'] === channel)
    .map(({ type, fields }) => ({ type, payload: JSON.parse(fields['payload'] ?? 'null') }));

const metric = async ({ url }: Replica, name: string) =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await (await fetch(`${url}/metrics`)).text())?.[1]);

describe('replicas that route over one Redis', () => {
  let redis: RedisProcess;
  let replicas: [Replica, Replica];

  beforeAll(async () => {
    redis = await startRedisProcess();
    replicas = [await startReplica(redis.port), await startReplica(redis.port)];
  });

  afterAll(async () => {
    await Promise.all(replicas.map(({ app }) => app.close()));
    await redis.stop();
  });

  it('read each other’s decisions in the feed, as they are sent to listeners', async () => {
    const [one, two] = replicas;
    const { decision } = await decide(one);
    const { taskId, selectedAgent, complexityScore, reason, timestamp } = decision;
    const payload = { taskId, agent: selectedAgent.id, complexityScore, reason, timestamp };
    let seen: unknown[] = [];
    await until(async () => {
      seen = await events(two, 'task:routing');
      return seen.length > 0;
    }, 'the decision is in the feed of the other replica');
    expect(seen).toEqual([{ type: 'routing_decision', payload }]);
  });

  it('tell the clients of each other: a plain socket at the root of its own port hears of a decision made elsewhere', async () => {
    const [one, two] = replicas;
    const socket = await new TestSocket(`ws://localhost:${two.app.get(WebSockets).port}`).opened();
    socket.send({ type: 'subscribe', channel: 'task:routing' });
    await until(() => socket.messages.length > 0, 'it is subscribed');
    const { decision } = await decide(one, 'heard elsewhere');
    const { taskId, selectedAgent, complexityScore, reason, timestamp } = decision;
    await until(() => socket.events.length > 0, 'the decision arrives');
    expect(socket.events[0]).toMatchObject({
      type: 'routing_decision',
      payload: { taskId, agent: selectedAgent.id, complexityScore, reason, timestamp },
    });
    expect(socket.flaws).toEqual([]);
    socket.terminate();
  });

  it('share their statistics, and lose no decision of each other', async () => {
    const before = (await call(replicas[0], TEST)).json.stats.totalRoutes;
    await Promise.all(Array.from({ length: 300 }, (_, i) => decide(replicas[i % 2] as Replica, `hello ${i}`)));
    // Each replica flushes its own counts before it answers.
    for (const replica of replicas) await call(replica, TEST);
    const shown = await Promise.all(replicas.map(async (replica) => (await call(replica, TEST)).json.stats));
    expect(shown[0].totalRoutes).toBe(before + 300);
    expect(shown[1]).toEqual(shown[0]);
  });

  it('hear what an agent has told one of them', async () => {
    const [one, two] = replicas;
    expect((await decide(two)).decision.selectedAgent.id).toBe('llama');
    await call(one, '/v1/agents/llama/status', { status: 'available', load: 0.9 });
    await until(
      async () => (await decide(two)).decision.selectedAgent.id === 'mistral',
      'the other replica passes the busy agent over',
    );
    expect((await call(two, '/v1/agents')).json).toEqual((await call(one, '/v1/agents')).json);
    expect((await events(two, 'agent:status')).at(-1)).toMatchObject({
      type: 'agent_status',
      payload: { agentId: 'llama', load: 0.9 },
    });
  });

  it('know when they start what agents have told others before', async () => {
    await call(replicas[0], '/v1/agents/llama/status', { status: 'offline' });
    const late = await startReplica(redis.port);
    try {
      await until(
        async () => (await decide(late)).decision.selectedAgent.id === 'mistral',
        'the new replica knows that the agent is offline',
      );
    } finally {
      await late.app.close();
    }
  });

  it('go on with the statistics of those that have ended, and lose nothing of an orderly end', async () => {
    const before = (await call(replicas[0], TEST)).json.stats.totalRoutes;
    const short = await startReplica(redis.port);
    await Promise.all(Array.from({ length: 120 }, () => decide(short)));
    await short.app.close();
    expect((await call(replicas[0], TEST)).json.stats.totalRoutes).toBe(before + 120);
  });
});

describe('a decision, when Redis', () => {
  it('hangs, is made at once; when it is back, all are published and counted once', async () => {
    const redis = await startRedisProcess();
    const replica = await startReplica(redis.port);
    try {
      expect((await decide(replica)).status).toBe(200);
      expect((await call(replica, TEST)).json.stats.totalRoutes).toBe(1);
      redis.pause();
      const made = [];
      for (let i = 0; i < 120; i++) made.push(await decide(replica, `hello ${i}`));
      expect(made.every(({ status }) => status === 200)).toBe(true);
      expect(Math.max(...made.map(({ ms }) => ms))).toBeLessThan(COMMAND_MS);
      const statistics = await call(replica, TEST);
      expect([statistics.status, statistics.json.code]).toEqual([503, 'STORE_UNAVAILABLE']);
      // At least one batch has timed out and been sent again.
      made.push(await decide(replica, 'still at once'));
      expect(made.at(-1)?.ms).toBeLessThan(COMMAND_MS);
      redis.resume();
      await until(async () => (await metric(replica, 'waymark_routing_waiting')) === 0, 'nothing waits any more');
      await until(
        async () => (await call(replica, TEST)).json.stats?.totalRoutes === made.length + 1,
        'all decisions are counted',
      );
      const published = (await events(replica, 'task:routing')).map(({ payload }) => payload.taskId);
      expect(published.slice(1)).toEqual(made.map(({ decision }) => decision.taskId));
    } finally {
      redis.resume();
      await replica.app.close();
      await redis.stop();
    }
  });

  it('is dead, is made at once; what needs the store says so, and an orderly end does not wait for ever', async () => {
    const redis = await startRedisProcess();
    const replica = await startReplica(redis.port);
    let isClosed = false;
    try {
      await redis.stop();
      const made = [];
      for (let i = 0; i < 100; i++) made.push(await decide(replica));
      expect(made.every(({ status, decision }) => status === 200 && decision.selectedAgent.id === 'llama')).toBe(true);
      expect(Math.max(...made.map(({ ms }) => ms))).toBeLessThan(COMMAND_MS);
      expect(await metric(replica, 'waymark_routing_waiting')).toBeGreaterThan(0);
      const inNeed: [string, object?][] = [
        [TEST],
        ['/v1/agents'],
        ['/v1/agents/llama/status', { status: 'idle' }],
        ['/v1/routing', { text: 'ok', enqueue: true }],
      ];
      for (const [path, body] of inNeed) {
        const refused = await call(replica, path, body);
        expect([path, refused.status]).toEqual([path, 503]);
      }
      await replica.app.close();
      isClosed = true;
    } finally {
      if (!isClosed) await replica.app.close();
    }
  });

  it('is not there at the start either, changes nothing', async () => {
    const redis = await startRedisProcess();
    await redis.stop();
    const replica = await startReplica(redis.port);
    const { status, ms } = await decide(replica);
    expect([status, ms < COMMAND_MS]).toEqual([200, true]);
    await replica.app.close();
  });
});
