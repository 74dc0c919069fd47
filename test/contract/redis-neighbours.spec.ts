import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { ServiceError } from '../../src/service-error.js';
import { checkServer } from '../../src/engine/redis/connection/server-check.js';
import { ONLY_SERVER } from '../../src/engine/redis/connection/drivers/redis-driver.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { examine } from '../../src/engine/redis/doctor/doctor.js';
import { KEY_NAMES, KEY_TYPES } from '../../src/engine/redis/keys.js';
import { TestClock } from '../support/clock.js';
import { contentsOf, FOREIGN_TYPES, plant } from '../support/neighbours.js';
import { once, put, touch } from '../support/parts.js';
import { testIndex } from '../support/parts.js';
import { refusalOf } from '../support/refusal.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { claimOf, newTask, queueNames, TestQueue } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { testOptions } from './engine-under-test.js';
import { configFor, openReplica, type Replica } from './redis-under-test.js';

const TYPES = Object.keys(FOREIGN_TYPES);
/** Parts of names that an id follows get one that the cases use. */
const ID = 'x';
const OWN_NAMES = Object.keys(KEY_TYPES).map((name) => (name.endsWith(':') ? `${name}${ID}` : name));
const NEW_NAMES = OWN_NAMES.filter((name) => name.startsWith('waymark:'));
const FORMER_NAMES = [...NEW_NAMES, 'waymark:nothing', 'waymark:nothing-else'].map((name) => name.slice(8));
/** Keys under a name that the requests below need. */
function keysUnder(name: string): readonly string[] {
  if (!name.endsWith(':')) return [name];
  if (name === KEY_NAMES.index)
    return ['updated', 'deadline', 'ids', 'by:status=open', 'created-by:status=open', 'by:status=done'].map(
      (end) => name + end,
    );
  if (name === KEY_NAMES.queue) return ['ready', 'leased', 'dead', 'workers'].map((kind) => `${name}${kind}:${ID}`);
  if (/:(task|payload|result|failures|progress):$/.test(name))
    return [`new-${ID}`, `ended-${ID}`, `failed-${ID}`, `told-${ID}`].map((id) => name + id);
  return [`${name}${ID}`];
}

/** Written whatever a request does. */
const MOVING = /^waymark:(fence:|tenants|queue:rate:|queue:workers:|limit:)/;

