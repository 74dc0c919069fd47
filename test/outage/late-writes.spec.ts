import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Moved, MovedTask, MovedVersion, MovedWorkflow } from '../../src/engine/moving/moved.js';
import { stampOf } from '../../src/engine/moving/stamp.js';
import { defaultBreaker } from '../../src/engine/redis/connection/circuit-breaker.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { HISTORY_PIECE_ENTRIES } from '../../src/engine/limits.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { prefixOf, stateKey, tenantsKey } from '../../src/engine/redis/keys.js';
import { testOptions } from '../contract/engine-under-test.js';
import { TestClock } from '../support/clock.js';
import { FAIL, readTask, readWorkflow } from '../support/moving.js';
import { LateScripts } from '../support/late-scripts.js';
import { testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { TestQueue } from '../support/tasks.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const HOUR = 3_600_000;
const FOREIGN = '{"status":"old"}';

/** Scripts that run outside of a commit. A late run is that of bytes of a lost connection, after the replica went on. */
describe('a script that a lost connection delivers late (invariant 38)', () => {
  const clock = new TestClock();
  let redis: RedisProcess;
  let direct: Redis;
  let proxy: TcpProxy;
  let connections: RedisConnections;
  let late: LateScripts;
  let lost = 0;
  let engine: RedisEngine;
  let tenant: TestTenant;
  let queue: TestQueue;

  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
    proxy = await startProxy(redis.port);
    connections = new RedisConnections({
      host: '127.0.0.1',
      port: proxy.port,
      username: undefined,
      password: undefined,
      db: 0,
      tls: false,
      commandTimeoutMs: 10_000,
      connectTimeoutMs: 10_000,
      namespace: '',
      maxConnections: 2,
      fallback: 'none',
      allowEviction: false,
      // Connections are lost on purpose.
      breaker: { ...defaultBreaker, isEnabled: false },
    });
    connections.onLost(() => void lost++);
    await connections.open();
    late = new LateScripts(connections);
    engine = new RedisEngine(connections, { options: testOptions, index: testIndex, namespace: '', clock: clock.read });
  });

  beforeEach(async () => {
    await connections.ready('', 10_000);
    tenant = new TestTenant(engine, `t-${randomUUID()}`);
    queue = new TestQueue(engine, tenant.name);
  });

  afterAll(async () => {
    await engine.close();
    await connections.close();
    await proxy.close();
    direct.disconnect();
    await redis.stop();
  });

  /** Runs a call and loses the connections. Returns a function that delivers the call of a script once more. */
  async function losing(script: string, run: () => Promise<unknown>): Promise<() => Promise<unknown>> {
    await late.keep(script, run);
    const before = lost;
    proxy.cut();
    await until(() => lost > before, 'the loss is noticed');
    const isBack = () =>
      engine.find(tenant.name, 'any').then(
        () => true,
        () => false,
      );
    await until(isBack, 'the engine is connected again');
    return () => late.deliver(direct, clock.ms);
  }

  const remove = (record: MovedWorkflow | MovedTask) =>
    engine.moving.remove(tenant.name, record.kind, record.id, stampOf(record));
  /** Written by another program. */
  const foreign = (id: string) => direct.set(stateKey(prefixOf('', tenant.name), id), FOREIGN);
  const due = async () => Number(await direct.zscore(tenantsKey(''), tenant.name));
  const put = (record: Moved, to = tenant.name) => engine.moving.put(to, record, FAIL);
  const isPaused = async () => (await engine.tasks.findQueue(tenant.name, 'q')).isPaused;

  /** Removes everything of the tenant. */
  async function erase(): Promise<void> {
    while (!(await engine.erase(tenant.name, 1000)).isDone);
  }

  const keys = () => direct.keys(`{${tenant.name}}:*`);

  describe('is refused, since the replica has begun a new epoch', () => {
    it('a pause after the queue was resumed', async () => {
      const arrive = await losing('pause-queue', () => engine.tasks.pause(tenant.name, 'q', true));
      await engine.tasks.pause(tenant.name, 'q', false);
      expect(await arrive()).toBe('fenced');
      expect(await isPaused()).toBe(false);
    });

    it('a moved workflow that was deleted', async () => {
      await tenant.put('w', { a: 1 });
      const record = await readWorkflow(engine, tenant.name, 'w');
      const to = new TestTenant(engine, `t-${randomUUID()}`);
      const arrive = await losing('move-workflow', () => put(record, to.name));
      await to.delete('w');
      expect(await arrive()).toBe('fenced');
      expect(await to.find('w')).toBeUndefined();
    });

    it('a piece of a moved long history', async () => {
      await tenant.put('w', { n: 1 });
      await tenant.put('w', { n: 2 });
      const record = await readWorkflow(engine, tenant.name, 'w');
      const length = HISTORY_PIECE_ENTRIES + 1;
      const history = Array.from({ length }, (_, i) => ({ ...record.history[0], version: length - i }) as MovedVersion);
      const to = new TestTenant(engine, `t-${randomUUID()}`);
      const arrive = await losing('stage-history', () => put({ ...record, version: length + 1, history }, to.name));
      await to.put('other', {});
      expect(await arrive()).toBe('fenced');
      expect(await direct.keys(`{${to.name}}:waymark:moved:*`)).toEqual([]);
    });

    it('the removal of a workflow that was moved back', async () => {
      await tenant.put('w', { a: 1 });
      const record = await readWorkflow(engine, tenant.name, 'w');
      const arrive = await losing('move-workflow', () => remove(record));
      expect(await put(record)).toBe('created');
      expect(await arrive()).toBe('fenced');
      expect(await tenant.find('w')).toMatchObject({ version: 1 });
    });

    it('the removal of a task that was moved back', async () => {
      await queue.enqueue({ id: 'a' });
      const record = await readTask(engine, tenant.name, 'a');
      const arrive = await losing('move-task', () => remove(record));
      expect(await put(record)).toBe('created');
      expect(await arrive()).toBe('fenced');
      expect(await engine.tasks.find(tenant.name, 'a')).toMatchObject({ id: 'a' });
    });

    it('a moved task that was removed', async () => {
      await queue.enqueue({ id: 'a' });
      const record = await readTask(engine, tenant.name, 'a');
      await remove(record);
      const arrive = await losing('move-task', () => put(record));
      await remove(record);
      expect(await arrive()).toBe('fenced');
      expect(await engine.tasks.find(tenant.name, 'a')).toBeUndefined();
    });

    it('a moved queue that was resumed', async () => {
      const arrive = await losing('move-queue', () => put({ kind: 'queue', id: 'q', isPaused: true }));
      await engine.tasks.pause(tenant.name, 'q', false);
      expect(await arrive()).toBe('fenced');
      expect(await isPaused()).toBe(false);
    });

    it('a moved board, and a moved outcome, of a tenant that was erased', async () => {
      const board = { kind: 'board', id: 'b', counts: { n: 1 }, notices: [], entries: ['e'] } as const;
      const outcome = { is: 'commit', workflows: [], tasks: [], eventIds: [], claimed: [] } as const;
      const kept = { key: 'k', fingerprint: 'f', untilMs: clock.read() + HOUR, outcome };
      for (const [script, move] of [
        ['move-board', () => put(board)],
        ['move-outcome', () => engine.moving.putOutcome(tenant.name, kept)],
      ] as const) {
        const arrive = await losing(script, move);
        await erase();
        expect(await arrive()).toBe('fenced');
        expect(await keys()).toEqual([]);
      }
    });
  });

  describe('does no harm: it looks at what is there when it runs', () => {
    it('an adoption of a value that was deleted', async () => {
      await foreign('w');
      const arrive = await losing('adopt', () => engine.adopt(tenant.name, 'w'));
      await tenant.delete('w');
      expect(await arrive()).toBe('changed');
      expect(await tenant.find('w')).toBeUndefined();
    });

    it('an adoption of a value that was adopted and written since', async () => {
      await foreign('w');
      const arrive = await losing('adopt', () => engine.adopt(tenant.name, 'w'));
      await tenant.put('w', { status: 'new' });
      expect(await arrive()).toBe('changed');
      expect(await tenant.ids({ filter: { fields: { status: 'new' } } })).toEqual(['w']);
      await tenant.putText('w', FOREIGN);
      const before = await tenant.get('w');
      expect(await arrive()).toBe('ours');
      expect(await tenant.get('w')).toEqual(before);
    });

    it('a sweep of a workflow that was written again', async () => {
      await tenant.put('w', {}, { ttl: 1000 });
      clock.advance(2000);
      const arrive = await losing('sweep', () => engine.sweep());
      await tenant.put('w', { again: true }, { ttl: HOUR });
      await arrive();
      expect(await tenant.state('w')).toEqual({ again: true });
      expect(await tenant.ids()).toEqual(['w']);
    });

    it('a sweep of an index entry that counts again', async () => {
      await tenant.put('w', {});
      await direct.del(stateKey(prefixOf('', tenant.name), 'w'));
      const arrive = await losing('sweep', () => tenant.ids());
      expect(await tenant.ids()).toEqual([]);
      await tenant.put('w', { again: true });
      await arrive();
      expect(await tenant.ids()).toEqual(['w']);
    });

    it('a sweep of a queue whose task was delivered again', async () => {
      await queue.enqueue({ id: 'a', maxAttempts: 3 });
      await queue.take();
      clock.advance(HOUR);
      const arrive = await losing('sweep-queues', () => engine.sweep());
      const lease = await queue.take();
      await arrive();
      await queue.complete(lease, '1');
      expect(await engine.tasks.find(tenant.name, 'a')).toMatchObject({ status: 'done' });
    });

    it('a read that ended the lease of a task that was delivered again', async () => {
      await queue.enqueue({ id: 'a', maxAttempts: 3 });
      await queue.take();
      clock.advance(HOUR);
      const arrive = await losing('end-leases', () => engine.tasks.find(tenant.name, 'a'));
      const lease = await queue.take();
      await arrive();
      expect(await engine.tasks.find(tenant.name, 'a')).toMatchObject({ status: 'leased', attempt: 2 });
      await queue.complete(lease, '1');
    });

    it('an announcement of writes to a tenant that was erased: the next sweep forgets it', async () => {
      const arrive = await losing('activate-tenants', () => tenant.put('w', {}));
      await erase();
      await arrive();
      expect(await keys()).toEqual([]);
      clock.advance(HOUR);
      await engine.sweep();
      expect(await engine.moving.listTenants()).not.toContain(tenant.name);
    });

    it('a taking of due tenants: they are taken again soon', async () => {
      const arrive = await losing('due-tenants', () => engine.sweep());
      await tenant.put('w', {}, { ttl: 1000 });
      clock.advance(60_000);
      await arrive();
      clock.advance(60_000);
      await engine.sweep();
      expect(await keys()).not.toContain(stateKey(prefixOf('', tenant.name), 'w'));
    });

    it.each([
      ['without data', () => tenant.put('w', {}, { expect: { version: 7 } }).catch(() => undefined)],
      ['with data', () => tenant.put('w', {})],
    ])('the end of a sweep of a tenant %s that was written since', async (_, begin) => {
      await begin();
      clock.advance(HOUR);
      const arrive = await losing('settle-tenants', () => engine.sweep());
      await tenant.put('late', {}, { ttl: 3 * HOUR });
      clock.advance(HOUR);
      await engine.sweep();
      const dueMs = await due();
      await arrive();
      expect(await due()).toBe(dueMs);
      expect(await engine.moving.listTenants()).toContain(tenant.name);
    });
  });
});
