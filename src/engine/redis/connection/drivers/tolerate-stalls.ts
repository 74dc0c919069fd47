import type { Redis } from 'ioredis';
import type { Socket } from 'node:net';
import { startPatientTimer } from '../../../patient-timer.js';
import type { DriverEvents } from './redis-driver.js';

/** Members of a client of ioredis that its timeout of a socket uses. They are private. */
interface Timed {
  readonly options: { readonly socketTimeout?: number };
  readonly stream: Socket;
  readonly commandQueue: { readonly length: number };
  /** Whether the timeout runs. Set to undefined, and passed to clearTimeout, when the socket is closed. */
  socketTimeoutTimer: unknown;
  setSocketTimeout(): void;
}

/**
 * Gives a client another timeout of its socket, for the same option. The one of ioredis runs before the socket is read: so it drops
 * a connection whose answers have arrived, when the event loop was held for longer than the timeout.
 */
export function tolerateStalls(client: Redis, timeout: DriverEvents['timeout']): void {
  const timed = client as unknown as Timed;
  timed.setSocketTimeout = () => {
    const { stream, options } = timed;
    const { socketTimeout = 0 } = options;
    const expired = () => {
      timed.socketTimeoutTimer = undefined;
      if (stream.destroyed) return;
      timeout('lost');
      stream.destroy(new Error(`Socket timeout. Expecting data, but didn't receive any in ${socketTimeout}ms.`));
    };
    const { stop } = startPatientTimer(socketTimeout, expired, { wasHeld: () => timeout('late') });
    timed.socketTimeoutTimer = true;
    stream.once('close', stop);
    // Runs after the listener that takes answers from the queue.
    stream.once('data', () => {
      stop();
      stream.off('close', stop);
      timed.socketTimeoutTimer = undefined;
      if (timed.commandQueue.length > 0) timed.setSocketTimeout();
    });
  };
}
