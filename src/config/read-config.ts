import { resolve } from 'node:path';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import type { Config } from './config.js';
import { withoutBackticks } from './describe-settings.js';
import { encryptionConfig } from './encryption-config.js';
import { asGiven, givenSettings } from './given-names.js';
import { Environment, itemsOf, SETTINGS, type SettingName } from './environment.js';
import { isLoopback } from './is-loopback.js';
import { InvalidEnvironmentError, type EnvironmentProblem } from './invalid-environment.error.js';
import { jwtConfig } from './jwt-config.js';
import { limitsConfig } from './limits-config.js';
import { namesRedis, redisConfig } from './redis-config.js';

/** Checks of settings that a feature parses itself, by name; run here so that all problems are reported at once. */
export type SettingChecks = Partial<
  Record<SettingName, (value: string | undefined, refuse: (says: string) => void) => unknown>
>;

/** @throws InvalidEnvironmentError with every problem there is. */
export function readConfig(
  env: NodeJS.ProcessEnv,
  isTerminal: boolean = process.stdout.isTTY === true,
  checks: SettingChecks = {},
): Config {
  const problems: EnvironmentProblem[] = [];
  const given = givenSettings(env, problems);
  const { values } = given;
  const refuse = (name: string, says: string) => problems.push({ name, value: values[name], says });
  const read = plainToInstance(Environment, values, { exposeDefaultValues: true });
  for (const { property } of validateSync(read)) {
    const allowed = SETTINGS.find(({ name }) => name === property)?.is.allowed ?? 'another value';
    refuse(property, withoutBackticks(`must be ${allowed}`));
  }
  if (read.HEADERS_TIMEOUT > read.REQUEST_TIMEOUT) refuse('HEADERS_TIMEOUT', 'must not be longer than REQUEST_TIMEOUT');
  if (read.WEBSOCKET_PORT === read.PORT && read.PORT !== 0)
    refuse('WEBSOCKET_PORT', 'must be another one than PORT, where WebSockets are at /ws');
  const jwt = jwtConfig(read, refuse);
  const encryption = encryptionConfig(read, refuse);
  const limits = limitsConfig(read, refuse);
  if ((read.TLS_CERT_FILE === undefined) !== (read.TLS_KEY_FILE === undefined)) {
    const missing = read.TLS_CERT_FILE === undefined ? 'TLS_CERT_FILE' : 'TLS_KEY_FILE';
    refuse(missing, 'is missing: TLS needs a certificate and its key');
  }
  const useRedis = read.USE_REDIS ?? namesRedis(read);
  const redis = useRedis ? redisConfig(read, problems) : undefined;
  for (const [name, check] of Object.entries(checks))
    check(values[name], (says) => problems.push({ name, value: undefined, says }));
  if (problems.length > 0) throw new InvalidEnvironmentError(problems.map((one) => asGiven(one, given)));
  return {
    host: read.HOST,
    port: read.PORT,
    storage: useRedis ? 'redis' : 'memory',
    redis,
    detached: {
      cacheBytes: read.DETACHED_CACHE_BYTES,
      maxBytes: read.DETACHED_MAX_BYTES,
      isReadyWithoutRedis: read.READY_WITHOUT_REDIS,
    },
    dataDir: read.DATA_DIR === undefined || read.DATA_DIR === '' ? undefined : resolve(read.DATA_DIR),
    workflowTtlMs: read.WORKFLOW_STATE_TTL,
    workflowIndex: itemsOf(read.WORKFLOW_INDEX),
    historyLimit: read.WORKFLOW_HISTORY_LIMIT,
    historyMaxBytes: read.WORKFLOW_HISTORY_MAX_BYTES,
    maxStateBytes: read.MAX_STATE_BYTES,
    tasks: {
      maxOpen: read.QUEUE_MAX_TASKS,
      maxBytes: read.QUEUE_MAX_BYTES,
      resultMs: read.TASK_RESULT_TTL,
      progressMs: read.TASK_PROGRESS_TTL,
      deadMs: read.DEAD_TASK_TTL,
      maxDead: read.QUEUE_MAX_DEAD,
      waitLimitMs: read.TASK_WAIT_LIMIT,
    },
    routing: { agents: read.ROUTING_AGENTS, statusTtlMs: read.ROUTING_STATUS_TTL },
    adminToken: read.ADMIN_TOKEN,
    jwt,
    access: {
      isOpen: read.ACCESS === undefined ? isOpenByDefault(read) : read.ACCESS === 'open',
      isGiven: read.ACCESS !== undefined,
      cacheTtlMs: read.ACCESS_CACHE_TTL,
      offlineTtlMs: read.ACCESS_OFFLINE_TTL,
    },
    encryption,
    limits,
    envFile: resolve(read.ENV_FILE),
    feed: {
      maxEvents: read.FEED_MAX_EVENTS,
      maxAgeMs: read.FEED_MAX_AGE,
      maxListeners: read.FEED_MAX_LISTENERS,
      bufferBytes: read.FEED_BUFFER_BYTES,
      totalBufferBytes: read.FEED_TOTAL_BUFFER_BYTES,
    },
    webSocket: { port: read.WEBSOCKET_PORT },
    web: {
      origins: itemsOf(read.ORIGINS),
      allowedHosts: itemsOf(read.ALLOWED_HOSTS),
      trustedProxies: itemsOf(read.TRUSTED_PROXIES),
      tls: tlsFiles(read),
    },
    examples: read.EXAMPLES,
    logLevel: read.LOG_LEVEL,
    logFormat: read.LOG_FORMAT ?? (isTerminal ? 'pretty' : 'json'),
    requestTimeoutMs: read.REQUEST_TIMEOUT,
    maxConnections: read.MAX_CONNECTIONS,
    answerBufferBytes: read.ANSWER_BUFFER_BYTES,
    bodyBufferBytes: read.BODY_BUFFER_BYTES,
    headersTimeoutMs: read.HEADERS_TIMEOUT,
    shutdownDelayMs: read.SHUTDOWN_DELAY,
    shutdownTimeoutMs: read.SHUTDOWN_TIMEOUT,
  };
}

function isOpenByDefault({ HOST, ADMIN_TOKEN, JWT_ISSUER }: Environment): boolean {
  return isLoopback(HOST) && ADMIN_TOKEN === undefined && JWT_ISSUER === undefined;
}

function tlsFiles({ TLS_CERT_FILE: cert, TLS_KEY_FILE: key }: Environment): Config['web']['tls'] {
  return cert === undefined || key === undefined ? undefined : { certFile: resolve(cert), keyFile: resolve(key) };
}
