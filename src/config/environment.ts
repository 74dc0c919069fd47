import 'reflect-metadata';
import { parsePointer } from '../json/pointer.js';
import { isRange } from './address-range.js';
import { isEncryptionKey } from './encryption-key.js';
import {
  accepted,
  duration,
  durationOrNever,
  flag,
  integer,
  declaredSettings,
  matching,
  oneOf,
  Setting,
  text,
} from './setting.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const port = integer(1, 65_535);
const portOrAny = integer(0, 65_535);
const path = text('a path', { minLength: 1 });
const httpUrl = accepted(
  'isHttpUrl',
  (url) => /^https?:\/\//.test(url) && URL.canParse(url),
  'an `https://` or `http://` URL',
);
const socketTimeout = duration(50, MINUTE);
const host = matching(/^[A-Za-z0-9.:_-]+$/, 'a host name or address');
/** host:port, several of them separated by commas; an IPv6 address in brackets. */
const addresses = matching(
  /^\s*(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}\s*(,\s*(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}\s*)*$/,
  '`host:port`, several separated by commas',
);

/** Query parameters of the list, and `__proto__`. */
const RESERVED = ['limit', 'cursor', 'sort', 'idPrefix', 'updatedAfter', 'updatedBefore', 'include', '__proto__'];

const index = accepted(
  'isIndex',
  (pointers) => {
    try {
      const names = itemsOf(pointers).map((pointer) => parsePointer(pointer).at(-1) ?? '');
      const isUsable = (name: string) => /^[A-Za-z0-9_.-]+$/.test(name) && !RESERVED.includes(name);
      return new Set(names).size === names.length && names.every(isUsable);
    } catch {
      return false;
    }
  },
  'JSON Pointers separated by commas; their last segments differ, have only letters, digits and `.` `_` `-`, and are not names of other query parameters of the list',
);

const origins = matching(
  /^(\*|((https?:\/\/[A-Za-z0-9.:[\]-]+|null)(\s*,\s*(https?:\/\/[A-Za-z0-9.:[\]-]+|null))*)?)$/,
  'origins separated by commas, such as `https://app.example.com`, or `*`',
);

function isPointer(text: string): boolean {
  try {
    return parsePointer(text).length > 0;
  } catch {
    return false;
  }
}

const HOST = /^(\*|(\*\.)?[A-Za-z0-9_-][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])$/;
const hosts = accepted(
  'isHosts',
  (list) => itemsOf(list).every((name) => HOST.test(name)),
  'names without a port, separated by commas, such as `api.example.com` or `*.example.com`, or `*`',
);

const ranges = accepted(
  'isRanges',
  (list) => itemsOf(list).every(isRange),
  'addresses and ranges separated by commas, such as `10.0.0.0/8`',
);

const KEY_RULE = '64 random hexadecimal digits';
const encryptionKey = accepted('isEncryptionKey', isEncryptionKey, KEY_RULE);
const encryptionKeys = accepted(
  'isEncryptionKeys',
  (list) => itemsOf(list).every(isEncryptionKey),
  `${KEY_RULE} each, separated by commas`,
);

/** The parts of a comma-separated list, without empty ones. */
export function itemsOf(list: string): string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/**
 * Every setting: name, default (the initialiser), limits and meaning. The reader, docs/settings.md and .env.production.example come
 * from here; `node scripts/document-settings.mjs` writes the latter two. Rules about several settings are in read-config.ts.
 */
export class Environment {
  @Setting({ section: 'Service', is: portOrAny, meaning: 'Port of the service; `0` takes a free one' })
  PORT = 3000;

  @Setting({ is: host, meaning: 'Address that the service listens on; `0.0.0.0` is all of them' })
  HOST = '127.0.0.1';

  @Setting({
    is: oneOf(['keys', 'open']),
    otherwise: '`open` if `HOST` is a loopback address and neither `ADMIN_TOKEN` nor `JWT_ISSUER` is set, else `keys`',
    meaning: '`keys` serves requests with a credential only; `open` also those without one',
  })
  ACCESS?: 'keys' | 'open';

