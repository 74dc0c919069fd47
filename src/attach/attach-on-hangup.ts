import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { environmentOf } from '../config/env-file.js';
import { readConfig } from '../config/read-config.js';
import type { Attach } from './attach.js';

/** On SIGHUP, reads ENV_FILE again. If the file now names a Redis, a service in memory moves there. */
export function attachOnHangup(attach: Attach, { envFile }: Config, logger: Logger): void {
  process.on('SIGHUP', () => {
    readAgain(attach, envFile).then(
      (says) => logger.info({ file: envFile }, `SIGHUP: ${says}`),
      (error: unknown) =>
        logger.error({ file: envFile }, `SIGHUP: ${error instanceof Error ? error.message : String(error)}`),
    );
  });
}

async function readAgain(attach: Attach, envFile: string): Promise<string> {
  if (!existsSync(envFile)) return 'the file does not exist, nothing to do';
  const { redis } = readConfig(environmentOf(process.env));
  if (redis === undefined) return 'the file names no Redis, nothing to do';
  await attach.start(redis, 'fail');
  return 'moving to Redis while serving';
}
