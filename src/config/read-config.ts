import 'reflect-metadata';
import { resolve } from 'node:path';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { canonical } from './aliases.js';
import type { Config, RedisConfig } from './config.js';
import { Environment, pointersOf } from './environment.js';
import { InvalidEnvironmentError, type EnvironmentProblem } from './invalid-environment.error.js';
import { SETTINGS } from './settings.js';

/** @throws InvalidEnvironmentError with every problem there is. */
export function readConfig(env: NodeJS.ProcessEnv, isTerminal: boolean = process.stdout.isTTY === true): Config {
  const problems: EnvironmentProblem[] = [];
  const values = canonical(env, problems);
  const read = plainToInstance(Environment, values, { exposeDefaultValues: true });
  for (const { property } of validateSync(read)) {
    const allowed = SETTINGS.find(({ name }) => name === property)?.allowed ?? 'another value';
    problems.push({ name: property, value: values[property], says: `must be ${allowed}` });
  }
  if (read.HEADERS_TIMEOUT > read.REQUEST_TIMEOUT) {
    problems.push({
      name: 'HEADERS_TIMEOUT',
      value: values['HEADERS_TIMEOUT'],
      says: 'must not be longer than REQUEST_TIMEOUT',
    });
  }
  if (read.WEBSOCKET_PORT !== undefined && read.WEBSOCKET_PORT !== 0 && read.WEBSOCKET_PORT === read.PORT) {
    problems.push({
      name: 'WEBSOCKET_PORT',
      value: values['WEBSOCKET_PORT'],
      says: 'must be another one than PORT, where WebSockets are at /ws',
    });
  }
  const useRedis = read.USE_REDIS ?? (read.REDIS_URL !== undefined || read.REDIS_HOST !== undefined);
  const redis = useRedis ? redisConfig(read, problems) : undefined;
  if (problems.length > 0) throw new InvalidEnvironmentError(problems);
  return {
    host: read.HOST,
    port: read.PORT,
    storage: useRedis ? 'redis' : 'memory',
    redis,
    dataDir: read.DATA_DIR === undefined || read.DATA_DIR === '' ? undefined : resolve(read.DATA_DIR),
    workflowTtlMs: read.WORKFLOW_STATE_TTL,
    workflowIndex: pointersOf(read.WORKFLOW_INDEX),
    historyLimit: read.WORKFLOW_HISTORY_LIMIT,
    historyMaxBytes: read.WORKFLOW_HISTORY_MAX_BYTES,
    maxStateBytes: read.MAX_STATE_BYTES,
    tasks: {
      mostOpen: read.QUEUE_MAX_TASKS,
      resultMs: read.TASK_RESULT_TTL,
      progressMs: read.TASK_PROGRESS_TTL,
      deadMs: read.DEAD_TASK_TTL,
      mostDead: read.QUEUE_MAX_DEAD,
      waitLimitMs: read.TASK_WAIT_LIMIT,
    },
    feed: {
      mostEvents: read.FEED_MAX_EVENTS,
      maxAgeMs: read.FEED_MAX_AGE,
      mostListeners: read.FEED_MAX_LISTENERS,
      bufferBytes: read.FEED_BUFFER_BYTES,
    },
    webSocket: {
      port: read.WEBSOCKET_PORT,
      origins: read.WEBSOCKET_ORIGINS.split(',')
        .map((origin) => origin.trim())
        .filter((origin) => origin !== ''),
    },
    examples: read.EXAMPLES,
    logLevel: read.LOG_LEVEL,
    logFormat: read.LOG_FORMAT ?? (isTerminal ? 'pretty' : 'json'),
    requestTimeoutMs: read.REQUEST_TIMEOUT,
    headersTimeoutMs: read.HEADERS_TIMEOUT,
    shutdownDelayMs: read.SHUTDOWN_DELAY,
    shutdownTimeoutMs: read.SHUTDOWN_TIMEOUT,
  };
}

function redisConfig(read: Environment, problems: EnvironmentProblem[]): RedisConfig {
  return {
    ...addressOf(read, problems),
    namespace: read.REDIS_NAMESPACE,
    maxConnections: read.REDIS_MAX_CONNECTIONS,
    commandTimeoutMs: read.REDIS_SOCKET_TIMEOUT,
    connectTimeoutMs: read.REDIS_SOCKET_CONNECT_TIMEOUT,
    fallback: read.REDIS_FALLBACK,
    allowEviction: read.ALLOW_EVICTION,
  };
}

type Address = Pick<RedisConfig, 'host' | 'port' | 'username' | 'password' | 'db' | 'tls'>;

/** From the URL or from its parts. Where both say something about the same thing, they must agree. */
function addressOf(read: Environment, problems: EnvironmentProblem[]): Address {
  const parts = {
    host: read.REDIS_HOST ?? 'localhost',
    port: read.REDIS_PORT ?? 6379,
    username: undefined,
    password: read.REDIS_PASSWORD,
    db: read.REDIS_DB ?? 0,
    tls: false,
  };
  if (read.REDIS_URL === undefined) return parts;
  const url = parsed(read.REDIS_URL);
  if (url === undefined) {
    problems.push({
      name: 'REDIS_URL',
      value: read.REDIS_URL,
      says: 'must be a redis:// or rediss:// URL; @ : / # in the password must be URL-encoded (%40 %3A %2F %23)',
    });
    return parts;
  }
  const disagree = (name: string, own: unknown, inUrl: unknown) => {
    if (own !== undefined && inUrl !== undefined && own !== inUrl) {
      problems.push({ name, value: String(own), says: 'disagrees with REDIS_URL; give it once' });
    }
  };
  disagree('REDIS_HOST', read.REDIS_HOST, url.host);
  disagree('REDIS_PORT', read.REDIS_PORT, url.port);
  disagree('REDIS_PASSWORD', read.REDIS_PASSWORD, url.password);
  disagree('REDIS_DB', read.REDIS_DB, url.db);
  return {
    host: url.host,
    port: url.port ?? parts.port,
    username: url.username,
    password: url.password ?? parts.password,
    db: url.db ?? parts.db,
    tls: url.tls,
  };
}

function parsed(text: string) {
  // A bare # or / in a password would silently cut it short, so the form is checked before the parts are believed.
  if (!/^rediss?:\/\/([^/@#?]*@)?[^/@#?]+(\/\d*)?(\?.*)?$/.test(text)) return undefined;
  try {
    const url = new URL(text);
    return {
      host: url.hostname.replace(/^\[|\]$/g, ''),
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
