import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { Engine } from '../engine/engine.js';
import { keepBodiesRaw } from './body.js';
import { answerClientError } from './client-error.js';
import { setCommonHeaders, hookRequests, type AnswerListener } from './hooks.js';
import { ProblemFilter } from './problem.filter.js';
import { answerOtherMethods } from './route-methods.js';

/** How the server must be made for the routes to keep their promises about bad input. */
export function httpOptions(storage: string): FastifyServerOptions {
  return {
    clientErrorHandler: answerClientError,
    // Longer than any id, so that a too long one is told so instead of missing its route.
    routerOptions: { maxParamLength: 16_384 },
    // A path that cannot be decoded is refused before any hook has run.
    frameworkErrors: (error, request, reply) => {
      setCommonHeaders(request as FastifyRequest, reply as FastifyReply, storage);
      new ProblemFilter().answer(error, request as FastifyRequest, reply as FastifyReply);
    },
  };
}

/** What every route shares, before any of them is registered. */
export function useHttp(app: NestFastifyApplication, listeners: readonly AnswerListener[]): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const engine = app.get(Engine);
  keepBodiesRaw(fastify);
  hookRequests(fastify, { now: () => engine.storage, since: (startedAt) => engine.storageSince(startedAt) }, listeners);
  answerOtherMethods(fastify);
  app.useGlobalFilters(new ProblemFilter());
}

/** To be set up before the routes are: their limits are fixed when they are registered. */
export function allowLargeBodies(app: NestFastifyApplication, urls: readonly string[], bytes: number): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.addHook('onRoute', (route) => {
    if (urls.includes(route.url)) route.bodyLimit = bytes;
  });
}
