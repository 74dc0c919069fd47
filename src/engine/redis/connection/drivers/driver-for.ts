import type { RedisConfig } from '../../../../config/config.js';
import { ClusterDriver } from './cluster.driver.js';
import type { DriverEvents, RedisDriver } from './redis-driver.js';
import { RestDriver } from './rest.driver.js';
import { SentinelDriver } from './sentinel.driver.js';
import { StandaloneDriver } from './standalone.driver.js';

export function driverFor(config: RedisConfig, events: DriverEvents): RedisDriver {
  const { topology } = config;
  switch (topology?.kind) {
    case undefined:
      return new StandaloneDriver(config, events);
    case 'sentinel':
      return new SentinelDriver(config, topology, events);
    case 'cluster':
      return new ClusterDriver(config, topology.nodes, events);
    case 'rest':
      return new RestDriver(config, topology, events);
  }
}
