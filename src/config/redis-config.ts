import { readFileSync } from 'node:fs';
import type { Address, RedisConfig, RedisTopology, TlsConfig } from './config.js';
import type { Environment, SettingName } from './environment.js';
import type { EnvironmentProblem } from './invalid-environment.error.js';

type Value = string | number | boolean | undefined;

/** Reports a problem of a setting. `value`: value to show, by default the given one. */
type Says = (name: SettingName, text: string, value?: string) => void;

/** Joins the settings of Redis. Two settings of the same thing must agree. */
export function redisConfig(read: Environment, problems: EnvironmentProblem[]): RedisConfig {
  const says: Says = (name, text, value = name === 'REDIS_TLS_CA' ? undefined : valueOf(read, name)) =>
    void problems.push({ name, value, says: text });
  const topology = topologyOf(read, says);
  const url = topology === undefined ? urlOf(read, says) : undefined;
  return {
    ...(topology && { topology }),
    ...addressOf(read, says, url, topology),
    tls: tlsOf(read, says, url, topology),
    namespace: read.REDIS_NAMESPACE,
    maxConnections: read.REDIS_MAX_CONNECTIONS,
    commandTimeoutMs: read.REDIS_SOCKET_TIMEOUT,
    connectTimeoutMs: read.REDIS_SOCKET_CONNECT_TIMEOUT,
    confirmTimeoutMs: read.REDIS_CONFIRM_TIMEOUT,
    fallback: read.REDIS_FALLBACK,
    breaker: {
      isEnabled: read.CIRCUIT_BREAKER_ENABLED,
      failureThreshold: read.CIRCUIT_BREAKER_FAILURE_THRESHOLD,
      successThreshold: read.CIRCUIT_BREAKER_SUCCESS_THRESHOLD,
      timeoutMs: read.CIRCUIT_BREAKER_TIMEOUT,
    },
    allowEviction: read.ALLOW_EVICTION,
    upgrades: read.REDIS_UPGRADE,
  };
}

/** The settings with an address of Redis, each with the settings that need it. */
const WAYS = {
  REDIS_URL: [],
  REDIS_HOST: ['REDIS_PORT'],
  REDIS_SENTINELS: ['REDIS_SENTINEL_MASTER', 'REDIS_SENTINEL_USERNAME', 'REDIS_SENTINEL_PASSWORD'],
  REDIS_CLUSTER_NODES: [],
  UPSTASH_REDIS_REST_URL: ['UPSTASH_REDIS_REST_TOKEN'],
} as const satisfies Partial<Record<SettingName, readonly SettingName[]>>;
type Way = keyof typeof WAYS;

/** True if a setting has an address of Redis; then USE_REDIS is true by default. */
export function namesRedis(read: Environment): boolean {
  return namedWays(read).length > 0;
}

function namedWays(read: Environment): Way[] {
  return (Object.keys(WAYS) as Way[]).filter((name) => valueOf(read, name) !== undefined);
}

