import type { RedisConfig } from '../../config/config.js';
import { InvalidEnvironmentError } from '../../config/invalid-environment.error.js';
import { redisPlaceOf } from '../../migration/place.js';
import { type Given, UsageError } from './given.js';
import { asUsage } from './place-given.js';

/** The Redis of --redis or of the environment. @throws UsageError */
export async function redisConfigOf(given: Given): Promise<RedisConfig> {
  const { readConfig } = await import('../../config/read-config.js');
  const { configWith } = await import('../../config/config-with.js');
  const url = given.text('redis');
  if (url !== undefined) asUsage('redis', () => redisPlaceOf(url));
  try {
    const { redis } = url === undefined ? readConfig(given.env) : configWith(given.env, { REDIS_URL: url });
    if (redis !== undefined) return redis;
  } catch (error) {
    if (error instanceof InvalidEnvironmentError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  throw new UsageError('No Redis configured: set REDIS_URL or pass --redis <url>');
}
