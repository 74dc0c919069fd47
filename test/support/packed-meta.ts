import type { Redis } from 'ioredis';

/** Places in the packed meta of a workflow; see scripts/meta-fields-lua.ts. */
const PLACES = { check: 3, digest: 4, deadline: 7 } as const;

const READ = `return cjson.encode({ cmsgpack.unpack(redis.call('GET', KEYS[1])) })`;
const CLEAR = `
local fields = { cmsgpack.unpack(redis.call('GET', KEYS[1])) }
for _, place in ipairs(ARGV) do fields[tonumber(place)] = false end
redis.call('SET', KEYS[1], cmsgpack.pack(unpack(fields)))`;

/** All fields of a packed meta, in their order. */
export async function metaFields(redis: Redis, key: string): Promise<readonly unknown[]> {
  return JSON.parse(String(await redis.eval(READ, 1, key))) as unknown[];
}

export async function deadlineIn(redis: Redis, key: string): Promise<number> {
  return Number((await metaFields(redis, key))[PLACES.deadline - 1]);
}

/** Makes a meta one that was written before there were checks. */
export async function clearCheck(redis: Redis, key: string): Promise<void> {
  await redis.eval(CLEAR, 1, key, PLACES.check, PLACES.digest);
}
