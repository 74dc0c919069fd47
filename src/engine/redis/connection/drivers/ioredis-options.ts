import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import type { RedisConfig } from '../../../../config/config.js';
import { tolerateLateErrors } from './late-errors.js';

tolerateLateErrors();

/** Options that proved right in tests with cut, hung and half-open connections. */
export function connectionOptions(config: RedisConfig) {
  return {
    db: config.db,
    ...(config.username !== undefined && { username: config.username }),
    ...(config.password !== undefined && { password: config.password }),
    ...(config.tls && { tls: tlsOptions(config.tls, config.host) }),
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // Timeout of every command. Answers come in the order of the commands, so a silent connection has answered none of
    // them and is given up. A timer for each command would only cost more.
    socketTimeout: config.commandTimeoutMs,
    connectTimeout: config.connectTimeoutMs,
    keepAlive: 5000,
    enableReadyCheck: true,
    maxLoadingRetryTime: 1000,
    disableClientInfo: true,
    retryStrategy: pauseBefore,
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (1 as const) : false),
  } satisfies RedisOptions;
}

/** Exponential, capped, with jitter; retries never end. */
export function pauseBefore(attempt: number): number {
  return Math.min(25 * 2 ** Math.min(attempt - 1, 10), 500) + Math.random() * 50;
}

/** `host`: expected name in the certificate; by default that of the connection. An IP address is not sent as a server name. */
export function tlsOptions(
  { ca, rejectUnauthorized, servername }: Exclude<RedisConfig['tls'], false>,
  host?: string,
): ConnectionOptions {
  const name = servername ?? (host !== undefined && isIP(host) === 0 ? host : undefined);
  return { rejectUnauthorized, ...(ca !== undefined && { ca }), ...(name !== undefined && { servername: name }) };
}
