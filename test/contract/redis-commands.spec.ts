import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { VersionQuery, VersionRef } from '../../src/engine/engine.js';
import type { ClaimedTask } from '../../src/engine/task.js';
import { historyKey, prefixOf } from '../../src/engine/redis/keys.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { failing } from '../support/edits.js';
import { patch, put } from '../support/parts.js';
import { claimOf, newTask, TestQueue } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { testOptions } from './engine-under-test.js';
import { openReplica, type Replica } from './redis-under-test.js';

Logger.overrideLogger(false);

/** On Redis 7 or later; a put has four indexed fields. */
const COMMANDS = { put: 15, create: 17, get: 2, step: 66, enqueue: 32, end: 30 };

/** Most of the time of a script goes into its commands, so their number stands for what a request costs Redis. */
describe('The commands that Redis carries out for a request', () => {
  let server: RedisProcess;
  let redis: Redis;
  let replica: Replica;
  let tenant: TestTenant;

  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis(server.port, '127.0.0.1');
    replica = await openReplica(server.port, { options: testOptions, index: testIndex, namespace: '' });
    tenant = new TestTenant(replica.engine, 'default');
  });
  afterAll(async () => {
    await replica.close();
    redis.disconnect();
    await server.stop();
  });
  // A first request announces the tenant and begins an epoch.
  beforeEach(async () => void (await tenant.put('first', stateOf(0))));

  const stateOf = (n: number) => ({ status: 'open', document_type: 'letter', user_id: 'u', case_id: 'c', n });

  async function commandsOf(run: () => Promise<unknown>): Promise<Record<string, number>> {
    await redis.config('RESETSTAT');
    await run();
    const stats = [...(await redis.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
    const own = /^(config\|resetstat|info|eval|evalsha)$/;
    return Object.fromEntries(
      stats.flatMap(([, name = '', calls]) => (own.test(name) ? [] : [[name, Number(calls)] as const])),
    );
  }
  async function evaluations(): Promise<number> {
    const stats = [...(await redis.info('commandstats')).matchAll(/^cmdstat_(?:eval|evalsha):calls=(\d+)/gm)];
    return stats.reduce((sum, [, calls]) => sum + Number(calls), 0);
  }
  const total = (commands: Record<string, number>) => Object.values(commands).reduce((sum, calls) => sum + calls, 0);

  it('are few for a put that makes the next version', async () => {
    const id = randomUUID();
    for (let n = 0; n < 5; n++) await tenant.put(id, stateOf(n));
    const commands = await commandsOf(() => tenant.put(id, stateOf(5)));
    expect([total(commands), commands]).toEqual([COMMANDS.put, commands]);
  });

  it('are few for a put that creates a workflow', async () => {
    const commands = await commandsOf(() => tenant.put(randomUUID(), stateOf(1)));
    expect([total(commands), commands]).toEqual([COMMANDS.create, commands]);
  });

  it('do not read all states of a commit whose first patch fails', async () => {
    const ids = Array.from({ length: 50 }, () => randomUUID());
    for (const id of ids) await tenant.put(id, { count: 'none' });
    const refusals = async (patched: readonly string[]) => {
      const commands = await commandsOf(() =>
        tenant.commit({ patches: patched.map((id) => patch(id, failing())) }).catch(() => undefined),
      );
      return total(commands);
    };
    expect(await refusals(ids)).toBe(await refusals(ids.slice(0, 10)));
  });

  it('read no payload that does not fit the answer to a claim', async () => {
    const queue = new TestQueue(replica.engine, 'default', 'large');
    for (let n = 0; n < 20; n++) await queue.enqueue({ payload: JSON.stringify('x'.repeat(1_000_000)) });
    const commands = await commandsOf(() => queue.claim(20));
    // One more reads the mark of the tenant.
    expect([(await queue.look()).leased, commands['get']]).toEqual([8, 8 + 1]);
  });

  it('read states of a megabyte one after the other, so that no script reads many of them', async () => {
    const ids = Array.from({ length: 8 }, () => randomUUID());
    for (const id of ids) await tenant.put(id, 'x'.repeat(1_000_000));
    const small = Array.from({ length: 8 }, () => randomUUID());
    for (const id of small) await tenant.put(id, 1);
    const callsOf = async (run: () => Promise<unknown>) => {
      const commands = await commandsOf(run);
      // A state and its meta are one MGET.
      return [await evaluations(), commands['mget']];
    };
    expect(await callsOf(() => replica.engine.findMany('default', small))).toEqual([1, 8]);
    // 1 MiB is reached by the second state.
    expect(await callsOf(() => replica.engine.findMany('default', ids))).toEqual([4, 8]);
    const listed = { filter: {}, sort: '-createdAt', limit: 20, includeState: true } as const;
    const [calls = 0, states = 0] = await callsOf(() => replica.engine.list('default', listed));
    expect(states / calls).toBeLessThanOrEqual(5);
  });

  it('order ids of one time by their ranks, since a script takes long to compare them', async () => {
    const prefix = `${'p'.repeat(150)}${randomUUID()}`;
    const ids = Array.from({ length: 40 }, (_, i) => `${prefix}${i + 10}`);
    await tenant.commit({ puts: ids.toReversed().map((id) => put(id, 1)) });
    const query = { filter: { idPrefix: prefix }, limit: 100, includeState: false } as const;
    for (const sort of ['createdAt', '-createdAt'] as const) {
      let listed: readonly string[] = [];
      const commands = await commandsOf(async () => {
        listed = (await replica.engine.list('default', { ...query, sort })).items.map(({ id }) => id);
      });
      expect(listed).toEqual(sort === 'createdAt' ? ids : ids.toReversed());
      expect(commands['zrank']).toBe(40);
    }
  });

  it('read the tasks that end with their workflow at once', async () => {
    const id = randomUUID();
    await tenant.put(id, stateOf(1));
    const queue = new TestQueue(replica.engine, 'default', 'ending');
    for (let n = 0; n < 30; n++) await queue.enqueue({ workflowId: id });
    const commands = await commandsOf(() => tenant.commit({ puts: [put(id, 1)], cancelTasksOf: [id] }));
    expect(commands['get'] ?? 0).toBeLessThan(10);
  });

  it('are few for a step that ends a task, writes its workflow, and enqueues and claims the next task', async () => {
    const queue = new TestQueue(replica.engine, 'default');
    const id = randomUUID();
    for (let n = 0; n < 5; n++) await tenant.put(id, stateOf(n));
    await queue.enqueue({ workflowId: id });
    let { id: taskId, token } = await queue.take();
    const step = async (n: number, payload = '{}') => {
      const { next } = await tenant.commit({
        ack: { taskId, token, result: '{"r":1}' },
        puts: [put(id, stateOf(n))],
        enqueue: [newTask('q', { workflowId: id, payload })],
        claim: claimOf('q'),
      });
      ({ id: taskId, token } = next as ClaimedTask);
    };
    await step(5);
    const commands = await commandsOf(() => step(6));
    expect([total(commands), commands]).toEqual([COMMANDS.step, commands]);
    // The bytes of the queue change too.
    const more = await commandsOf(() => step(7, '"longer than the one before"'));
    expect([total(more), more]).toEqual([COMMANDS.step + 1, more]);
  });

  it('are few for a task that is enqueued, and for one that is ended', async () => {
    const queue = new TestQueue(replica.engine, 'default', 'plain');
    await queue.enqueueSome(2);
    const enqueue = await commandsOf(() => queue.enqueue());
    expect([total(enqueue), enqueue]).toEqual([COMMANDS.enqueue, enqueue]);
    const task = await queue.take();
    const end = await commandsOf(() => queue.complete(task));
    expect([total(end), end]).toEqual([COMMANDS.end, end]);
  });

  it('read few versions beside those of a page of the history, wherever it begins', async () => {
    const id = randomUUID();
    for (let n = 1; n <= 45; n++) await tenant.put(id, n);
    const reads = async (query: Partial<VersionQuery>) => {
      const page = { limit: 3, includeState: true, ...query };
      return (await commandsOf(() => replica.engine.listVersions('default', id, page)))['lindex'];
    };
    const bounds = [
      {},
      { before: 44 },
      { before: 5 },
      { after: 3 },
      { after: 40, before: 44 },
      { after: 1, before: 4 },
    ];
    for (const order of ['asc', 'desc'] as const) {
      // The page and its next item, the oldest version, and one version at each bound.
      for (const within of bounds) expect(await reads({ order, ...within })).toBeLessThanOrEqual(7);
    }
  });

  it('read the states of fifty versions of many workflows in one script', async () => {
    const refs: VersionRef[] = [];
    const ids = Array.from({ length: 10 }, () => randomUUID());
    for (let n = 0; n < 5; n++) for (const id of ids) refs.push(await tenant.put(id, n));
    const read = () => replica.engine.findStates('default', refs, 1_000_000);
    await read();
    await redis.config('RESETSTAT');
    expect(await read()).toEqual(refs.map((_, i) => String(Math.floor(i / 10))));
    expect(await redis.info('commandstats')).toMatch(/^cmdstat_evalsha:calls=1,/m);
    // Each earlier version is one entry of a list.
    expect((await commandsOf(read))['lindex']).toBe(40);
  });

  it('read the states of others beside a workflow with a damaged history', async () => {
    const [good, bad] = [randomUUID(), randomUUID()];
    const refs: VersionRef[] = [];
    for (const id of [bad, good]) for (const n of [1, 2]) refs.push(await tenant.put(id, n));
    await redis.set(historyKey(prefixOf('', 'default'), bad), 'of another program');
    expect(await replica.engine.findStates('default', refs, 1000)).toEqual([undefined, '2', '1', '2']);
  });

  it('are few for a read', async () => {
    const commands = await commandsOf(() => tenant.get('first'));
    expect([total(commands), commands]).toEqual([COMMANDS.get, commands]);
  });
});