function topologyOf(read: Environment, says: Says): RedisTopology | undefined {
  // Upstash gives two addresses of one database; REDIS_PROTOCOL then decides.
  const unused = read.REDIS_PROTOCOL && { redis: 'UPSTASH_REDIS_REST_URL', rest: 'REDIS_URL' }[read.REDIS_PROTOCOL];
  const named = namedWays(read);
  const given = named.filter((name) => name !== unused);
  // REDIS_URL and REDIS_HOST may be given together if they agree; all others exclude each other.
  const [way, other] = given.filter((name) => name !== 'REDIS_HOST' || !given.includes('REDIS_URL')).toReversed();
  if (way !== undefined && other !== undefined)
    says(
      way,
      `cannot be given together with ${other}, which is another Redis; give one of them${way === 'UPSTASH_REDIS_REST_URL' && other === 'REDIS_URL' ? ', or choose with REDIS_PROTOCOL (redis or rest)' : ''}`,
    );
  for (const [owner, names] of Object.entries(WAYS)) {
    for (const name of names as readonly SettingName[]) {
      if (owner !== 'REDIS_HOST' && !named.includes(owner as Way) && valueOf(read, name) !== undefined)
        says(name, `has no effect without ${owner}`);
    }
  }
  if (read.REDIS_PROTOCOL === 'rest' && way !== 'UPSTASH_REDIS_REST_URL')
    says('REDIS_PROTOCOL', `needs UPSTASH_REDIS_REST_URL${way === undefined ? '' : ` instead of ${way}`}`);

  switch (way) {
    case 'REDIS_SENTINELS':
      if (read.REDIS_SENTINEL_MASTER === undefined)
        says('REDIS_SENTINEL_MASTER', 'is missing: the name of the group of the sentinels, often mymaster');
      return {
        kind: 'sentinel',
        sentinels: addressesOf(read.REDIS_SENTINELS),
        master: read.REDIS_SENTINEL_MASTER ?? '',
        username: read.REDIS_SENTINEL_USERNAME,
        password: read.REDIS_SENTINEL_PASSWORD,
      };
    case 'REDIS_CLUSTER_NODES':
      if (!/\{[^}]+\}/.test(read.REDIS_NAMESPACE))
        says(
          'REDIS_NAMESPACE',
          'must carry a hash tag with REDIS_CLUSTER_NODES, such as {prod}: all keys of a tenant must share one slot of the Cluster',
        );
      if (read.REDIS_DB !== undefined && read.REDIS_DB !== 0)
        says('REDIS_DB', 'disagrees with REDIS_CLUSTER_NODES: a Cluster has database 0 only');
      return { kind: 'cluster', nodes: addressesOf(read.REDIS_CLUSTER_NODES) };
    case 'UPSTASH_REDIS_REST_URL':
      if (!URL.canParse(read.UPSTASH_REDIS_REST_URL ?? '') || !/^https?:\/\//.test(read.UPSTASH_REDIS_REST_URL ?? ''))
        says('UPSTASH_REDIS_REST_URL', 'must be an http:// or https:// URL');
      if (read.UPSTASH_REDIS_REST_TOKEN === undefined)
        says('UPSTASH_REDIS_REST_TOKEN', 'is missing: UPSTASH_REDIS_REST_URL needs one');
      for (const name of ['REDIS_USERNAME', 'REDIS_PASSWORD', 'REDIS_DB'] as const) {
        if (valueOf(read, name) !== undefined)
          says(name, 'has no effect with UPSTASH_REDIS_REST_URL; only the token counts');
      }
      return { kind: 'rest', url: read.UPSTASH_REDIS_REST_URL ?? '', token: read.UPSTASH_REDIS_REST_TOKEN ?? '' };
    default:
      return undefined;
  }
}

function valueOf(read: Environment, name: SettingName): string | undefined {
  const value = (read as unknown as Readonly<Record<string, Value>>)[name];
  return value === undefined ? undefined : String(value);
}

function addressesOf(text = ''): Address[] {
  return text.split(',').map((part) => {
    const colon = part.lastIndexOf(':');
    return { host: withoutBrackets(part.slice(0, colon).trim()), port: Number(part.slice(colon + 1)) };
  });
}

