import { AbstractConnector } from 'ioredis';
import type { Socket } from 'node:net';

const sockets = new WeakMap<object, Socket>();

/**
 * Gives every socket of ioredis a listener for errors that stays. ioredis listens for the first error only, and Node
 * reports errors of TLS on a socket that has failed already: for example when the certificate was refused and the
 * server sends an alert. An error that nobody listens for ends the process.
 * The listener is added by the class of all connectors, since ioredis makes clients of its own for sentinels and for
 * the subscriptions of a Cluster.
 */
export function tolerateLateErrors(): void {
  Object.defineProperty(AbstractConnector.prototype, 'stream', {
    configurable: true,
    get(this: object) {
      return sockets.get(this);
    },
    set(this: object, socket: Socket) {
      socket.on('error', () => undefined);
      sockets.set(this, socket);
    },
  });
}
