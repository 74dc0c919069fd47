import { Logger } from '@nestjs/common';
import { schemaKey } from './keys.js';
import type { RedisConnections } from './redis-connections.js';

/** Redis is there, but the service must not work with it as it is. */
export class UnfitRedisError extends Error {}

/** What INFO says, as far as an ACL lets us read it. */
export type ServerInfo = Readonly<Record<string, string>>;

export async function readInfo(connections: RedisConnections): Promise<ServerInfo> {
  try {
    const text = await connections.command().info();
    return Object.fromEntries(
      text.split('\r\n').flatMap((line) => {
        const colon = line.indexOf(':');
        return colon > 0 && !line.startsWith('#') ? [[line.slice(0, colon), line.slice(colon + 1)]] : [];
      }),
    );
  } catch (error) {
    if (error instanceof Error && /NOPERM/.test(error.message)) return {};
    throw error;
  }
}

/** @throws UnfitRedisError in words for the operator. */
export async function checkServer(connections: RedisConnections): Promise<void> {
  const logger = new Logger('Redis');
  const info = await readInfo(connections);
  const { namespace, allowEviction } = connections.config;
  if (info['cluster_enabled'] === '1' && !/\{[^}]+\}/.test(namespace)) {
    throw new UnfitRedisError(
      'This Redis is a Cluster, where all keys of a tenant must share one slot: set REDIS_NAMESPACE to a hash tag, such as {prod}',
    );
  }
  if (evicts(info)) {
    const says = `maxmemory-policy is ${info['maxmemory_policy']}: at its memory limit Redis silently drops live workflows`;
    if (!allowEviction)
      throw new UnfitRedisError(`${says}. Set it to noeviction, or ALLOW_EVICTION=true to serve all the same`);
    logger.error(says);
  }
  await checkSchema(connections);
  for (const warning of warningsOf(info)) logger.warn(warning);
}

/** Raised when keys or the fields in them change their meaning; what another version has written is not guessed at. */
const SCHEMA = '1';

/** @throws UnfitRedisError */
async function checkSchema(connections: RedisConnections): Promise<void> {
  const key = schemaKey(connections.config.namespace);
  const client = connections.command();
  const known = await client.get(key);
  if (known === null) {
    // A server that is full says so on every write; it is none of the start's business.
    await client.set(key, SCHEMA, 'NX').catch((error: unknown) => {
      if (!(error instanceof Error && error.message.startsWith('OOM'))) throw error;
    });
  } else if (known !== SCHEMA) {
    throw new UnfitRedisError(
      `The data in this Redis is of schema ${known}; this version of the service reads schema ${SCHEMA} only`,
    );
  }
}

export function evicts(info: ServerInfo): boolean {
  return info['maxmemory_policy'] !== undefined && info['maxmemory_policy'] !== 'noeviction';
}

/** What a crash of Redis can lose. */
export function durabilityOf(info: ServerInfo): string {
  if (info['aof_enabled'] === undefined) return 'unknown: this user may not ask Redis';
  if (info['aof_enabled'] === '1')
    return 'append-only file: at most what its appendfsync allows (everysec: about 1 s, always: nothing)';
  return info['rdb_last_save_time'] === undefined || info['rdb_changes_since_last_save'] === undefined
    ? 'nothing is kept over a crash'
    : 'snapshots only: everything since the last one';
}

export function warningsOf(info: ServerInfo): string[] {
  const warnings: string[] = [];
  if (evicts(info))
    warnings.push(`maxmemory-policy ${info['maxmemory_policy']} can drop live workflows; use noeviction`);
  if (info['aof_enabled'] === '0')
    warnings.push('appendonly is off: a crash of Redis loses what was written since its last snapshot');
  if (info['aof_last_write_status'] === 'err') warnings.push('the last write of the append-only file failed');
  if (info['rdb_last_bgsave_status'] === 'err') warnings.push('the last snapshot failed');
  const [used, most] = [Number(info['used_memory']), Number(info['maxmemory'])];
  if (most > 0 && used / most > 0.9)
    warnings.push(`memory is ${Math.round((used / most) * 100)} % full; at 100 % writes are refused`);
  return warnings;
}
