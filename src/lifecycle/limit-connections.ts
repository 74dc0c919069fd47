import type { Server } from 'node:net';
import type { Logger } from 'pino';

const LOGGED_EVERY_MS = 60_000;

/** Closes connections beyond `max` at once. The log has their number, at most once a minute. */
export function limitConnections(server: Server, max: number, logger: Pick<Logger, 'warn'>): void {
  server.maxConnections = max;
  let closed = 0;
  let loggedAt = -Infinity;
  server.on('drop', () => {
    closed++;
    if (performance.now() - loggedAt < LOGGED_EVERY_MS) return;
    logger.warn({ msg: `closed connections beyond the limit of ${max}; see MAX_CONNECTIONS`, closed });
    loggedAt = performance.now();
    closed = 0;
  });
}
