import type { RedisOptions } from 'ioredis';
import type { RedisConfig, RedisTopology } from '../../../../config/config.js';
import { connectionOptions, tlsOptions } from './ioredis-options.js';
import type { DriverEvents } from './redis-driver.js';
import { StandaloneDriver } from './standalone.driver.js';

const SENTINEL_ANSWERS_IN_MS = 500;

/** The master of a group, as its sentinels name it. When they name another one, all connections go there. */
export class SentinelDriver extends StandaloneDriver {
  constructor(config: RedisConfig, topology: Extract<RedisTopology, { kind: 'sentinel' }>, events: DriverEvents) {
    super(config, events, optionsOf(config, topology), `master ${topology.master} of the sentinels`);
  }
}

function optionsOf(config: RedisConfig, topology: Extract<RedisTopology, { kind: 'sentinel' }>) {
  const { sentinels, master, username, password } = topology;
  const { tls: _named, ...common } = connectionOptions(config);
  // Servers of a group are known by address, so each is held against its own.
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
    // A sentinel tells of a new master before the old one is noticed to be gone.
    failoverDetector: true,
  } satisfies RedisOptions;
}