  @Setting({
    is: text('any text of 16 characters or more', { minLength: 16 }),
    secret: true,
    meaning:
      'Token of the operator, sent as `Authorization: Bearer <token>`. The operator may do everything: make keys, and export, import and move all state',
  })
  ADMIN_TOKEN?: string;

  @Setting({
    is: duration(SECOND, HOUR),
    meaning:
      'Time after which a verified key is verified again. Replicas notice changes of keys at once; this is the limit if they miss one',
  })
  ACCESS_CACHE_TTL = MINUTE;

  @Setting({
    is: duration(0, 30 * DAY),
    meaning:
      'While Redis is unreachable, a key that was verified here is accepted for this long, and never beyond its own expiry',
  })
  ACCESS_OFFLINE_TTL = HOUR;

  @Setting({
    is: path,
    meaning:
      'File with further settings, in the working directory. The environment wins over it. It is read at the start, and again on SIGHUP. If it then names a Redis, a service in memory moves to that Redis without a restart',
  })
  ENV_FILE = '.env';

  @Setting({ is: flag, meaning: 'Serve the pages of `examples/` under `/examples`' })
  EXAMPLES = false;

  @Setting({
    section: 'Access by JSON Web Tokens',
    is: httpUrl,
    meaning: 'Issuer whose tokens are accepted besides keys; exactly the text of their claim `iss`',
  })
  JWT_ISSUER?: string;

  @Setting({
    is: text('one or more audiences, separated by commas', { minLength: 1 }),
    meaning: 'Required with `JWT_ISSUER`: audiences of this service. The claim `aud` of a token must have one of them',
  })
  JWT_AUDIENCE?: string;

  @Setting({
    is: httpUrl,
    otherwise: 'from the discovery document of the issuer, else `<issuer>/.well-known/jwks.json`',
    meaning: 'Address of the public keys of the issuer',
  })
  JWT_JWKS_URL?: string;

  @Setting({
    is: accepted(
      'isClaim',
      (claim) => !claim.startsWith('/') || isPointer(claim),
      'the name of a claim, or a JSON Pointer such as `/o/slg`',
    ),
    meaning: 'Claim that names the tenant of the caller',
  })
  JWT_TENANT_CLAIM = 'org_id';

  @Setting({
    section: 'Encryption',
    is: encryptionKey,
    secret: true,
    meaning:
      'Key that seals keys and tenants in exports (`waymark export --seal-access`), and opens them; `openssl rand -hex 32` makes one. Keep it apart from the backups: without it they cannot be opened',
  })
  TOKEN_ENCRYPTION_KEY?: string;

  @Setting({
    is: encryptionKeys,
    secret: true,
    meaning: 'Earlier keys, separated by commas: they open what was sealed with them, and seal nothing',
  })
  TOKEN_ENCRYPTION_OLD_KEYS?: string;

  @Setting({
    section: 'Browsers, proxies and TLS',
    is: origins,
    aliases: ['WEBSOCKET_ORIGINS'],
    meaning:
      'Pages of other origins that may use the service, over HTTP (CORS) and WebSockets. A page on another port of the same host is another origin',
  })
  ORIGINS = '';

  @Setting({
    is: hosts,
    otherwise: 'only loopback names if `HOST` is a loopback address; else all names, for requests with a credential',
    meaning:
      'Names by which the service may be called, besides loopback names; `*.example.com` is all names below `example.com`. Needed behind a proxy that passes on the `Host` header',
  })
  ALLOWED_HOSTS = '';

  @Setting({
    is: ranges,
    meaning:
      'Proxies whose `X-Forwarded-For` or `Forwarded`, `X-Forwarded-Host` and `X-Forwarded-Proto` are trusted. From any other peer these headers are ignored',
  })
  TRUSTED_PROXIES = '';

  @Setting({
    is: path,
    otherwise: 'no TLS',
    meaning:
      'File with the certificate of the service and its chain, as PEM; then all ports speak TLS 1.2 or later. Read again when it changes, and on SIGHUP',
  })
  TLS_CERT_FILE?: string;

