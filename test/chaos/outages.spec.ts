import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Random } from '../contract/fuzz/random.js';
import { client, Seen, worker, type Load } from './outage-clients.js';
import { Deployment, COMMAND_MS, type Replicas } from '../support/deployment.js';
import { History } from './outage-history.js';
import { scaled } from '../support/scale.js';
import { until } from '../support/until.js';

type Fault = 'kill redis' | 'hang redis' | 'cut' | 'silence' | 'latency' | 'kill replica';

interface Outages {
  readonly fallback: 'memory' | 'none';
  readonly faults: readonly Fault[];
  readonly count: number;
  readonly clients: number;
  readonly timeoutMs: number;
  /** Each with a key and the same ids; without them, callers need no credential. */
  readonly tenants: readonly string[];
}

const ADMIN_TOKEN = 'an-operator-of-this-test';

const REPLICAS = 3;
const HOT = Array.from({ length: 12 }, (_, n) => `hot-${n}`);
const COLD = Array.from({ length: 300 }, (_, n) => `cold-${n}`);
const CHAINS = Array.from({ length: 4 }, (_, n) => `chain-${n}`);
const RECOVERY_MS = 90_000;
const WRITES_PER_ROUND = 20;
/** Timeout of one command, a write that waits for a drain, and a busy machine. */
const DEADLINE_MS = 2 * COMMAND_MS + 3000;

const OUTAGES = scaled<readonly Outages[]>({
  short: [
    { fallback: 'none', faults: ['kill redis'], count: 2, clients: 6, timeoutMs: 360_000, tenants: [] },
    {
      fallback: 'memory',
      faults: ['kill redis', 'kill replica', 'silence', 'cut'],
      count: 4,
      clients: 6,
      timeoutMs: 360_000,
      tenants: [],
    },
    {
      fallback: 'memory',
      faults: ['kill redis', 'kill replica', 'cut'],
      count: 3,
      clients: 4,
      timeoutMs: 360_000,
      tenants: ['red', 'blue'],
    },
  ],
  long: [
    { fallback: 'none', faults: ['kill redis'], count: 20, clients: 12, timeoutMs: 300_000, tenants: [] },
    { fallback: 'memory', faults: ['kill redis'], count: 20, clients: 12, timeoutMs: 300_000, tenants: [] },
    {
      fallback: 'memory',
      faults: ['kill redis', 'hang redis', 'cut', 'silence', 'latency', 'kill replica'],
      count: 36,
      clients: 12,
      timeoutMs: 600_000,
      tenants: [],
    },
    {
      fallback: 'memory',
      faults: ['kill redis', 'hang redis', 'cut', 'silence', 'latency', 'kill replica'],
      count: 24,
      clients: 12,
      timeoutMs: 600_000,
      tenants: ['red', 'blue'],
    },
  ],
});

/** Replicas under load and faults; afterwards every acknowledged write is looked up. */
describe.each(OUTAGES)(
  `${REPLICAS} replicas with REDIS_FALLBACK=$fallback, tenants $tenants, $count times: $faults`,
  ({ fallback, faults, count, clients, timeoutMs, tenants }) => {
    let deployment: Deployment;
    beforeAll(async () => {
      deployment = await Deployment.start(fallback, REPLICAS, tenants.length > 0 ? ADMIN_TOKEN : undefined);
    });
    afterAll(async () => {
      await deployment.stop();
    });

    it(
      'keep every acknowledged write, fork no version, take no step twice, and answer in time',
      async () => {
        const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
        const random = new Random(seed);
        const callers =
          tenants.length === 0
            ? [{ name: 'm', replicas: deployment as Replicas }]
            : await Promise.all(
                tenants.map(async (name) => ({ name, replicas: deployment.as(await keyOf(deployment, name)) })),
              );
        const loads = callers.map(({ name, replicas }): Load => ({
          deployment: replicas,
          history: new History(name),
          seen: new Seen(),
          random,
          hot: HOT,
          cold: COLD,
          isOver: false,
        }));
        for (const load of loads) await prepare(load.deployment);
        const ends = Promise.allSettled(
          loads.flatMap((load) => [
            ...Array.from({ length: clients / loads.length }, () => client(load)),
            ...CHAINS.map(() => worker(load, CHAINS)),
          ]),
        );
        const done: Record<string, number> = {};
        let slowestRecovery = 0;
        for (let round = 0; round < count; round++) {
          const fault = faults[round % faults.length] as Fault;
          await sleep(150 + random.below(300));
          await inflict(deployment, fault, random);
          slowestRecovery = Math.max(slowestRecovery, await deployment.allAttached(RECOVERY_MS));
          // On a busy machine, a round takes as long as its writes.
          const enough = WRITES_PER_ROUND * (round + 1);
          await until(
            () => loads.every(({ history }) => history.acknowledged.length > enough / loads.length),
            'enough writes are acknowledged',
          );
          done[fault] = (done[fault] ?? 0) + 1;
        }
        await sleep(500);
        for (const load of loads) load.isOver = true;
        const failed = (await ends).filter((end) => end.status === 'rejected');
        await deployment.allAttached(RECOVERY_MS);

        expect(failed).toEqual([]);
        let detachedInAll = 0;
        for (const { deployment: replicas, history, seen } of loads) {
          await history.check(replicas, HOT);
          const steps = await stepsTaken(replicas);
          const { name, violations, conflicts, detached, acknowledged, versions } = history;
          console.log(
            JSON.stringify({
              seed,
              name,
              faults: done,
              answers: seen.answers,
              slowestMs: Math.round(seen.slowestMs),
              slowestRecoveryMs: Math.round(slowestRecovery),
              checked: { acknowledged: acknowledged.length, detached, versions, conflicts, steps, violations },
            }),
          );
          expect(violations).toEqual([]);
          expect(seen.lies).toEqual([]);
          expect(seen.slowestMs).toBeLessThan(DEADLINE_MS);
          expect(acknowledged.length).toBeGreaterThan((WRITES_PER_ROUND * count) / loads.length);
          expect(steps).toBeGreaterThan(0);
          detachedInAll += detached;
          if (fallback === 'none') expect([detached, conflicts]).toEqual([0, 0]);
        }
        if (fallback === 'memory') expect(detachedInAll).toBeGreaterThan(count);
      },
      timeoutMs,
    );
  },
);

