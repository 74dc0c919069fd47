import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { silentObserver } from '../../src/engine/engine.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import type { Expect } from '../../src/engine/commit.js';
import type { ServiceError } from '../../src/service-error.js';
import { testOptions } from '../contract/engine-under-test.js';
import { append } from '../support/edits.js';
import { once, patch, put, testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const TENANT = 'default';
const COMMAND_MS = 3000;
/** Time that a busy machine may add to a timeout. */
const BUSY_MS = 5000;

const codeOf = [() => 'ok', (error: ServiceError) => error.code] as const;

describe('the Redis engine on a bad network', () => {
  let redis: RedisProcess;
  let direct: Redis;
  let proxy: TcpProxy;
  let connections: RedisConnections;
  let engine: RedisEngine;
  let retries: string[];

  beforeAll(async () => {
    redis = await startRedisProcess();
    direct = new Redis({ host: '127.0.0.1', port: redis.port });
    proxy = await startProxy(redis.port);
    const address = {
      host: '127.0.0.1',
      port: proxy.port,
      username: undefined,
      password: undefined,
      db: 0,
      tls: false as const,
    };
    const times = { commandTimeoutMs: COMMAND_MS, connectTimeoutMs: 5000 };
    connections = new RedisConnections({
      ...address,
      ...times,
      namespace: '',
      maxConnections: 2,
      fallback: 'none',
      allowEviction: false,
    });
    await connections.open();
    const observer = { ...silentObserver, retried: (why: string) => void retries.push(why) };
    engine = new RedisEngine(connections, { options: testOptions, index: testIndex, namespace: '', observer });
  });

  beforeEach(async () => {
    retries = [];
    await direct.flushall();
    await connections.ready('', 10_000);
  });

  afterAll(async () => {
    await engine.close();
    await connections.close();
    await proxy.close();
    direct.disconnect();
    await redis.stop();
  });

  const state = async (id: string) =>
    JSON.parse((await engine.find(TENANT, id))?.state ?? 'null') as { items: number[] };

  it('applies a commit once when its answer was cut off, and still answers it', async () => {
    await engine.commit(TENANT, { once: once(), puts: [put('a', { items: [] })] });
    for (let i = 0; i < 60; i++) {
      if (i % 3 === 0) proxy.cutNextAnswer();
      const outcome = await engine.commit(TENANT, { once: once(), puts: [put('a', { items: [i] })] });
      expect(outcome.workflows[0]?.version).toBe(i + 2);
    }
    expect(retries.filter((why) => why === 'lost-answer').length).toBeGreaterThanOrEqual(15);
  });

  it('lands each of many edits once, whatever is cut', async () => {
    await engine.commit(TENANT, { once: once(), puts: [put('b', { items: [] })] });
    for (let i = 0; i < 90; i++) {
      if (i % 3 === 0) proxy.cutNextAnswer();
      await engine.commit(TENANT, { once: once(), patches: [patch('b', append('items', i))] });
    }
    expect((await state('b')).items).toEqual(Array.from({ length: 90 }, (_, i) => i));
    expect((await engine.find(TENANT, 'b'))?.version).toBe(91);
  });

  it('answers OUTCOME_UNKNOWN within the timeout when Redis hangs, and a repeat gives the outcome', async () => {
    const key = once();
    const commit = { once: key, puts: [put('c', { items: [1] })] };
    redis.pause();
    const started = performance.now();
    await expect(engine.commit(TENANT, commit)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(performance.now() - started).toBeLessThan(4 * COMMAND_MS + BUSY_MS);
    await expect(engine.find(TENANT, 'c')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    redis.resume();
    await until(() => connections.isReady, 'the engine is connected again');
    await engine.commit(TENANT, commit);
    expect((await engine.find(TENANT, 'c'))?.version).toBe(1);
  });

  it('refuses a write that a closed connection delivers late (invariant 38)', async () => {
    await engine.commit(TENANT, { once: once(), puts: [put('d', { items: [0] })] });
    proxy.holdBack();
    const commit = { once: once(), puts: [put('d', { items: [1] })] };
    await expect(engine.commit(TENANT, commit)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    // The repeat goes through a new connection, and with it the new epoch.
    await connections.ready('', 10_000);
    await engine.commit(TENANT, commit);
    // Forget the outcome, as Redis does after a while: only the fence is left to know.
    await direct.del(...(await direct.keys('waymark:once:*')));
    await proxy.deliver();
    const { version } = (await engine.find(TENANT, 'd')) ?? {};
    expect([version, (await state('d')).items]).toEqual([2, [1]]);
  });

  it('gathers concurrent edits of one workflow into few round trips', async () => {
    await engine.commit(TENANT, { once: once(), puts: [put('e', { items: [] })] });
    await direct.config('RESETSTAT');
    const edits = Array.from({ length: 64 }, (_, i) =>
      engine.commit(TENANT, { once: once(), patches: [patch('e', append('items', i))] }),
    );
    const versions = (await Promise.all(edits)).map(({ workflows }) => workflows[0]?.version);
    expect(versions.toSorted((a = 0, b = 0) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i + 2));
    const calls = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await direct.info('commandstats'))?.[1]);
    expect(calls).toBeLessThanOrEqual(6);
  });

  it('says of edits that were never sent that nothing was changed', async () => {
    // Four versions of this size fill a batch.
    const large = 'x'.repeat(1_000_000);
    await engine.commit(TENANT, { once: once(), puts: [put('g', { items: [], large })] });
    const edit = (i: number, expect?: Expect) =>
      engine.commit(TENANT, { once: once(), patches: [patch('g', append('items', i), expect && { expect })] });
    const first = edit(0);
    const others = [...[1, 2, 3].map((i) => edit(i)), edit(4, { version: 77 }), ...[5, 6, 7, 8].map((i) => edit(i))];
    const codes = Promise.all(others.map((other) => other.then(...codeOf)));
    await first;
    proxy.silence();
    try {
      const unknown = 'OUTCOME_UNKNOWN';
      const unsent = 'STORE_UNAVAILABLE';
      expect(await codes).toEqual([unknown, unknown, unknown, unsent, unknown, unknown, unsent, unsent]);
    } finally {
      proxy.up();
      await until(() => connections.isReady, 'the engine is connected again');
    }
    expect((await state('g')).items).toEqual([0]);
  });

  it('sends its scripts again to a server that has forgotten them', async () => {
    await direct.script('FLUSH');
    await engine.commit(TENANT, { once: once(), puts: [put('f', { items: [] })] });
    expect(await engine.find(TENANT, 'f')).toMatchObject({ version: 1 });
  });

  it('leaves no partial write when Redis is full, and still deletes', async () => {
    const large = 'x'.repeat(100_000);
    await engine.commit(TENANT, { once: once(), puts: [put('old', { large }, { ttl: null })] });
    const used = Number(/used_memory:(\d+)/.exec(await direct.info('memory'))?.[1]);
    await direct.config('SET', 'maxmemory', String(used));
    try {
      const two = { once: once(), puts: [put('new-1', { large }), put('old', { large: 'changed' })] };
      await expect(engine.commit(TENANT, two)).rejects.toMatchObject({ code: 'STORE_FULL' });
      expect(await engine.find(TENANT, 'new-1')).toBeUndefined();
      expect(await engine.find(TENANT, 'old')).toMatchObject({ version: 1 });
      await engine.commit(TENANT, { once: once(), deletes: [{ id: 'old' }] });
      expect(await engine.count(TENANT, {})).toBe(0);
    } finally {
      await direct.config('SET', 'maxmemory', '0');
    }
    expect(await direct.keys('document_workflow*')).toEqual([]);
  });
});
