import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import type { Draining } from './draining.js';

/**
 * On SIGTERM or SIGINT the service is not ready at once, serves on for SHUTDOWN_DELAY, finishes running requests and closes the engines.
 * A second signal, or SHUTDOWN_TIMEOUT, ends the process at once.
 */
export function shutDownOnSignal(
  app: NestFastifyApplication,
  draining: Draining,
  config: Config,
  logger: Logger,
): void {
  const shutDown = async (signal: string) => {
    if (draining.hasBegun) {
      logger.warn({ signal }, 'second signal: exiting at once');
      process.exit(1);
    }
    logger.info({ signal }, 'shutting down');
    draining.begin();
    setTimeout(() => {
      logger.error({ timeoutMs: config.shutdownTimeoutMs }, 'shutdown timed out: exiting with running requests');
      process.exit(1);
    }, config.shutdownTimeoutMs).unref();
    try {
      await sleep(config.shutdownDelayMs);
      await app.close();
      logger.info('shutdown complete');
      process.exit(0);
    } catch (error) {
      logger.error({ error: error instanceof Error ? error.message : String(error) }, 'shutdown failed');
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void shutDown(signal));
}
