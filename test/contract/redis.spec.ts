import { afterAll, beforeAll } from '@jest/globals';
import { describeDurability } from './describe-durability.js';
import { describeEngine } from './describe-engine.js';
import { describeReplicas } from './describe-replicas.js';
import { startRedisProcess, type RedisProcess } from '../support/redis-process.js';
import { openRedisEngine } from './redis-under-test.js';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedisProcess();
});
afterAll(async () => {
  await redis.stop();
});

describeEngine('Redis', (given) => openRedisEngine(redis.port, given));
describeDurability('Redis', (given) => openRedisEngine(redis.port, given));
describeReplicas(() => redis.port);
