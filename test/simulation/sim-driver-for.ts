import type { RedisConfig } from '../../src/config/config.js';
import type { DriverEvents, RedisDriver } from '../../src/engine/redis/connection/drivers/redis-driver.js';

export type MakeDriver = (config: RedisConfig, events: DriverEvents) => RedisDriver;

const makers = new Map<string, MakeDriver>();

/** Drivers for this host are made by `make` from now on. */
export function useDrivers(host: string, make: MakeDriver): void {
  makers.set(host, make);
}

/** Stands for the function of the same name in the product. */
export function driverFor(config: RedisConfig, events: DriverEvents): RedisDriver {
  const make = makers.get(config.host);
  if (make === undefined) throw new Error(`there is no simulated host ${config.host}`);
  return make(config, events);
}
