import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { accessTenantOf } from '../../src/engine/profile.js';
import { prefixOf } from '../../src/engine/redis/keys.js';
import { Random } from '../contract/fuzz/random.js';
import { fastDirectory } from '../support/fast-directory.js';
import { rowsOf } from '../support/journal-rows.js';
import { bearer, call, digests, fill, tenantWithKey } from '../support/migration-load.js';
import { AS_OPERATOR, OPERATOR_TOKEN } from '../support/operator.js';
import { startRedisProcess } from '../support/redis-process.js';
import { scaled } from '../support/scale.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { startProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const SEED = 20_261_129;
const REPLICAS = 3;
const { workflows, kills, timeoutMs } = scaled({
  short: { workflows: 1000, kills: 2, timeoutMs: 600_000 },
  long: { workflows: 20_000, kills: 8, timeoutMs: 3_600_000 },
});
/** Delay of each answer of Redis while the tenant is erased, so that a kill falls between two steps. */
const ANSWER_DELAY_MS = 50;
/** About the time that the embedded engine needs for all steps. */
const MAX_STEPS_MS = 100;
/** Pause of a client that asks again and again. */
const PAUSE_MS = 20;

const ENV = {
  ADMIN_TOKEN: OPERATOR_TOKEN,
  RATE_LIMIT_ENABLED: 'false',
  // Replicas hear of the erasure soon, and take over soon from one that was killed.
  ACCESS_CACHE_TTL: '1s',
};
const NAMES = ['gone', 'kept'] as const;

