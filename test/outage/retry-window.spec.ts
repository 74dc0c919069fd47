import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { RedisConfig } from '../../src/config/config.js';
import { readConfig } from '../../src/config/read-config.js';
import { ownOnce, type Commit } from '../../src/engine/commit.js';
import { silentObserver } from '../../src/engine/engine.js';
import { RedisConnections } from '../../src/engine/redis/connection/redis-connections.js';
import { RedisEngine } from '../../src/engine/redis/redis-engine.js';
import { testOptions } from '../contract/engine-under-test.js';
import { TestClock } from '../support/clock.js';
import { put, testIndex } from '../support/parts.js';
import { startRedisProcess } from '../support/redis-process.js';
import { startProxy } from '../support/tcp-proxy.js';

Logger.overrideLogger(false);

const TENANT = 'default';
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function configOf(port: number, env: Readonly<Record<string, string>>): RedisConfig {
  return readConfig({ REDIS_URL: `redis://127.0.0.1:${port}`, ...env }).redis as RedisConfig;
}

/** An engine whose clock goes on by `lostMs` when an answer was lost, before the write is sent again. */
async function engineWith(env: Readonly<Record<string, string>>, lostMs: number) {
  const redis = await startRedisProcess();
  const proxy = await startProxy(redis.port);
  const connections = new RedisConnections(configOf(proxy.port, env));
  await connections.open();
  const clock = new TestClock();
  let retries = 0;
  const retried = () => {
    retries++;
    clock.advance(lostMs);
  };
  const observer = { ...silentObserver, retried };
  const parts = { options: testOptions, index: testIndex, namespace: '', clock: clock.read, observer };
  const engine = new RedisEngine(connections, parts);
  ends.push(
    () => redis.stop(),
    () => proxy.close(),
    () => connections.close(),
    () => engine.close(),
  );
  return { engine, proxy, clock, connections, parts, retries: () => retries };
}

describe('the outcome of a write', () => {
  it('is kept until the last retry that the longest timeout of a command allows (invariant 11)', async () => {
    const { engine, proxy, retries } = await engineWith({ REDIS_SOCKET_TIMEOUT: '60s' }, 59_000);
    await engine.commit(TENANT, { once: ownOnce(), puts: [put('w', 0)] });
    const feed = await engine.lastEventId(TENANT);
    const writes: Omit<Commit, 'once'>[] = [
      { puts: [put('w', 1)] },
      { publish: [{ channel: 'c', type: 't', payload: '1' }] },
    ];
    for (const parts of writes) {
      proxy.cutNextAnswer();
      await engine.commit(TENANT, { once: ownOnce(), ...parts });
    }
    expect(retries()).toBe(2);
    expect((await engine.find(TENANT, 'w'))?.version).toBe(2);
    expect(await engine.readFeed(TENANT, feed, 10)).toHaveLength(2);
  });

  it('is kept until a write that waited for a replica is done again', async () => {
    const { engine, clock } = await engineWith({ REDIS_CONFIRM_TIMEOUT: '40s' }, 0);
    const commit = { once: ownOnce(), puts: [put('w', 1)] };
    await engine.commit(TENANT, commit);
    // Behind another confirmation, which waits as long.
    clock.advance(2 * 40_000);
    expect(await engine.commit(TENANT, commit)).toMatchObject({ replayed: true, workflows: [{ version: 1 }] });
  });

  it.each([
    ['50ms', '50ms', '50ms'],
    ['60s', '50ms', '50ms'],
    ['50ms', '60s', '60s'],
    ['60s', '60s', '60s'],
  ])('is kept as long as timeouts of %s, %s and %s need', async (socket, connect, confirm) => {
    const env = {
      REDIS_SOCKET_TIMEOUT: socket,
      REDIS_SOCKET_CONNECT_TIMEOUT: connect,
      REDIS_CONFIRM_TIMEOUT: confirm,
    };
    const connections = new RedisConnections(configOf(1, env));
    const { commandTimeoutMs, connectTimeoutMs, confirmTimeoutMs = 0 } = connections.config;
    const neededMs = 2 * (commandTimeoutMs + connectTimeoutMs + confirmTimeoutMs);
    const parts = { options: testOptions, index: testIndex, namespace: '' };
    expect(() => new RedisEngine(connections, { ...parts, retryWindowMs: neededMs })).toThrow('retry window');
    expect(() => new RedisEngine(connections, parts)).not.toThrow();
    await connections.close();
  });
});
