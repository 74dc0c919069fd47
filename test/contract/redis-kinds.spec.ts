import { afterAll, beforeAll, describe } from '@jest/globals';
import { scaled } from '../support/scale.js';
import { chosenKinds, REDIS_KINDS } from '../support/redis-kinds/kinds.js';
import type { RunningRedis } from '../support/redis-kinds/redis-kind.js';
import { describeDurability } from './describe-durability.js';
import { describeEngine, SPREAD } from './describe-engine.js';
import { describeReplicas } from './describe-replicas.js';
import { openRedisEngine } from './redis-under-test.js';

/** The kind that differs most from one server. `npm run redis-kinds` runs all kinds, and all cases on each. */
const DEFAULT_KINDS = ['cluster'] as const;
/** Over HTTP, hints of other replicas are polled: never for a single replica, often for several. */
const NEVER_MS = 3_600_000;
const SOON_MS = 200;

describe.each(chosenKinds(DEFAULT_KINDS))('Redis as %s', (kind) => {
  let redis: RunningRedis;
  beforeAll(async () => {
    redis = await REDIS_KINDS[kind]();
  });
  afterAll(async () => {
    await redis.stop();
  });

  const [alone, together] = kind === 'rest' ? [{ hintPollMs: NEVER_MS }, { hintPollMs: SOON_MS }] : [{}, {}];
  const cases = scaled({ short: SPREAD, long: undefined });
  describeEngine(`Redis (${kind})`, (given) => openRedisEngine(redis.env, given, alone), cases);
  describeDurability(`Redis (${kind})`, (given) => openRedisEngine(redis.env, given, alone));
  describeReplicas(() => redis.env, together);
});