describe('keys of other programs in the same database', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let replica: Replica | undefined;

  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
    Logger.overrideLogger(false);
  });
  afterAll(async () => {
    direct.disconnect();
    await redis.stop();
  });
  beforeEach(async () => void (await direct.flushall()));
  afterEach(async () => {
    await replica?.close();
    replica = undefined;
  });

  async function contact(): Promise<void> {
    const connections = new RedisConnections(configFor(redis.port, ''), false);
    await connections.open();
    try {
      await checkServer(connections);
    } finally {
      await connections.close();
    }
  }

  async function opened() {
    const clock = new TestClock();
    const parts = { options: testOptions, index: testIndex, namespace: '', clock: clock.read };
    replica = await openReplica(redis.port, parts);
    return { engine: replica.engine, clock };
  }

  /** One request of each kind. `made` is unique; the keys of the requests contain ID. */
  async function requests() {
    const { engine, clock } = await opened();
    const tenant = new TestTenant(engine, 'default');
    const q = new TestQueue(engine, 'default', ID);
    const board = { board: ID, add: { n: 1 }, notices: [{ name: 'x', text: 'y', keepMs: 1e9 }], entries: ['e'] };
    const rate = { limit: 60, windowMs: 60_000, burst: 10 };
    /** Made before the foreign key appears. */
    const prepare = async () => {
      const state = { status: 'open' };
      await tenant.put(ID, { ...state, n: 1 });
      await tenant.put(ID, { ...state, n: 2 });
      await q.enqueue({ id: ID });
      await q.take();
      const tasks = [];
      for (const name of ['ended', 'failed', 'told']) {
        await q.enqueue({ id: `${name}-${ID}` });
        tasks.push(await q.take());
      }
      return tasks;
    };
    const all = ([ended, failed, told]: Awaited<ReturnType<typeof prepare>>) => ({
      'put of an existing one': () => tenant.put(ID, { status: 'done' }),
      'put of a new one': () => tenant.put(`new-${ID}`, { status: 'open' }),
      touch: () => tenant.commit({ touches: [touch(ID, 100_000)] }),
      find: () => tenant.find(ID),
      list: () => tenant.list(),
      count: () => tenant.count({ fields: { status: 'open' } }),
      versions: () => engine.listVersions('default', ID, { limit: 10, includeState: true }),
      enqueue: () =>
        q.commit({
          enqueue: [newTask(ID, { id: `new-${ID}`, workflowId: ID, dedupe: { key: ID, keepMs: 60_000 } })],
        }),
      'step commit': () =>
        q.commit({
          ack: { taskId: ended?.id ?? '', token: ended?.token ?? '', result: '{"r":1}' },
          puts: [put(ID, { status: 'later' })],
          claimNext: claimOf(ID, 1),
        } as never),
      fail: () =>
        q.step({
          kind: 'fail',
          ...held(failed),
          error: { code: 'E', message: 'm' },
          isRetryable: true,
          retryAfterMs: 5,
          jitter: 1,
        } as never),
      progress: () => q.step({ kind: 'progress', ...held(told), event: '{}' } as never),
      claim: () => engine.tasks.claim('default', claimOf(ID, 1), `claim-${ID}`),
      pause: () => engine.tasks.pause('default', ID, false),
      queue: () => engine.tasks.findQueue('default', ID),
      queues: () => queueNames(engine, 'default'),
      task: () => engine.tasks.find('default', ID),
      publish: () =>
        tenant.commit({ publish: [{ channel: 'c', type: 't', payload: '{}' }] }, { key: ID, fingerprint: '' }),
      'known outcome': () => engine.findOutcome('default', ID, ''),
      board: () => engine.commit('default', { once: once(), board }),
      'board read': () => engine.readBoard('default', ID),
      feed: () => engine.readFeed('default', undefined, 10),
      take: () => engine.take('default', [{ bucket: ID, rate, want: 1, least: 1 }]),
      epoch: () => engine.epochOf(ONLY_SERVER),
      sweep: () => engine.sweep(),
      delete: () => tenant.delete(ID),
    });
    return { prepare, all, clock, engine };
  }
  const held = (task: { id: string; token: string } | undefined) => ({ id: task?.id ?? '', token: task?.token ?? '' });

  it.each(TYPES)('under the former names of ours, each a %s, are left alone (invariant 34)', async (type) => {
    for (const name of FORMER_NAMES) await plant(direct, name, type);
    const before = await contentsOf(direct, FORMER_NAMES);
    await contact();
    const { prepare, all } = await requests();
    for (const run of Object.values(all(await prepare()))) await run();
    expect(await contentsOf(direct, FORMER_NAMES)).toEqual(before);
    const { checks } = await examine(configFor(redis.port, ''));
    const keys = checks.find(({ name }) => name === 'keys');
    expect(keys?.says).toMatch(new RegExp(`: ${FORMER_NAMES.length} are of other programs$`));
    expect(checks.find(({ name }) => name === 'schema')?.status).toBe('ok');
  });

  it.each(TYPES)('under names of ours, each a %s, refuse the start by name (invariant 34)', async (type) => {
    for (const name of [...NEW_NAMES, `{acme}:waymark:task:${ID}`]) {
      await plant(direct, name, type);
      const before = await contentsOf(direct, [name]);
      await expect(contact()).rejects.toThrow(
        `The key ${name} in this Redis is not ours: another program keeps a ${type}`,
      );
      expect(await contentsOf(direct, [name])).toEqual(before);
      expect(await direct.dbsize()).toBe(1);
      const { checks } = await examine(configFor(redis.port, ''));
      expect(checks.find(({ name: what }) => what === 'keys')).toMatchObject({
        status: 'fail',
        says: expect.stringContaining(name),
      });
      await direct.del(name);
    }
  });

  it('without a mark refuse the requests of one tenant only, and are neither trimmed nor served (invariant 34)', async () => {
    const { engine } = await opened();
    const [acme, other] = [new TestTenant(engine, 'acme'), new TestTenant(engine, 'other')];
    await contact();
    for (let n = 1; n <= 2000; n++) await direct.xadd('{acme}:waymark:events', `${n}-1`, 'a', '1');
    const before = await contentsOf(direct, ['{acme}:waymark:events']);
    const tasks = new TestQueue(engine, 'acme');
    for (const refused of [() => acme.put('a'), () => engine.readFeed('acme', undefined, 10), () => tasks.enqueue()]) {
      expect(await refusalOf(refused())).toMatchObject({
        code: 'STORE_KEY_TAKEN',
        extensions: { key: '{acme}:waymark:events' },
      });
    }
    await other.put('a');
    await engine.sweep();
    expect(await contentsOf(direct, ['{acme}:waymark:events'])).toEqual(before);
    expect((await engine.inspect()).warnings.join()).toContain('{acme}:waymark:events');
    await direct.del('{acme}:waymark:events');
    await acme.put('a');
  });

  // Every type that appears under a name of ours while requests run.
  describe.each(TYPES)('that appear as a %s while a service runs', (type) => {
    it('are named by the requests that need them, which change nothing (invariant 34)', async () => {
      const isLong = process.env['WAYMARK_CHAOS'] === '1';
      // The short form takes each key with one or two of the types.
      const others = Object.entries(KEY_TYPES).filter(
        ([, ours], i) => ours !== type && (isLong || i % 3 === TYPES.indexOf(type) % 3),
      );
      const { prepare, all } = await requests();
      const wrong: string[] = [];
      for (const [name] of others) {
        for (const key of keysUnder(name)) {
          await direct.flushall();
          const tasks = await prepare();
          await direct.del(key);
          await plant(direct, key, type);
          const theirs = await contentsOf(direct, [key]);
          for (const [what, run] of Object.entries(all(tasks))) {
            const ours = (await direct.keys('*')).filter((one) => !MOVING.test(one));
            const before = await contentsOf(direct, ours);
            const error: unknown = await run().then(
              () => undefined,
              (failed: unknown) => failed,
            );
            const at = `${key} (${type}), ${what}`;
            if ((await contentsOf(direct, [key]))[key] !== theirs[key]) wrong.push(`${at}: changed the key`);
            if (error === undefined) continue;
            const code = error instanceof ServiceError ? error.code : String(error);
            if (['TASK_NOT_FOUND', 'LEASE_LOST', 'WORKFLOW_NOT_FOUND'].includes(code)) continue;
            if (code !== 'STORE_KEY_TAKEN') wrong.push(`${at}: ${code} ${String((error as Error).cause)}`);
            else if (!(error as Error).message.includes(key))
              wrong.push(`${at}: names another key: ${(error as Error).message}`);
            const after = await contentsOf(direct, ours);
            for (const one of ours) if (after[one] !== before[one]) wrong.push(`${at}: changed ${one}`);
          }
        }
      }
      expect(wrong).toEqual([]);
    });
  });
});