  @Setting({
    is: path,
    otherwise: 'no TLS',
    meaning: 'File with the private key of the certificate in `TLS_CERT_FILE`, as PEM',
  })
  TLS_KEY_FILE?: string;

  @Setting({
    section: 'Limits',
    is: flag,
    meaning:
      'Limit requests of each of `RATE_LIMIT_SUBJECTS`; limits of `TENANT_DEFAULTS`, tenants and keys apply in any case',
  })
  RATE_LIMIT_ENABLED = true;

  @Setting({ is: integer(1, 1_000_000), meaning: 'Requests a minute of each user, and of each address without a key' })
  RATE_LIMIT_REQUESTS_PER_MINUTE = 60;

  @Setting({ is: integer(1, 1_000_000), meaning: 'Requests that may come at once' })
  RATE_LIMIT_BURST_SIZE = 10;

  @Setting({
    is: matching(
      /^\s*((user|ip|key)(\s*,\s*(user|ip|key))*)?\s*$/,
      '`user`, `ip` and `key`, several separated by commas',
    ),
    meaning:
      'Subjects of the limit: users (`user`), addresses without a valid credential (`ip`), keys of machines (`key`). Workers send more than 60 requests a minute: give `key` only with a higher limit',
  })
  RATE_LIMIT_SUBJECTS = 'user,ip';

  @Setting({
    is: oneOf(['both', 'draft', 'legacy', 'none']),
    meaning: 'Headers of limited answers: `draft` is RateLimit and RateLimit-Policy, `legacy` is X-RateLimit-*',
  })
  RATE_LIMIT_HEADERS = 'both' as 'both' | 'draft' | 'legacy' | 'none';

  @Setting({
    is: text('a JSON object, or the path of a file with one; docs/limits.md has the format'),
    otherwise: 'none',
    meaning: 'Defaults of all tenants, which the record of a tenant can override: `limits` by name',
  })
  TENANT_DEFAULTS?: string;

  @Setting({
    section: 'Storage without Redis',
    is: text('a path'),
    otherwise: '`./data` with `npm start`, else nothing is kept',
    meaning: 'Directory of the embedded engine; empty keeps the state in memory only',
  })
  DATA_DIR?: string;

  @Setting({
    section: 'Redis: which one',
    is: flag,
    otherwise: '`true` when the settings say where Redis is',
    aliases: ['REDIS_ENABLE'],
    meaning: 'Redis instead of the embedded engine',
  })
  USE_REDIS?: boolean;

  @Setting({
    is: text('a `redis://` or `rediss://` URL; `@` `:` `/` `#` in the password must be URL-encoded'),
    otherwise: '`redis://localhost:6379`',
    aliases: ['UPSTASH_REDIS_URL'],
    secret: true,
    meaning: 'Address of Redis; `rediss://` is TLS',
  })
  REDIS_URL?: string;

  @Setting({
    is: host,
    meaning: 'Host of Redis, instead of `REDIS_URL`; with `REDIS_PORT`, `_USERNAME`, `_PASSWORD` and `_DB`',
  })
  REDIS_HOST?: string;

  @Setting({ is: port, otherwise: '`6379`', meaning: 'Port of Redis' })
  REDIS_PORT?: number;

  @Setting({ is: text(), meaning: 'User of Redis, if it is not the default user' })
  REDIS_USERNAME?: string;

  @Setting({ is: text(), secret: true, meaning: 'Password of Redis' })
  REDIS_PASSWORD?: string;

  @Setting({ is: integer(0, 65_535), otherwise: '`0`', meaning: 'Number of the database' })
  REDIS_DB?: number;

  @Setting({
    is: oneOf(['redis', 'rest'], { native: 'redis' }),
    otherwise: '`rest` when only `UPSTASH_REDIS_REST_URL` is given, else `redis`',
    meaning:
      "`redis` is Redis' own protocol, `rest` is HTTP as Upstash serves it; decides when both addresses are given",
  })
  REDIS_PROTOCOL?: 'redis' | 'rest';

