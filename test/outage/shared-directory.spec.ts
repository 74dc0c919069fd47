import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ALWAYS_ON_DISK, startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const WRITES = 60;

interface Replica {
  readonly service: ServiceProcess;
  readonly proxy: TcpProxy;
}

describe('Replicas that share a data directory', () => {
  let redis: RedisProcess;
  let dataDir: string;
  let replicas: Replica[];

  beforeEach(async () => {
    redis = await startRedisProcess(...ALWAYS_ON_DISK);
    dataDir = await mkdtemp(join(tmpdir(), 'waymark-shared-'));
    replicas = [];
  });
  afterEach(async () => {
    await Promise.all(replicas.map(({ service }) => service.stop()));
    await Promise.all(replicas.map(({ proxy }) => proxy.close()));
    await redis.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const launch = async (): Promise<Replica> => {
    const proxy = await startProxy(redis.port);
    const service = await startService({ REDIS_URL: `redis://127.0.0.1:${proxy.port}`, DATA_DIR: dataDir });
    const launched = { service, proxy };
    replicas.push(launched);
    return launched;
  };
  const call = async ({ service }: Replica, method: string, path: string, body?: unknown) => {
    const answer = await fetch(service.url + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, json: (await answer.json()) as any }; // oxlint-disable-line typescript/no-explicit-any -- bodies of every shape
  };
  const storageOf = async (replica: Replica) => (await call(replica, 'GET', '/health')).json.details.storage;
  const kill = async ({ service }: Replica) => {
    service.child.kill('SIGKILL');
    await once(service.child, 'exit');
  };
  const logsIn = async (replica: Replica, id: string) =>
    ((await call(replica, 'GET', `/v1/workflows/${id}`)).json.state.logs as { n: number }[]).map(({ n }) => n);

  it('drain the journals of those that were killed, once, also if the one that drains is killed', async () => {
    const [living, first, second] = await Promise.all([launch(), launch(), launch()]);
    for (const id of ['of-living', 'of-first', 'of-second'])
      expect((await call(living, 'PUT', `/v1/workflows/${id}`, { state: { logs: [] } })).status).toBe(201);
    for (const [replica, id] of [
      [living, 'of-living'],
      [first, 'of-first'],
      [second, 'of-second'],
    ] as const) {
      expect((await call(replica, 'GET', `/v1/workflows/${id}`)).status).toBe(200);
      replica.proxy.down();
      await until(async () => (await storageOf(replica)).mode === 'detached', 'the replica is detached');
      for (let n = 0; n < WRITES; n++)
        expect((await call(replica, 'POST', `/v1/workflows/${id}/logs`, { n })).status).toBe(200);
    }
    await kill(first);
    await kill(second);

    const drains = await launch();
    await until(async () => (await logsIn(drains, 'of-second')).length > WRITES / 4, 'a part is drained');
    await kill(drains);
    const finishes = await launch();
    const all = Array.from({ length: WRITES }, (_, n) => n);
    await until(async () => (await logsIn(finishes, 'of-second')).length === WRITES, 'the rest is drained', 60_000);
    expect(await logsIn(finishes, 'of-first')).toEqual(all);
    expect(await logsIn(finishes, 'of-second')).toEqual(all);
    await until(async () => (await storageOf(finishes)).leftJournals === 0, 'nothing is left');
    const metrics = await (await fetch(`${finishes.service.url}/metrics`)).text();
    expect(metrics).toContain('waymark_detached_left_journals 0');

    // The journal of the living one was left alone.
    expect(await logsIn(finishes, 'of-living')).toEqual([]);
    expect(await storageOf(living)).toMatchObject({ mode: 'detached', waitingEntries: WRITES });
    living.proxy.up();
    await until(async () => (await storageOf(living)).mode === 'attached', 'the living one is attached');
    expect(await logsIn(finishes, 'of-living')).toEqual(all);
  });
});
