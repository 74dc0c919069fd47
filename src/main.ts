import { Attach } from './attach/attach.js';
import { attachOnHangup } from './attach/attach-on-hangup.js';
import { createApp } from './app.js';
import { environmentOf } from './config/env-file.js';
import { unknownNames } from './config/unknown-names.js';
import { readConfig } from './config/read-config.js';
import { InvalidEnvironmentError } from './config/invalid-environment.error.js';
import { Config } from './config/config.js';
import { Draining } from './lifecycle/draining.js';
import { shutDownOnSignal } from './lifecycle/shutdown.js';
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
const logger = createLogger(config);
for (const warning of unknownNames(environmentOf(process.env))) logger.warn(warning);
try {
  const app = await createApp(config, { logger });
  attachOnHangup(app.get(Attach), config, logger);
  shutDownOnSignal(app, app.get(Draining), config, logger);
  await app.listen(config.port, config.host);
  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  const { storage: kind, dataDir } = config;
  const storage =
    kind === 'redis' ? kind : `memory, ${dataDir === undefined ? 'nothing kept' : `durable in ${dataDir}`}`;
  if (kind === 'memory' && dataDir === undefined)
    logger.warn('nothing is kept: all state is lost when this process ends; set DATA_DIR or REDIS_URL');
  logger.info(
    { storage },
    `serving on ${url} (API ${url}/v1/workflows, documentation ${url}/docs, health ${url}/health)`,
  );
} catch (error) {
  giveUp(error instanceof Error ? error.message : String(error));
}
