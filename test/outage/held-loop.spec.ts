import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DetachedReplica } from '../support/detached-replica.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { claimOf, newTask } from '../support/tasks.js';
import { TestTenant } from '../support/tenant.js';
import { until } from '../support/until.js';

Logger.overrideLogger(false);

const COMMAND_MS = 2000;

/** Holds the event loop, as a long computation or a paused machine does. */
function hold(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end) JSON.stringify({ ms });
}

describe('A replica whose event loop was held for longer than the timeout of a command', () => {
  let redis: RedisProcess;
  let replica: DetachedReplica;
  let tenant: TestTenant;

  beforeAll(async () => {
    redis = await startRedisProcess();
  });
  beforeEach(async () => {
    const namespace = `ns-${randomUUID()}`;
    replica = await DetachedReplica.open({ redisPort: redis.port, namespace, commandMs: COMMAND_MS });
    tenant = new TestTenant(replica.engine, 'default');
  });
  afterEach(async () => {
    redis.resume();
    await replica.close();
  });
  afterAll(async () => {
    await redis.stop();
  });

  it.each([
    ['before the command was sent', 0],
    ['while the command was in flight', 2],
  ])('uses the answer that arrived meanwhile, and keeps its connection: held %s', async (_when, turns) => {
    await tenant.put('w', { n: 1 });
    const written = tenant.put('w', { n: 2 });
    for (let turn = 0; turn < turns; turn++) await nextTurn();
    hold(COMMAND_MS + 700);
    expect(await written).toMatchObject({ version: 2 });
    expect(replica.timeouts).not.toContain('lost');
    expect(replica.modes).toEqual(['recovering', 'attached']);
  });

  it('does not take its own stall for an outage: writes, claims and reads are those of Redis', async () => {
    await tenant.put('read', { n: 1 });
    await tenant.commit({ enqueue: Array.from({ length: 6 }, () => newTask('q')) });
    const startedAt = performance.now();
    const writes = Array.from({ length: 16 }, (_, i) => tenant.put(`w-${i}`, { i }));
    const claims = Array.from({ length: 6 }, () => replica.engine.tasks.claim('default', claimOf('q'), randomUUID()));
    await nextTurn();
    hold(COMMAND_MS + 700);
    const reads = Array.from({ length: 4 }, () => tenant.state('read'));
    for (const written of await Promise.all(writes)) expect(written.incarnation).not.toMatch(/^detached-/);
    expect((await Promise.all(claims)).map(({ tasks }) => tasks.length)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await Promise.all(reads)).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }, { n: 1 }]);
    expect(replica.engine.storageSince(startedAt)).toBe('redis');
    expect(replica.modes).toEqual(['recovering', 'attached']);
    expect([...new Set(replica.timeouts)]).toEqual(['late']);
  });

  it('still gives up a Redis that is silent, also after a stall', async () => {
    await tenant.put('w', { n: 1 });
    redis.pause();
    const written = tenant.put('w', { n: 2 }).catch(({ code }: { code: string }) => code);
    await nextTurn();
    hold(COMMAND_MS + 700);
    expect(await written).toBe('OUTCOME_UNKNOWN');
    expect(replica.timeouts).toContain('lost');
    await until(() => replica.engine.mode === 'detached', 'the replica is detached');
  });
});
