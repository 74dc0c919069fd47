import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { ServerTls } from './access/web/server-tls.js';
import { accessLine, accessWarnings, placeOf } from './access/web/start-rules.js';
import { createApp } from './app.js';
import { Attach } from './attach/attach.js';
import { attachOnHangup } from './attach/attach-on-hangup.js';
import type { Config } from './config/config.js';
import { Draining } from './lifecycle/draining.js';
import { endOnSignal } from './lifecycle/end-on-signal.js';
import { shutDownOnSignal } from './lifecycle/shutdown.js';
import { LoadingServer } from './loading/loading-server.js';
import { Loading } from './loading/loading.js';

/** Runs the service until a signal ends it. */
export async function serve(config: Config, logger: Logger): Promise<void> {
  const tls = new ServerTls(config.web.tls, logger);
  process.on('SIGHUP', () => tls.reload());
  const app = await startApp(config, logger, tls);
  attachOnHangup(app.get(Attach), config, logger);
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

/** The listening app. While it loads a data directory, the port answers that. */
async function startApp(config: Config, logger: Logger, tls: ServerTls): Promise<NestFastifyApplication> {
  // The framework binds all addresses of `localhost`, which cannot be handed over.
  if (config.storage !== 'memory' || config.dataDir === undefined || config.host === 'localhost') {
    const app = await createApp(config, { logger, tls });
    shutDownOnSignal(app, app.get(Draining), config, logger);
    await app.listen(config.port, config.host);
    return app;
  }
  const loading = new Loading(logger);
  const loader = await LoadingServer.listen(tls, loading, config.port, config.host);
  const { address, port } = loader.address;
  logger.info(
    `loading ${config.dataDir}; ${placeOf(address, port, tls.options !== undefined).url}/health/ready says when it is done`,
  );
  const ignoreSignals = endOnSignal(logger);
  const app = await createApp(config, { logger, tls, progress: loading });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  ignoreSignals();
  shutDownOnSignal(app, app.get(Draining), config, logger);
  await loader.handOver(app.getHttpServer() as Server);
  return app;
}