/** An IPv6 address stands in brackets before a port. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

type Where = Pick<RedisConfig, 'host' | 'port' | 'username' | 'password' | 'db'>;

/** Address and user, from the URL or from the single settings. */
function addressOf(read: Environment, says: Says, url?: ParsedUrl, topology?: RedisTopology): Where {
  const [first] =
    topology?.kind === 'sentinel' ? topology.sentinels : topology?.kind === 'cluster' ? topology.nodes : [];
  const disagree = (name: SettingName, own: Value, inUrl: Value) => {
    if (own !== undefined && inUrl !== undefined && own !== inUrl) says(name, 'disagrees with REDIS_URL; give it once');
  };
  disagree('REDIS_HOST', read.REDIS_HOST, url?.host);
  disagree('REDIS_PORT', read.REDIS_PORT, url?.port);
  disagree('REDIS_USERNAME', read.REDIS_USERNAME, url?.username);
  disagree('REDIS_PASSWORD', read.REDIS_PASSWORD, url?.password);
  disagree('REDIS_DB', read.REDIS_DB, url?.db);
  return {
    host: url?.host ?? first?.host ?? read.REDIS_HOST ?? 'localhost',
    port: url?.port ?? first?.port ?? read.REDIS_PORT ?? 6379,
    username: url?.username ?? read.REDIS_USERNAME,
    password: url?.password ?? read.REDIS_PASSWORD,
    db: url?.db ?? read.REDIS_DB ?? 0,
  };
}

function tlsOf(read: Environment, says: Says, url?: ParsedUrl, topology?: RedisTopology): TlsConfig | false {
  if (url !== undefined && read.REDIS_TLS !== undefined && read.REDIS_TLS !== url.tls)
    says('REDIS_TLS', `disagrees with REDIS_URL, which is ${url.tls ? 'rediss://' : 'redis://'}; give it once`);
  if (topology?.kind === 'rest' && read.REDIS_TLS !== undefined)
    says('REDIS_TLS', 'has no effect with UPSTASH_REDIS_REST_URL; write https:// in the URL for TLS');
  if (read.REDIS_TLS ?? url?.tls ?? false) {
    return {
      ca: read.REDIS_TLS_CA === undefined ? undefined : pemOf(read.REDIS_TLS_CA, says),
      rejectUnauthorized: read.REDIS_TLS_REJECT_UNAUTHORIZED,
      servername: read.REDIS_TLS_SERVERNAME,
    };
  }
  const without = 'has no effect without TLS: use a rediss:// URL, or REDIS_TLS=true';
  if (read.REDIS_TLS_CA !== undefined) says('REDIS_TLS_CA', without);
  if (read.REDIS_TLS_SERVERNAME !== undefined) says('REDIS_TLS_SERVERNAME', without);
  if (!read.REDIS_TLS_REJECT_UNAUTHORIZED) says('REDIS_TLS_REJECT_UNAUTHORIZED', without);
  return false;
}

/** PEM text, perhaps with its line ends written as \n, or the path of a file with it. */
function pemOf(given: string, says: Says): string {
  const isText = given.includes('-----BEGIN');
  try {
    const text = isText ? given.replaceAll('\\n', '\n') : readFileSync(given, 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
    says('REDIS_TLS_CA', 'holds no certificate in PEM', isText ? undefined : given);
  } catch {
    says('REDIS_TLS_CA', 'cannot be read', given);
  }
  return '';
}

function urlOf({ REDIS_URL }: Environment, says: Says): ParsedUrl | undefined {
  const url = REDIS_URL === undefined ? undefined : parsed(REDIS_URL);
  if (REDIS_URL !== undefined && url === undefined)
    says(
      'REDIS_URL',
      'must be a redis:// or rediss:// URL; @ : / # in the password must be URL-encoded (%40 %3A %2F %23)',
    );
  return url;
}

type ParsedUrl = NonNullable<ReturnType<typeof parsed>>;

function parsed(text: string) {
  // A bare # or / in a password would truncate it silently, so the form is checked first.
  if (!/^rediss?:\/\/([^/@#?]*@)?[^/@#?]+(\/\d*)?(\?.*)?$/.test(text)) return undefined;
  try {
    const url = new URL(text);
    return {
      host: withoutBrackets(url.hostname),
      port: url.port === '' ? undefined : Number(url.port),
      username: url.username === '' ? undefined : decodeURIComponent(url.username),
      password: url.password === '' ? undefined : decodeURIComponent(url.password),
      db: /^\/\d+$/.test(url.pathname) ? Number(url.pathname.slice(1)) : undefined,
      tls: url.protocol === 'rediss:',
    };
  } catch {
    return undefined;
  }
}
