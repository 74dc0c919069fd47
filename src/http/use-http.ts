import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { Engine } from '../engine/engine.js';
import { keepBodiesRaw } from './body.js';
import type { ClientBuffers } from './client-buffers.js';
import { answerClientError } from './client-error.js';
import { setCommonHeaders, hookRequests, type Admit, type AnswerListener } from './hooks.js';
import { ProblemFilter } from './problem.filter.js';
import { answerOtherMethods } from './route-methods.js';

/** Server options that the routes need to answer bad input as documented. */
export function httpOptions(storage: string): FastifyServerOptions {
  return {
    clientErrorHandler: answerClientError,
    // Longer than any id, so that a longer path segment gets INVALID_ID and not 404.
    routerOptions: { maxParamLength: 16_384 },
    // An undecodable path is refused before any hook runs.
    frameworkErrors: (error, request, reply) => {
      setCommonHeaders(request as FastifyRequest, reply as FastifyReply, storage);
      new ProblemFilter().answer(error, request as FastifyRequest, reply as FastifyReply);
    },
  };
}

/** Sets up hooks and parsers. Must run before the routes are registered. */
export function useHttp(
  app: NestFastifyApplication,
  admit: Admit,
  listeners: readonly AnswerListener[],
  { bodies, answers }: ClientBuffers,
): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const engine = app.get(Engine);
  keepBodiesRaw(fastify, bodies);
  const storage = {
    now: () => engine.storage,
    since: (startedAt: number, tenant: string | undefined) => engine.storageSince(startedAt, tenant),
  };
  answers.attachTo(fastify);
  hookRequests(fastify, storage, admit, listeners, { bodies, answers });
  answerOtherMethods(fastify);
  app.useGlobalFilters(new ProblemFilter());
}

/** Must run before the routes are registered, since registration fixes their limits. */
export function allowLargeBodies(app: NestFastifyApplication, urls: readonly string[], bytes: number): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.addHook('onRoute', (route) => {
    if (urls.includes(route.url)) route.bodyLimit = bytes;
  });
}
