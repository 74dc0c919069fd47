import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { EventStreamClient } from '../support/event-stream-client.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { startService, type ServiceProcess } from '../support/service-process.js';
import { until } from '../support/until.js';

const WRITES = 50;

describe('a thousand listeners on one replica', () => {
  let redis: RedisProcess;
  let watcher: Redis;
  let service: ServiceProcess;
  const clients: EventStreamClient[] = [];
  beforeAll(async () => {
    redis = await startRedisProcess();
    watcher = new Redis(redis.port, '127.0.0.1');
    service = await startService({ REDIS_URL: `redis://127.0.0.1:${redis.port}` });
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await watcher.quit();
    await service.stop();
    await redis.stop();
  });

  const write = () =>
    fetch(`${service.url}/v1/channels/c/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"type":"t"}',
    });
  const listen = async (count: number) => {
    const some = Array.from({ length: count }, () => new EventStreamClient(`${service.url}/v1/events?channel=c`));
    clients.push(...some);
    await until(() => some.every(({ lastId }) => lastId !== ''), `${count} streams are open`);
  };
  const connections = async () => {
    const list = String(await watcher.client('LIST'));
    return list.split('\n').filter((line) => line !== '' && !line.includes(`id=${own}`)).length;
  };
  let own: number;
  /** Commands that Redis executes while `count` messages go to all listeners. */
  const cost = async () => {
    const commands = async () =>
      Number(/total_commands_processed:(\d+)/.exec(await watcher.info('stats'))?.[1] ?? Number.NaN);
    const [before, seen] = [await commands(), clients.map(({ events }) => events.length)];
    for (let i = 0; i < WRITES; i++) {
      expect((await write()).status).toBe(202);
      await until(
        () => clients.every(({ events }, at) => events.length === (seen[at] ?? 0) + i + 1),
        'everybody has it',
      );
    }
    return (await commands()) - before;
  };

  it('take one subscription, no further connection, and no more commands than one listener', async () => {
    own = Number(await watcher.client('ID'));
    expect((await write()).status).toBe(202);
    const idle = await connections();
    await listen(1);
    const withOne = await connections();
    expect(withOne - idle).toBeLessThanOrEqual(1);
    const one = await cost();
    await listen(999);
    expect(await connections()).toBe(withOne);
    const thousand = await cost();
    process.stdout.write(`commands for ${WRITES} messages: ${one} with 1 listener, ${thousand} with 1,000\n`);
    // The replica also polls every few seconds, and a thousand listeners take longer.
    expect(thousand).toBeLessThan(one * 1.5);
  });
});
