import { startRedisProcess } from '../redis-process.js';
import type { RunningRedis } from './redis-kind.js';

/** Rights that docs/redis.md recommends, for a namespace that begins with `prefix`. */
export function rightsOf(prefix: string): string[] {
  return `on >secret resetkeys ~${prefix}* resetchannels &${prefix}* -@all +@read +@write +@pubsub +eval +evalsha +time +ping +info +select +hello +wait -@dangerous +info`.split(
    ' ',
  );
}

/** A Redis whose only user has no admin commands and sees no other keys. */
export async function startAcl(rights: readonly string[] = rightsOf('ns-')): Promise<RunningRedis & { port: number }> {
  const redis = await startRedisProcess('--user', 'waymark', ...rights, '--user', 'default', 'off');
  return {
    port: redis.port,
    env: { REDIS_URL: `redis://waymark:secret@127.0.0.1:${redis.port}`, REDIS_NAMESPACE: 'ns-acl' },
    stop: () => redis.stop(),
  };
}
