import { startRedisProcess } from '../redis-process.js';
import { startAcl } from './acl.js';
import { startCluster } from './cluster.js';
import type { RunningRedis } from './redis-kind.js';
import { startRest } from './rest.js';
import { startSentinel } from './sentinel.js';
import { startTls } from './tls.js';

export const REDIS_KINDS = {
  standalone: async () => {
    const redis = await startRedisProcess();
    return { env: { REDIS_URL: `redis://127.0.0.1:${redis.port}` }, stop: () => redis.stop() };
  },
  tls: () => startTls(),
  acl: () => startAcl(),
  rest: () => startRest(),
  sentinel: () => startSentinel(),
  cluster: () => startCluster(),
} satisfies Record<string, () => Promise<RunningRedis>>;

export type RedisKind = keyof typeof REDIS_KINDS;

/** The kinds of this run: WAYMARK_REDIS_KINDS names some, or `all`; without it, `byDefault`. */
export function chosenKinds(byDefault: readonly RedisKind[]): readonly RedisKind[] {
  const given = process.env['WAYMARK_REDIS_KINDS'];
  if (given === undefined || given === '') return byDefault;
  const kinds = Object.keys(REDIS_KINDS) as RedisKind[];
  if (given === 'all') return kinds;
  return given.split(',').map((name) => {
    if (kinds.includes(name as RedisKind)) return name as RedisKind;
    throw new Error(`WAYMARK_REDIS_KINDS: ${name} is none of ${kinds.join(', ')}`);
  });
}
