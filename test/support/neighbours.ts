import type { Redis } from 'ioredis';

/** Makes a key of each type, as another program could have it. */
export const FOREIGN_TYPES: Readonly<Record<string, (redis: Redis, key: string) => Promise<unknown>>> = {
  string: (redis, key) => redis.set(key, 'theirs'),
  list: (redis, key) => redis.rpush(key, 'theirs', 'x'),
  hash: (redis, key) => redis.hset(key, { theirs: 'x', paused: '1' }),
  set: (redis, key) => redis.sadd(key, 'theirs', 'x'),
  zset: (redis, key) => redis.zadd(key, 1, 'theirs', 2, 'x'),
  stream: (redis, key) => redis.xadd(key, '1-1', 'theirs', 'x'),
};

const EXPIRES_AT_MS = 4_000_000_000_000;

export async function plant(redis: Redis, key: string, type: string, expires = true): Promise<void> {
  await FOREIGN_TYPES[type]?.(redis, key);
  if (expires) await redis.pexpireat(key, EXPIRES_AT_MS);
}

/** Content and expiry of keys. */
export async function contentsOf(redis: Redis, keys: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const reading = redis.pipeline();
  for (const key of keys) {
    reading.callBuffer('DUMP', key);
    reading.call('PEXPIRETIME', key);
  }
  const replies = (await reading.exec()) ?? [];
  return Object.fromEntries(
    keys.map((key, i) => {
      const [dump, expiry] = [replies[2 * i]?.[1], replies[2 * i + 1]?.[1]];
      return [key, `${dump instanceof Buffer ? dump.toString('base64') : 'absent'} ${String(expiry)}`];
    }),
  );
}