  @Setting({ is: text('an `http://` or `https://` URL'), meaning: 'Address of Redis over HTTP' })
  UPSTASH_REDIS_REST_URL?: string;

  @Setting({ is: text(), secret: true, meaning: 'Token for `UPSTASH_REDIS_REST_URL`; it must be allowed to write' })
  UPSTASH_REDIS_REST_TOKEN?: string;

  @Setting({ is: addresses, meaning: 'Sentinels of a group, instead of the address of a server' })
  REDIS_SENTINELS?: string;

  @Setting({ is: matching(/^\S+$/, 'a name'), meaning: 'Name of the group, as the sentinels have it' })
  REDIS_SENTINEL_MASTER?: string;

  @Setting({ is: text(), meaning: 'User of the sentinels, if they require one' })
  REDIS_SENTINEL_USERNAME?: string;

  @Setting({
    is: text(),
    secret: true,
    meaning: 'Password of the sentinels, if they require one; `REDIS_PASSWORD` is that of the servers',
  })
  REDIS_SENTINEL_PASSWORD?: string;

  @Setting({
    is: addresses,
    meaning: 'Some nodes of a Redis Cluster, instead of the address of a server; the others are discovered',
  })
  REDIS_CLUSTER_NODES?: string;

  @Setting({
    is: flag,
    otherwise: '`true` with a `rediss://` URL, else `false`',
    meaning: 'TLS to Redis and to the sentinels',
  })
  REDIS_TLS?: boolean;

  @Setting({
    is: text('the path of a PEM file, or its text'),
    meaning: 'Authority that signed the certificate of Redis, if it is a private one',
  })
  REDIS_TLS_CA?: string;

  @Setting({ is: flag, meaning: '`false` disables certificate checks (tests only)' })
  REDIS_TLS_REJECT_UNAUTHORIZED = true;

  @Setting({
    is: matching(/^[A-Za-z0-9.:_*-]+$/, 'a host name'),
    otherwise: 'the host that is connected to',
    meaning: 'Name that the certificate of Redis must carry',
  })
  REDIS_TLS_SERVERNAME?: string;

  @Setting({
    section: 'Redis: how it is used',
    is: matching(/^[A-Za-z0-9._:{}-]*$/, 'letters, digits and `.` `_` `:` `-` `{` `}`'),
    meaning: 'Prefix of every key; on a Cluster with a hash tag, such as `{prod}`',
  })
  REDIS_NAMESPACE = '';

  @Setting({
    is: integer(2, 1000),
    aliases: ['REDIS_MAX_POOL_SIZE'],
    meaning: 'Connections of this replica: one reads changes, the others carry commands',
  })
  REDIS_MAX_CONNECTIONS = 2;

  @Setting({ is: socketTimeout, meaning: 'Timeout of a command' })
  REDIS_SOCKET_TIMEOUT = 2 * SECOND;

  @Setting({ is: socketTimeout, aliases: ['REDIS_CONNECTION_TIMEOUT'], meaning: 'Timeout of a connection attempt' })
  REDIS_SOCKET_CONNECT_TIMEOUT = 5 * SECOND;

  @Setting({
    is: socketTimeout,
    meaning: 'How long a write with `Waymark-Durability: replicated` waits for a replica of Redis to confirm it',
  })
  REDIS_CONFIRM_TIMEOUT = SECOND;

  @Setting({ is: flag, meaning: 'Serve even if Redis may evict live state' })
  ALLOW_EVICTION = false;

  @Setting({ is: flag, meaning: 'Upgrade data of an earlier schema at the start; see docs/upgrade.md' })
  REDIS_UPGRADE = true;

  @Setting({
    section: 'While Redis is unreachable',
    is: oneOf(['memory', 'none']),
    meaning:
      '`memory` serves what this replica knows, accepts writes and replays them into Redis afterwards; `none` answers 503',
  })
  REDIS_FALLBACK: 'memory' | 'none' = 'memory';

  @Setting({
    is: integer(0, 64 * GIB),
    meaning: 'Bytes of recently seen workflows that are kept for the time when Redis is unreachable',
  })
  DETACHED_CACHE_BYTES = 64 * MIB;