/** Makes a tenant; returns a key of its writers. */
async function keyOf(deployment: Deployment, tenant: string): Promise<string> {
  const made = await deployment.call(0, 'PUT', `/v1/tenants/${tenant}`, {});
  expect(made?.status).toBe(201);
  const body = { name: tenant, role: 'admin' };
  const key = await deployment.call(0, 'POST', '/v1/keys', body, { 'waymark-tenant': tenant });
  expect(key?.status).toBe(201);
  return key?.json.key;
}

async function prepare(deployment: Replicas): Promise<void> {
  const puts = [
    ...HOT.map((id) => ({ id, state: { seen: [] }, ttlSeconds: null })),
    ...COLD.map((id) => ({ id, state: {}, ttlSeconds: null })),
    ...CHAINS.map((id) => ({ id, state: { steps: [] }, ttlSeconds: null })),
  ];
  for (let at = 0; at < puts.length; at += 50) {
    await commit(deployment, { puts: puts.slice(at, at + 50) });
  }
  const enqueue = CHAINS.map((workflowId) => ({
    queue: 'chains',
    payload: { step: 0 },
    workflowId,
    maxAttempts: 1000,
    backoffMs: [10],
  }));
  await commit(deployment, { enqueue });
}

/** Repeats the commit under one key while it is answered 503: on a busy machine Redis may seem away before any fault. */
async function commit(deployment: Replicas, body: object): Promise<void> {
  const headers = { 'idempotency-key': randomUUID() };
  const send = async () => (await deployment.call(0, 'POST', '/v1/commits', body, headers))?.status;
  let status: number | undefined;
  await until(async () => (status = await send()) !== 503, 'the commit is answered');
  expect(status).toBe(200);
}

/** Inflicts one fault and ends it after a while. */
async function inflict(deployment: Deployment, fault: Fault, random: Random): Promise<void> {
  const lastsMs = 200 + random.below(600);
  const proxy = random.pick(deployment.proxies);
  switch (fault) {
    case 'kill redis':
      await deployment.redis.kill();
      await sleep(lastsMs);
      return deployment.redis.restart();
    case 'hang redis':
      deployment.redis.pause();
      await sleep(COMMAND_MS + lastsMs);
      return deployment.redis.resume();
    case 'cut':
      return proxy.cut();
    case 'silence':
      proxy.silence();
      await sleep(COMMAND_MS + lastsMs);
      return proxy.up();
    case 'latency':
      proxy.delay(50 + random.below(400));
      await sleep(lastsMs);
      return proxy.up();
    case 'kill replica': {
      // Detached when it is killed, so that its acknowledged writes are nowhere else.
      const i = random.below(deployment.replicas.length);
      deployment.proxies[i]?.down();
      await sleep(lastsMs);
      deployment.replicas[i]?.child.kill('SIGKILL');
      deployment.proxies[i]?.up();
      deployment.replicas[i] = await deployment.launch(i);
    }
  }
}

/** Number of steps taken in all chains; each must have been taken once and in order. */
async function stepsTaken(deployment: Replicas): Promise<number> {
  let taken = 0;
  for (const id of CHAINS) {
    const answer = await deployment.call(0, 'GET', `/v1/workflows/${id}`);
    if (answer?.status !== 200) throw new Error(`${id} cannot be read`);
    const { steps } = answer.json.state as { steps: number[] };
    expect(steps).toEqual(Array.from({ length: steps.length }, (_, n) => n));
    taken += steps.length;
  }
  return taken;
}
