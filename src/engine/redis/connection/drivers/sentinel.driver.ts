import type { RedisOptions } from 'ioredis';
import type { RedisConfig, RedisTopology } from '../../../../config/config.js';
import { connectionOptions, tlsOptions } from './ioredis-options.js';
import type { DriverEvents } from './redis-driver.js';
import { StandaloneDriver } from './standalone.driver.js';

const SENTINEL_ANSWERS_IN_MS = 500;

/** Connects to the master that the sentinels of a group name. When they name another one, all connections go there. */
export class SentinelDriver extends StandaloneDriver {
  constructor(config: RedisConfig, topology: Extract<RedisTopology, { kind: 'sentinel' }>, events: DriverEvents) {
    super(config, events, optionsOf(config, topology), `master ${topology.master} of the sentinels`);
  }
}

function optionsOf(config: RedisConfig, topology: Extract<RedisTopology, { kind: 'sentinel' }>) {
  const { sentinels, master, username, password } = topology;
  const { tls: _named, ...common } = connectionOptions(config);
  // No name is given: the certificate of each server must match the address that the sentinels announce.
  const tls = config.tls && tlsOptions(config.tls);
  return {
    ...common,
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    name: master,
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
    ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    sentinelCommandTimeout: SENTINEL_ANSWERS_IN_MS,
    sentinelRetryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
    // Sentinels report a new master before the connection to the old one breaks.
    failoverDetector: true,
  } satisfies RedisOptions;
}
