import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Redis } from 'ioredis';

/**
 * Everything that a service of an earlier schema wrote into an empty Redis, key by key, as DUMP gives it; and what that
 * service then read of each tenant. One record of each kind, tasks in all states, in two tenants and their hidden ones.
 * In schema 4 each tenant also has a workflow `over` that has expired and that no sweep has removed.
 */
export interface FormerData {
  readonly schema: 3 | 4;
  /** Time of its clock when it had written. */
  readonly clockMs: number;
  readonly keys: readonly (readonly [key: string, expiresAtMs: number, dump: string])[];
  /** By tenant. */
  readonly expected: Readonly<Record<string, { readonly tasks: readonly string[]; readonly [what: string]: unknown }>>;
}

export function formerData(schema: 3 | 4): FormerData {
  const file = readFileSync(new URL(`./schema-${schema}.json.gz`, import.meta.url));
  return { ...(JSON.parse(gunzipSync(file).toString()) as FormerData), schema };
}

/** `hasEnded`: no service of that schema has written lately. */
export async function restoreFormer(redis: Redis, { schema, keys }: FormerData, hasEnded = true): Promise<void> {
  const writing = redis.pipeline();
  for (const [key, at, dump] of keys) {
    const options = at > 0 ? [at, Buffer.from(dump, 'base64'), 'ABSTTL'] : [0, Buffer.from(dump, 'base64')];
    writing.call('RESTORE', key, ...options);
  }
  const announced = schema === 3 ? 'tenants:active' : 'waymark:tenants:active';
  if (hasEnded) for (const name of ['default', 'acme']) writing.zadd(announced, 'XX', 1, name);
  if (hasEnded) writing.zremrangebyscore(announced, '(1', '+inf');
  await writing.exec();
}
