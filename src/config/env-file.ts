import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { InvalidEnvironmentError } from './invalid-environment.error.js';

/**
 * The environment with the variables of its ENV_FILE, `.env` by default. The environment wins; a missing file adds
 * nothing.
 * The service and all commands read their settings with this function.
 * @throws InvalidEnvironmentError
 */
export function environmentOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const file = env['ENV_FILE'] || '.env';
  try {
    return existsSync(file) ? { ...parseEnv(readFileSync(file, 'utf8')), ...env } : env;
  } catch (error) {
    const says = `cannot be read (${(error as NodeJS.ErrnoException).code})`;
    throw new InvalidEnvironmentError([{ name: 'ENV_FILE', value: file, says }]);
  }
}
