import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { describeCosts, type Run } from './describe-costs.js';
import type { EngineUnderTest } from './engine-under-test.js';
import { openRedisEngine } from './redis-under-test.js';

Logger.overrideLogger(false);

/**
 * Costs of each operation on Redis 7 or later: requests that the service sends; commands that Redis carries out, also
 * within scripts; bytes that Redis receives; bytes that Redis sends.
 */
const COSTS: Readonly<Record<string, readonly [requests: number, commands: number, received: number, sent: number]>> = {
  find: [2, 2, 275, 1254],
  'find nothing': [2, 2, 275, 15],
  'find 10': [1, 20, 1162, 11165],
  'list a page of 10 by status': [1, 26, 356, 12843],
  count: [1, 2, 268, 5],
  'count by status': [1, 2, 282, 5],
  'list 5 versions': [1, 9, 308, 690],
  'list 5 versions with states': [1, 8, 308, 6852],
  'find an earlier version': [1, 4, 272, 1213],
  create: [1, 16, 1715, 103],
  put: [1, 14, 1715, 103],
  'put with an expectation': [1, 14, 1729, 103],
  'put a state with another status': [1, 15, 1715, 103],
  'put 10': [1, 124, 13996, 869],
  patch: [3, 16, 2033, 1357],
  delete: [1, 30, 473, 18],
  touch: [1, 14, 487, 103],
  publish: [1, 12, 1610, 77],
  enqueue: [1, 35, 1762, 238],
  'enqueue 10': [1, 89, 12726, 2075],
  'enqueue for a workflow': [1, 47, 1789, 252],
  claim: [1, 35, 617, 1219],
  'claim nothing': [1, 19, 617, 35],
  extend: [1, 20, 629, 224],
  progress: [1, 22, 633, 225],
  complete: [1, 29, 683, 34],
  'fail with a retry': [1, 27, 712, 225],
  'fail for good': [1, 29, 713, 228],
  release: [1, 22, 630, 223],
  cancel: [1, 24, 599, 222],
  'step: complete, put, enqueue and claim': [1, 64, 3284, 1518],
  'find a task': [1, 3, 396, 1260],
  'find a queue': [1, 11, 386, 235],
  'list dead tasks': [1, 6, 416, 1325],
  'replay a dead task': [1, 29, 589, 42],
  'read 10 events': [1, 5, 312, 1871],
  'last event': [1, 4, 278, 210],
  'take from a bucket': [1, 2, 284, 40],
  'export a workflow': [1, 4, 265, 5661],
  'import a workflow': [1, 38, 6316, 13],
};

describe('The cost of an operation on Redis', () => {
  let server: RedisProcess;
  let redis: Redis;
  let opened: EngineUnderTest;
  /** Bytes that the measuring itself takes. */
  let own: readonly [received: number, sent: number];
  const requests = jest.spyOn(Redis.prototype, 'sendCommand');

  beforeAll(async () => {
    server = await startRedisProcess();
    redis = new Redis(server.port, '127.0.0.1');
    // Its clock stands still: what a script writes only now and then is not counted.
    opened = await openRedisEngine(server.port);
    own = [0, 0];
    const [, , received, sent] = await costOf(() => Promise.resolve());
    own = [received, sent];
  });
  afterAll(async () => {
    requests.mockRestore();
    await opened.close();
    redis.disconnect();
    await server.stop();
  });

  async function costOf(run: Run): Promise<[number, number, number, number]> {
    await redis.config('RESETSTAT');
    requests.mockClear();
    await run();
    const sent = requests.mock.calls.length;
    const info = await redis.info('all');
    const numberOf = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
    let commands = 0;
    for (const [, name, calls] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm))
      if (!/^(config\|resetstat|info|eval|evalsha)$/.test(name as string)) commands += Number(calls);
    return [sent, commands, numberOf('total_net_input_bytes') - own[0], numberOf('total_net_output_bytes') - own[1]];
  }

  describeCosts(COSTS, () => opened.engine, costOf);
});