/** Digests of all records of the neighbour and of its hidden tenant. */
async function digestsOfKept(url: string): Promise<unknown> {
  const all = [...(await digests(url))].filter(([name]) => / (\.of:)?kept\//.test(name));
  return Object.fromEntries(all.filter(([name]) => !name.startsWith('board ')));
}

/** Makes both tenants with equal ids: workflows with history, tasks, queues, keys, events. */
async function fillBoth(url: string): Promise<Record<(typeof NAMES)[number], string>> {
  const keys = { gone: await tenantWithKey(url, 'gone'), kept: await tenantWithKey(url, 'kept') };
  for (const name of NAMES) {
    await fill(url, workflows, bearer(keys[name]));
    for (let i = 0; i < 20; i++) await call(url, 'POST', '/v1/keys', { name: `k-${i}` }, bearer(keys[name]));
  }
  return keys;
}

/** Requests of the erased tenant, which go on all the time; `urls` may name a replica that has just been killed. */
class Requests {
  readonly #running: Promise<void>[];
  #isStopped = false;
  /** Answers by their status. */
  readonly statuses = new Map<number, number>();

  constructor(
    private readonly urls: () => readonly string[],
    private readonly key: string,
  ) {
    this.#running = Array.from({ length: REPLICAS }, (_, i) => this.#run(i));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  async #run(i: number): Promise<void> {
    for (let n = 0; !this.#isStopped; n++) {
      const urls = this.urls();
      const url = urls[i % urls.length] ?? '';
      for (const [method, path, body] of [
        ['PUT', `/v1/workflows/late-${i}-${n}`, { state: { n } }],
        ['POST', `/v1/queues/late-${i}/tasks`, { payload: n }],
        ['GET', '/v1/queues', undefined],
      ] as const) {
        const status = await call(url, method, path, body, bearer(this.key)).then(
          (answer) => answer.status,
          () => 0,
        );
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      }
      await sleep(PAUSE_MS);
    }
  }
}

const kill = async ({ child }: ServiceProcess) => {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
};
const erase = (url: string) => call(url, 'DELETE', '/v1/tenants/gone', undefined, AS_OPERATOR);
const isErased = async (url: string) =>
  (await call(url, 'GET', '/v1/tenants/gone', undefined, AS_OPERATOR)).status === 404;
/** Times that a replica has begun to work on the erasure. */
const begun = (replica: ServiceProcess) => replica.log().split('removing the data of tenant gone').length - 1;

describe(`The erasure of a tenant with ${workflows} workflows, whose replica is killed ${kills} times`, () => {
  let directory: string;
  beforeEach(async () => {
    directory = await fastDirectory('waymark-erase-');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it(
    'leaves nothing in Redis while other replicas go on, and the neighbour is unchanged (invariant 28)',
    async () => {
      const redis = await startRedisProcess();
      const direct = new Redis(redis.port, '127.0.0.1');
      const proxies = await Promise.all(Array.from({ length: REPLICAS }, () => startProxy(redis.port)));
      const launch = (i: number) =>
        startService({ ...ENV, REDIS_URL: `redis://127.0.0.1:${proxies[i]?.port}`, REDIS_SOCKET_TIMEOUT: '10s' });
      const replicas = await Promise.all(proxies.map((_, i) => launch(i)));
      const prefixes = ['gone', accessTenantOf('gone')].map((name) => prefixOf('', name));
      const keysLeft = async () => {
        const all: string[] = [];
        for await (const some of direct.scanStream({ count: 10_000 })) all.push(...(some as string[]));
        return all.filter((key) => prefixes.some((prefix) => key.startsWith(prefix)));
      };
      try {
        const [first] = replicas as [ServiceProcess];
        const keys = await fillBoth(first.url);
        const before = await digestsOfKept(first.url);
        const total = (await keysLeft()).length;
        const requests = new Requests(() => replicas.map(({ url }) => url), keys.gone);
        for (const proxy of proxies) proxy.delay(ANSWER_DELAY_MS);
        expect((await erase(first.url)).status).toBe(202);

        const left: number[] = [];
        let [at, seen] = [0, replicas.map(() => 0)];
        await until(() => begun(first) > 0, 'the first replica works on the erasure');
        await until(async () => (await keysLeft()).length < total, 'a step has ended');
        for (let done = 0; ; done++) {
          seen = replicas.map(begun);
          await kill(replicas[at] as ServiceProcess);
          left.push((await keysLeft()).length);
          seen[at] = 0;
          replicas[at] = await launch(at);
          if (done === kills - 1) break;
          at = -1;
          await until(() => {
            at = replicas.findIndex((replica, i) => begun(replica) > (seen[i] ?? 0));
            return at >= 0;
          }, `after kill ${done}, another replica works on the erasure`);
        }
        expect(left[0]).toBeGreaterThan(0);
        for (const proxy of proxies) proxy.delay(0);
        await until(() => isErased(replicas[1]?.url ?? ''), 'the tenant is erased', timeoutMs / 2);
        await requests.stop();
        expect(await keysLeft()).toEqual([]);
        expect(await digestsOfKept(replicas[2]?.url ?? '')).toEqual(before);
        expect(requests.statuses.get(401)).toBeGreaterThan(0);
        process.stdout.write(
          `erase: ${total} keys, after ${kills} kills ${left.join(', ')} left, answers to the tenant: ${JSON.stringify(Object.fromEntries(requests.statuses))}\n`,
        );
      } finally {
        direct.disconnect();
        await Promise.all(replicas.map((replica) => replica.stop()));
        await Promise.all(proxies.map((proxy) => proxy.close()));
        await redis.stop();
      }
    },
    timeoutMs,
  );

  it(
    'leaves nothing in a data directory after restarts, and the neighbour is unchanged (invariant 28)',
    async () => {
      const random = new Random(SEED);
      const launch = () => startService({ ...ENV, DATA_DIR: directory });
      let service = await launch();
      const rows = async () =>
        Object.values(await rowsOf(directory, ['gone', accessTenantOf('gone')])).reduce((sum, n) => sum + n, 0);
      try {
        const keys = await fillBoth(service.url);
        const before = await digestsOfKept(service.url);
        const total = await rows();
        const requests = new Requests(() => [service.url], keys.gone);
        expect((await erase(service.url)).status).toBe(202);
        const left: number[] = [];
        for (let done = 0; done < kills; done++) {
          await until(() => begun(service) > 0, `kill ${done}: the service works on the erasure`);
          await sleep(random.below(MAX_STEPS_MS));
          await kill(service);
          left.push(await rows());
          service = await launch();
        }
        await until(() => isErased(service.url), 'the tenant is erased', timeoutMs / 2);
        await requests.stop();
        expect(await digestsOfKept(service.url)).toEqual(before);
        await service.stop();
        expect(await rowsOf(directory, ['gone', accessTenantOf('gone')])).toEqual({});
        process.stdout.write(
          `erase: ${total} rows, after ${kills} kills ${left.join(', ')} left, answers to the tenant: ${JSON.stringify(Object.fromEntries(requests.statuses))}\n`,
        );
      } finally {
        await service.stop();
      }
    },
    timeoutMs,
  );
});
