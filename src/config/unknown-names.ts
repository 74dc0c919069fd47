import { distanceOf, nearestOf } from './nearest.js';
import { SETTINGS } from './environment.js';

/** Variables of the programs that Waymark replaces, with what to do instead. */
const REPLACED: Readonly<Record<string, string>> = {
  CAS_MESSAGE_BUS: 'is not read; set USE_REDIS to true or false',
  QUEUE_BACKEND: 'is not read; set USE_REDIS to true or false',
  REDIS_CONSUMER: 'is not read; name a worker with waymark worker --consumer <name>',
  REDIS_MAX_MEMORY: 'is a setting of the Redis server; set maxmemory there',
  REDIS_LOG_LEVEL: 'is a setting of the Redis server; set loglevel there, or LOG_LEVEL for the log of Waymark',
  SESSION_STORAGE: 'is not supported; Waymark keeps no sessions',
  SESSION_TTL: 'is not supported; Waymark keeps no sessions',
  SESSION_CLEANUP_INTERVAL: 'is not supported; Waymark keeps no sessions',
};

/** Names that are not settings of the service, but of the command line and of the tests. */
const OTHERS = [
  'WAYMARK_URL',
  'WAYMARK_API_KEY',
  'WAYMARK_API_KEY_FILE',
  'WAYMARK_CHAOS',
  'WAYMARK_REDIS_KINDS',
  'REDIS_SERVER_BIN',
  'NGINX_BIN',
];
const OURS =
  /^(WORKFLOW|REDIS|UPSTASH|QUEUE|FEED|TASK|ROUTING|CIRCUIT|DETACHED|WEBSOCKET|WAYMARK|JWT|RATE_LIMIT|TENANT|TOKEN_ENCRYPTION)_/;
/** Names that Kubernetes and Docker derive from a service called redis, queue, … */
const PLATFORM = /_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)/;
const MAX_TYPOS = 2;

/** A warning for each variable that is not a setting but looks like one. */
export function unknownNames(env: NodeJS.ProcessEnv): string[] {
  const known = SETTINGS.flatMap(({ name, aliases = [], secret }) => {
    const names = [name, ...aliases];
    return secret ? [...names, ...names.map((one) => `${one}_FILE`)] : names;
  });
  return Object.keys(env).flatMap((name) => {
    if (known.includes(name) || OTHERS.includes(name) || PLATFORM.test(name)) return [];
    const instead = REPLACED[name];
    if (instead !== undefined) return [`${name} ${instead}`];
    const nearest = nearestOf(name, known);
    const isClose = name.includes('_') && distanceOf(name, nearest) <= MAX_TYPOS;
    return OURS.test(name) || isClose ? [`${name} is not a setting; the nearest is ${nearest}`] : [];
  });
}
