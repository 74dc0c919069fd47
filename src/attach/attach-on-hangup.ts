import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { readConfig } from '../config/read-config.js';
import type { Attach } from './attach.js';

/** SIGHUP: the file of the environment is read again, and when it names a Redis by now, a service in memory moves there. */
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
  const { redis } = readConfig({ ...process.env, ...parseEnv(readFileSync(envFile, 'utf8')) });
  if (redis === undefined) return 'the file names no Redis, so nothing is to be done';
  await attach.start(redis, 'fail');
  return 'moving to Redis while serving';
}
