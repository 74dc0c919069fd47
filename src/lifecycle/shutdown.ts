import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import type { Draining } from './draining.js';

/**
 * SIGTERM or SIGINT: not ready at once, serving on for the delay (balancers need a moment to notice), then requests under way finish and
 * the engines close. A second signal, or more time than there is, ends the process at once.
 */
export function shutDownOnSignal(
  app: NestFastifyApplication,
  draining: Draining,
  config: Config,
  logger: Logger,
): void {
  const shutDown = async (signal: string) => {
    if (draining.hasBegun) {
      logger.warn({ signal }, 'second signal: ending at once');
      process.exit(1);
    }
    logger.info({ signal }, 'shutting down');
    draining.begin();
    setTimeout(() => {
      logger.error(
        { timeoutMs: config.shutdownTimeoutMs },
        'shutting down took too long: ending with requests under way',
      );
      process.exit(1);
    }, config.shutdownTimeoutMs).unref();
    try {
      await sleep(config.shutdownDelayMs);
      await app.close();
      logger.info('done');
      process.exit(0);
    } catch (error) {
      logger.error({ error: error instanceof Error ? error.message : String(error) }, 'shutting down failed');
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void shutDown(signal));
}
