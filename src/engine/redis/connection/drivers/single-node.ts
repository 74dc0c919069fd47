import { Redis } from 'ioredis';
import type { RedisConfig } from '../../../../config/config.js';
import { connectionOptions, tlsOptions } from './ioredis-options.js';
import type { ServerNode } from './redis-driver.js';

/** A server beside those that hold keys, such as a replica of one. */
export interface SingleNode extends ServerNode {
  close(): void;
}

/** One connection to this server, with the credentials of the others. It is not opened again. */
export function openNode(config: RedisConfig, host: string, port: number): SingleNode {
  const { tls: _named, ...common } = connectionOptions(config);
  const client = new Redis({
    ...common,
    host,
    port,
    ...(config.tls && { tls: tlsOptions(config.tls) }),
    enableOfflineQueue: true,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  return {
    address: `${host}:${port}`,
    ask: (command, ...args) => client.call(command, ...args),
    close: () => client.disconnect(),
  };
}
