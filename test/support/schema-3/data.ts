import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Redis } from 'ioredis';

/**
 * Everything that a service of schema 3 wrote into an empty Redis, key by key, as DUMP gives it; and what that service
 * then read of each tenant. One record of each kind, tasks in all states, in two tenants and their hidden ones.
 */
export interface Schema3Data {
  /** Time of its clock when it had written. */
  readonly clockMs: number;
  readonly keys: readonly (readonly [key: string, expiresAtMs: number, dump: string])[];
  /** By tenant. */
  readonly expected: Readonly<Record<string, { readonly tasks: readonly string[]; readonly [what: string]: unknown }>>;
}

export function schema3Data(): Schema3Data {
  const file = readFileSync(new URL('./data.json.gz', import.meta.url));
  return JSON.parse(gunzipSync(file).toString()) as Schema3Data;
}

/** `hasEnded`: no service of schema 3 has written lately. */
export async function restoreSchema3(redis: Redis, { keys }: Schema3Data, hasEnded = true): Promise<void> {
  const writing = redis.pipeline();
  for (const [key, at, dump] of keys) {
    const options = at > 0 ? [at, Buffer.from(dump, 'base64'), 'ABSTTL'] : [0, Buffer.from(dump, 'base64')];
    writing.call('RESTORE', key, ...options);
  }
  if (hasEnded) for (const name of ['default', 'acme']) writing.zadd('tenants:active', 'XX', 1, name);
  if (hasEnded) writing.zremrangebyscore('tenants:active', '(1', '+inf');
  await writing.exec();
}
