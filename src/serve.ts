import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { ServerTls } from './access/web/server-tls.js';
import { accessLine, accessWarnings, placeOf } from './access/web/start-rules.js';
import { createApp } from './app.js';
import { Attach } from './attach/attach.js';
import { attachOnHangup } from './attach/attach-on-hangup.js';
import type { Config } from './config/config.js';
import { Draining } from './lifecycle/draining.js';
import { shutDownOnSignal } from './lifecycle/shutdown.js';

/** Runs the service until a signal ends it. */
export async function serve(config: Config, logger: Logger): Promise<void> {
  const app = await createApp(config, { logger });
  const tls = app.get(ServerTls);
  process.on('SIGHUP', () => tls.reload());
  attachOnHangup(app.get(Attach), config, logger);
  shutDownOnSignal(app, app.get(Draining), config, logger);
  await app.listen(config.port, config.host);
  const { storage: kind, dataDir } = config;
  const storage =
    kind === 'redis' ? kind : `memory, ${dataDir === undefined ? 'nothing kept' : `durable in ${dataDir}`}`;
  if (kind === 'memory' && dataDir === undefined)
    logger.warn('nothing is kept: all state is lost when this process ends; set DATA_DIR or REDIS_URL');
  logger.info(accessLine(config));
  for (const warning of accessWarnings(config)) logger.warn(warning);
  const { address, port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const { url, listensOn } = placeOf(address, port, tls.options !== undefined);
  logger.info(
    { storage, listensOn },
    `serving on ${url} (API ${url}/v1/workflows, documentation ${url}/docs, health ${url}/health), listening on ${listensOn}`,
  );
}
