import type { Config } from './config.js';
import { readConfig } from './read-config.js';

/** Settings that say which Redis is used. REDIS_NAMESPACE and REDIS_TLS_… are not among them. */
const ADDRESS =
  /^(USE_REDIS|REDIS_ENABLE|REDIS_URL|UPSTASH_REDIS_URL|REDIS_(HOST|PORT|USERNAME|PASSWORD|DB|PROTOCOL|SENTINEL\w*|CLUSTER_NODES|TLS)|UPSTASH_REDIS_REST_\w+)(_FILE)?$/;

/**
 * The settings of the environment, but with the address of Redis from `own`. If `own` has no address, Redis is not used.
 * @throws InvalidEnvironmentError
 */
export function configWith(env: NodeJS.ProcessEnv, own: Readonly<Record<string, string>>): Config {
  return readConfig({ ...Object.fromEntries(Object.entries(env).filter(([name]) => !ADDRESS.test(name))), ...own });
}
