import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { VersionConflictError } from '../../src/engine/errors.js';
import type { Engine } from '../../src/engine/engine.js';
import { MemoryEngine } from '../../src/engine/memory/memory-engine.js';
import { TestClock } from '../support/clock.js';
import { once, testIndex, touch } from '../support/parts.js';
import { explain, findDifference, type Difference, type FuzzedEngine } from './fuzz.js';
import { fuzzOptions } from './fuzz/choose.js';
import { openJournalEngine } from './journal-engine.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { scaled } from '../support/scale.js';
import { openReplica, type Replica } from './redis-under-test.js';

/** Fixed, so that a failure comes from the change under test; `WAYMARK_FUZZ_SEED=random` searches for new differences. */
const DEFAULT_SEED = 20_261_121;
const given = process.env['WAYMARK_FUZZ_SEED'];
const seed = given === 'random' ? randomInt(2 ** 31) : Number(given ?? DEFAULT_SEED);
const operations = Number(process.env['WAYMARK_FUZZ_OPERATIONS'] ?? scaled({ short: 4000, long: 20_000 }));
const A_MINUTE_MS = 60_000;
/** Fixed, so that finding the planted faults does not depend on luck. */
const FAULT_SEED = 7;
/** Ends a run that hangs; the real time is printed. */
const TIMEOUT_MS = Math.max(10 * A_MINUTE_MS, operations * 60);

/** Not started: the engine would sweep at moments that no seed repeats. */
function memoryEngine(clock: TestClock): Engine {
  return new MemoryEngine({ options: fuzzOptions, index: testIndex, clock: clock.read });
}

async function compare(name: string, reference: FuzzedEngine, other: FuzzedEngine, clock: TestClock, count: number) {
  const started = performance.now();
  const difference = await findDifference({ reference, other, clock, seed, operations: count });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`fuzz ${name}: seed ${seed}, ${count} operations, ${seconds} s\n`);
  if (difference !== undefined) throw new Error(explain(difference));
}

describe('Random operations mean the same', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisProcess();
  });
  afterAll(async () => {
    await redis.stop();
  });

  it(
    'in memory and on two replicas over one Redis',
    async () => {
      const clock = new TestClock();
      const parts = { options: fuzzOptions, index: testIndex, namespace: `ns-${randomUUID()}`, clock: clock.read };
      const open = () => Promise.all([openReplica(redis.port, parts), openReplica(redis.port, parts)]);
      let replicas = await open();
      let turn = 0;
      const other = {
        name: 'Redis',
        /** Two replicas in turn: neither may rely on its own memory. */
        get engine() {
          return (replicas[turn++ % 2] as Replica).engine;
        },
        async reopen() {
          await Promise.all(replicas.map((replica) => replica.close()));
          replicas = await open();
        },
      };
      try {
        await compare('memory and Redis', { name: 'memory', engine: memoryEngine(clock) }, other, clock, operations);
      } finally {
        await Promise.all(replicas.map((replica) => replica.close()));
      }
    },
    TIMEOUT_MS,
  );

  it(
    'in memory and in memory with a journal that is closed and opened again',
    async () => {
      const journal = await openJournalEngine({ options: fuzzOptions });
      const { clock } = journal;
      const other: FuzzedEngine = {
        name: 'journal',
        sweepsByItself: true,
        get engine() {
          return journal.engine;
        },
        reopen: () => journal.reopen(),
      };
      const reference = { name: 'memory', engine: memoryEngine(clock) };
      try {
        await compare('memory and journal', reference, other, clock, Math.ceil(operations / 4));
      } finally {
        await journal.close();
      }
    },
    TIMEOUT_MS,
  );
});

/** The engine with some methods replaced. */
function altered(engine: Engine, changes: Partial<Engine>): Engine {
  return new Proxy(engine, {
    get(target, name) {
      const change = Reflect.get(changes, name) as unknown;
      if (change !== undefined) return change;
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const FAULTS: readonly (readonly [string, (engine: Engine) => Partial<Engine>])[] = [
  [
    'loses an entry of the history',
    (engine) => ({
      async listVersions(...args) {
        const page = await engine.listVersions(...args);
        return page && { ...page, versions: page.versions.filter((_, i) => i !== 2) };
      },
    }),
  ],
  [
    'touches something although the commit is refused',
    (engine) => ({
      async commit(tenant, commit) {
        try {
          return await engine.commit(tenant, commit);
        } catch (error) {
          const id = commit.puts?.[0]?.id;
          if (error instanceof VersionConflictError && error.failed?.part === 'touches' && id !== undefined)
            await engine.commit(tenant, { once: once(), touches: [touch(id, null)] }).catch(() => undefined);
          throw error;
        }
      },
    }),
  ],
  [
    'does not say that it replays',
    (engine) => ({
      commit: async (tenant, commit) => ({ ...(await engine.commit(tenant, commit)), replayed: false }),
    }),
  ],
  [
    'forgets what was kept for a key',
    (engine) => ({
      commit: (tenant, commit) => engine.commit(tenant, { ...commit, once: { ...commit.once, key: randomUUID() } }),
    }),
  ],
  [
    'loses the last of a long page',
    (engine) => ({
      async list(tenant, query) {
        const page = await engine.list(tenant, query);
        return { ...page, items: page.items.slice(0, 4) };
      },
    }),
  ],
  [
    'counts without a filter by time',
    (engine) => ({
      count: (tenant, { updatedAfterMs: _after, ...filter }) => engine.count(tenant, filter),
    }),
  ],
  [
    'shows a workflow of another tenant',
    (engine) => ({
      findMany: (tenant, ids) => engine.findMany(tenant === 't' ? 'default' : tenant, ids),
    }),
  ],
];

function run(alter: (engine: Engine) => Engine): Promise<Difference | undefined> {
  const clock = new TestClock();
  const reference = { name: 'sound', engine: memoryEngine(clock) };
  const other = { name: 'altered', engine: alter(memoryEngine(clock)) };
  return findDifference({ reference, other, clock, seed: FAULT_SEED, operations: 5000 });
}

describe('A fuzz', () => {
  it('finds nothing between two sound engines', async () => {
    expect(await run((engine) => engine)).toBeUndefined();
  });

  it.each(FAULTS)('finds an engine that %s', async (_fault, changes) => {
    const difference = await run((engine) => altered(engine, changes(engine)));
    expect(difference).toBeDefined();
  });

  it('repeats itself with the same seed', async () => {
    const [, changes] = FAULTS[0] as (typeof FAULTS)[number];
    const alter = (engine: Engine) => altered(engine, changes(engine));
    expect((await run(alter))?.step).toBe((await run(alter))?.step);
  });
});