  @Setting({
    is: integer(MIB, 64 * GIB),
    meaning: 'Bytes of writes accepted while Redis is unreachable; more are refused with 503',
  })
  DETACHED_MAX_BYTES = 256 * MIB;

  @Setting({
    is: flag,
    meaning:
      '`/health/ready` is 200 also while this replica has never connected to Redis. Otherwise it is 503 then, so that a roll-out with a wrong address stops',
  })
  READY_WITHOUT_REDIS = false;

  @Setting({ is: flag, meaning: 'Circuit breaker: sends nothing to Redis after repeated failures' })
  CIRCUIT_BREAKER_ENABLED = true;

  @Setting({ is: integer(1, 1000), meaning: 'Failed connections in a row that open the breaker' })
  CIRCUIT_BREAKER_FAILURE_THRESHOLD = 5;

  @Setting({ is: integer(1, 1000), meaning: 'Answers in a row that close the breaker' })
  CIRCUIT_BREAKER_SUCCESS_THRESHOLD = 2;

  @Setting({
    is: duration(SECOND, HOUR),
    meaning: 'Longest pause of a breaker that opens again and again although Redis answers PING',
  })
  CIRCUIT_BREAKER_TIMEOUT = 30 * SECOND;

  @Setting({
    section: 'Workflows',
    is: durationOrNever(SECOND, 36_500 * DAY),
    meaning: 'Time to live of a workflow after a write without `ttlSeconds`',
  })
  WORKFLOW_STATE_TTL: number | null = DAY;

  @Setting({ is: index, meaning: 'Fields of a state by which workflows can be listed; empty for none' })
  WORKFLOW_INDEX = '/status,/document_type,/user_id,/case_id';

  @Setting({ is: integer(0, 1000), meaning: 'Earlier versions kept per workflow; `0` keeps none' })
  WORKFLOW_HISTORY_LIMIT = 50;

  @Setting({ is: integer(0, 64 * MIB), meaning: 'Bytes of earlier versions kept per workflow; `0` keeps none' })
  WORKFLOW_HISTORY_MAX_BYTES = MIB;

  @Setting({
    is: integer(KIB, 8 * MIB),
    meaning: 'Largest state in bytes; large values block Redis for all its clients',
  })
  MAX_STATE_BYTES = MIB;

  @Setting({
    section: 'Tasks',
    is: integer(1, 10_000_000),
    meaning: 'Ready, delayed and leased tasks of one queue; more are refused with 429',
  })
  QUEUE_MAX_TASKS = 100_000;

  @Setting({
    is: integer(MIB, MIB * MIB),
    meaning:
      'Bytes of headers and payloads of the ready, delayed and leased tasks of one queue, and of its dead tasks; more are ' +
      'refused with 429, and the oldest dead tasks are removed first',
  })
  QUEUE_MAX_BYTES = 1024 * MIB;

  @Setting({
    is: duration(MINUTE, 365 * DAY),
    meaning: 'A task that is not claimed this long after it was due goes to the dead list; `expiresAt` of a task wins',
  })
  TASK_WAIT_LIMIT = 7 * DAY;

  @Setting({ is: duration(SECOND, 30 * DAY), meaning: 'Retention of done and cancelled tasks with their results' })
  TASK_RESULT_TTL = HOUR;

  @Setting({ is: duration(SECOND, 30 * DAY), meaning: 'Retention of the progress events of an ended task' })
  TASK_PROGRESS_TTL = 10 * MINUTE;

  @Setting({ is: duration(MINUTE, 365 * DAY), meaning: 'Retention of dead tasks' })
  DEAD_TASK_TTL = 7 * DAY;

  @Setting({ is: integer(1, 1_000_000), meaning: 'Dead tasks kept per queue; the oldest are removed first' })
  QUEUE_MAX_DEAD = 10_000;

  @Setting({
    section: 'Routing',
    is: text('a JSON list of agents, or the path of a file with one; docs/routing.md has the format'),
    otherwise: 'claude, gpt-4, gemini, llama and mistral',
    meaning: 'Agents that tasks are routed to',
  })
  ROUTING_AGENTS?: string;

