import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defaultBreaker } from '../../src/engine/redis/connection/circuit-breaker.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { testOptions } from '../contract/engine-under-test.js';
import { once, put, testIndex } from '../support/parts.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const TENANT = 'default';
const COMMAND_MS = 1000;
/** Time that a busy machine may add to a timeout. */
const BUSY_MS = 5000;

describe('the circuit breaker around a real Redis', () => {
  let redis: RedisProcess;
  let connections: RedisConnections;
  let engine: RedisEngine;
  let states: string[];

  beforeAll(async () => {
    redis = await startRedisProcess();
    connections = new RedisConnections({
      host: '127.0.0.1',
      port: redis.port,
      username: undefined,
      password: undefined,
      db: 0,
      tls: false,
      namespace: '',
      maxConnections: 2,
      commandTimeoutMs: COMMAND_MS,
      connectTimeoutMs: 1000,
      fallback: 'none',
      breaker: defaultBreaker,
      allowEviction: false,
    });
    await connections.open();
    engine = new RedisEngine(connections, { options: testOptions, index: testIndex, namespace: '' });
    states = [];
    connections.breakers.onChange((_server, state) => states.push(state));
  });
  afterAll(async () => {
    await engine.close();
    await connections.close();
    await redis.stop();
  });

  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'ok',
      (error: { code: string }) => error.code,
    );

  it('does not count refusals by a script as failures', async () => {
    await engine.commit(TENANT, { once: once(), puts: [put('a', {})] });
    for (let i = 0; i < 10; i++) {
      const refused = engine.commit(TENANT, { once: once(), puts: [put('a', {}, { expect: { exists: false } })] });
      expect(await codeOf(refused)).toBe('VERSION_CONFLICT');
    }
    expect(connections.breakers.state).toBe('closed');
  });

  it('opens when Redis hangs, after one timeout of the caller, and closes as soon as Redis answers', async () => {
    redis.pause();
    const started = performance.now();
    expect(await codeOf(engine.commit(TENANT, { once: once(), puts: [put('b', {})] }))).toBe('OUTCOME_UNKNOWN');
    expect(performance.now() - started).toBeLessThan(COMMAND_MS + BUSY_MS);
    for (let i = 0; i < 5; i++) expect(await codeOf(engine.find(TENANT, 'a'))).toBe('STORE_UNAVAILABLE');
    expect(states).toEqual(['open']);
    expect(await engine.inspect()).toMatchObject({ reachable: false, details: { circuitBreaker: 'open' } });
    const refusing = performance.now();
    for (let i = 0; i < 100; i++) expect(await codeOf(engine.find(TENANT, 'a'))).toBe('STORE_UNAVAILABLE');
    expect(performance.now() - refusing).toBeLessThan(COMMAND_MS);
    redis.resume();
    await until(() => connections.isUsable(''), 'the breaker lets commands through');
    await engine.find(TENANT, 'a');
    await engine.find(TENANT, 'a');
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });
});
