import { startRefusal } from './access/web/start-rules.js';
import type { Config } from './config/config.js';
import { environmentOf } from './config/env-file.js';
import { InvalidEnvironmentError } from './config/invalid-environment.error.js';
import { readConfig } from './config/read-config.js';
import { unknownNames } from './config/unknown-names.js';
import { createLogger } from './logging/logger.js';
import { readAgents } from './routing/read-agents.js';

/** Prints the reason without a stack and exits. */
function giveUp(reason: string): never {
  process.stderr.write(`waymark cannot start.\n${reason}\n`);
  process.exit(1);
}

function configuration(): Config {
  try {
    return readConfig(environmentOf(process.env), undefined, { ROUTING_AGENTS: readAgents });
  } catch (error) {
    if (error instanceof InvalidEnvironmentError) giveUp(error.message);
    throw error;
  }
}

const config = configuration();
const refusal = startRefusal(config);
if (refusal !== undefined) giveUp(refusal);
const logger = createLogger(config);
for (const warning of unknownNames(environmentOf(process.env))) logger.warn(warning);
try {
  // Loaded late, since loading takes longer than all steps before, and a refusal should come at once.
  const { serve } = await import('./serve.js');
  await serve(config, logger);
} catch (error) {
  giveUp(error instanceof Error ? error.message : String(error));
}