  @Setting({ is: duration(SECOND, DAY), meaning: 'A status that an agent has reported expires after this time' })
  ROUTING_STATUS_TTL = 2 * MINUTE;

  @Setting({
    section: 'Event feed and WebSockets',
    is: integer(1000, 10_000_000),
    meaning: 'Events kept in the feed of a tenant; a client that is further behind must read the state again',
  })
  FEED_MAX_EVENTS = 100_000;

  @Setting({ is: duration(MINUTE, 365 * DAY), meaning: 'Retention of events' })
  FEED_MAX_AGE = DAY;

  @Setting({
    is: integer(1, 100_000),
    meaning: 'Streams, waiting polls and WebSockets of this replica; more are refused',
  })
  FEED_MAX_LISTENERS = 5000;

  @Setting({
    is: integer(64 * KIB, 64 * MIB),
    meaning: 'Bytes buffered for one client that reads slowly; a client with more is disconnected',
  })
  FEED_BUFFER_BYTES = MIB;

  @Setting({
    is: integer(MIB, 64 * 1024 * MIB),
    meaning:
      'Bytes buffered for all clients of streams and WebSockets together. Each may take an equal share, and at most `FEED_BUFFER_BYTES`',
  })
  FEED_TOTAL_BUFFER_BYTES = 256 * MIB;

  @Setting({
    is: portOrAny,
    otherwise: 'none',
    meaning:
      'Second port with WebSockets at its root, beside `/ws` of `PORT`; it must differ from `PORT`. Clients of older routers use 3001',
  })
  WEBSOCKET_PORT?: number;

  @Setting({
    section: 'Log',
    is: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    meaning: '`debug` logs every request',
  })
  LOG_LEVEL = 'info' as 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

  @Setting({
    is: oneOf(['pretty', 'json']),
    otherwise: '`pretty` on a terminal, else `json`',
    meaning: 'Format of the log',
  })
  LOG_FORMAT?: 'pretty' | 'json';

  @Setting({
    section: 'Timeouts and shutdown',
    is: duration(100, HOUR),
    meaning: 'Time within which a request must have arrived whole',
  })
  REQUEST_TIMEOUT = 30 * SECOND;

  @Setting({
    is: integer(MIB, 64 * 1024 * MIB),
    meaning:
      'Bytes of large answers that wait for clients that read slowly; further reads get 503 `TOO_MANY_ANSWERS_WAITING`, and answers to writes have no state. A client that reads nothing for `REQUEST_TIMEOUT` is disconnected',
  })
  ANSWER_BUFFER_BYTES = 256 * MIB;

  @Setting({
    is: integer(MIB, 64 * 1024 * MIB),
    meaning:
      'Bytes of bodies that are received and handled. Without room a body waits, and after 5 seconds gets 503 `TOO_MANY_BODIES`; the oldest one always goes on. A body of at most 16 KiB that arrives in one piece is not counted',
  })
  BODY_BUFFER_BYTES = 64 * MIB;

  @Setting({
    is: integer(10, 1_000_000),
    meaning: 'Open connections of each port; further ones are closed at once. The system may allow fewer (`ulimit -n`)',
  })
  MAX_CONNECTIONS = 10_000;

  @Setting({
    is: duration(100, HOUR),
    meaning: 'Time within which the headers of a request must have arrived; not longer than `REQUEST_TIMEOUT`',
  })
  HEADERS_TIMEOUT = 10 * SECOND;

  @Setting({
    is: duration(0, 10 * MINUTE),
    meaning:
      'After SIGTERM, keep serving this long with `/health/ready` at 503, so that load balancers stop sending requests',
  })
  SHUTDOWN_DELAY = 0;

  @Setting({ is: duration(SECOND, 10 * MINUTE), meaning: 'Time that the whole shutdown may take' })
  SHUTDOWN_TIMEOUT = 10 * SECOND;
}

export type SettingName = keyof Environment;

export const SETTINGS: readonly Setting[] = declaredSettings;
