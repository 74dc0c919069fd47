import 'reflect-metadata';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { Admission } from './access/admission.js';
import { withAccess } from './access/document-access.js';
import { ServerTls } from './access/web/server-tls.js';
import { AppModule } from './app.module.js';
import type { Config } from './config/config.js';
import type { LoadProgress } from './engine/load-progress.js';
import { WorkflowIndex } from './engine/workflow-index.js';
import { maxCommitBytes } from './engine/commit-size.js';
import { createDocument, serveDocument } from './http/document.js';
import { allowLargeBodies, httpOptions, useHttp } from './http/use-http.js';
import { ReceivedBodies } from './http/received-bodies.js';
import { WaitingAnswers } from './http/waiting-answers.js';
import { limitConnections } from './lifecycle/limit-connections.js';
import { OpenConnections } from './lifecycle/open-connections.js';
import { Loading } from './loading/loading.js';
import { createLogger, NestLogger } from './logging/logger.js';
import { logRequests, requestIdOf } from './logging/request-log.js';
import { measureRequests } from './metrics/measure-requests.js';
import { Metrics } from './metrics/metrics.js';
import { withIndexedFields } from './workflows/list.dto.js';

/** Maximum bytes of a body beside its state: members of the envelope, or operations of a patch. */
const ENVELOPE_BYTES = 64 * 1024;
/** Routes that take several states or payloads at once. */
const SEVERAL = ['/v1/commits', '/v1/queues/:queue/tasks/batch', '/v1/tasks/batch-complete'];

export interface AppOptions {
  readonly logger?: Logger;
  /** Serve the pages at /docs; /openapi.json is always served. */
  readonly docs?: boolean;
  /** By default made from the configuration. */
  readonly tls?: ServerTls;
  /** Receiver of the progress of the start. By default it goes to the log. */
  readonly progress?: LoadProgress;
}

/** Creates the service; the caller lets it listen. */
export async function createApp(
  config: Config,
  {
    logger = createLogger(config),
    docs = true,
    tls = new ServerTls(config.web.tls, logger),
    progress = new Loading(logger),
  }: AppOptions = {},
): Promise<NestFastifyApplication> {
  const timeouts = {
    headersTimeout: config.headersTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, config.headersTimeoutMs),
  };
  const adapter = new FastifyAdapter({
    ...httpOptions(config.storage),
    bodyLimit: config.maxStateBytes + ENVELOPE_BYTES,
    requestTimeout: config.requestTimeoutMs,
    ...(tls.options === undefined ? { http: timeouts } : { https: { ...timeouts, ...tls.options } }),
    genReqId: requestIdOf,
    // The server waits for running requests. `OpenConnections` closes the connections that have no running request.
    forceCloseConnections: 'idle',
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config, tls, progress), adapter, {
    bodyParser: false,
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  allowLargeBodies(app, SEVERAL, maxCommitBytes(config.maxStateBytes) + ENVELOPE_BYTES);
  const admission = app.get(Admission);
  admission.watchRoutes(app.getHttpAdapter().getInstance() as unknown as FastifyInstance);
  useHttp(
    app,
    (request, reply) => admission.admit(request, reply),
    [measureRequests(app.get(Metrics)), logRequests(logger)],
    {
      bodies: new ReceivedBodies(config.bodyBufferBytes, config.requestTimeoutMs),
      answers: new WaitingAnswers(config.answerBufferBytes, config.requestTimeoutMs),
    },
  );
  const server = tls.attend(app.getHttpServer() as Server);
  limitConnections(server, config.maxConnections, logger);
  const connections = new OpenConnections(server);
  adapter.getInstance().addHook('preClose', (done) => {
    connections.end();
    done();
  });
  const document = createDocument(app);
  withAccess(document, config.access.isOpen);
  withIndexedFields(document, app.get(WorkflowIndex).fields);
  serveDocument(app, document, docs);
  return app;
}
