import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { Engine } from '../engine/engine.js';
import { keepBodiesRaw } from './body.js';
import { answerClientError } from './client-error.js';
import { hookRequests, type AnswerListener } from './hooks.js';
import { ProblemFilter } from './problem.filter.js';
import { answerOtherMethods } from './route-methods.js';

/** How the server must be made for the routes to keep their promises about bad input. */
export const HTTP_OPTIONS = {
  clientErrorHandler: answerClientError,
  // Longer than any id, so that a too long one is told so instead of missing its route.
  routerOptions: { maxParamLength: 8192 },
  frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
    new ProblemFilter().answer(error, request, reply),
} satisfies FastifyServerOptions;

/** What every route shares, before any of them is registered. */
export function useHttp(app: NestFastifyApplication, listeners: readonly AnswerListener[]): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const engine = app.get(Engine);
  keepBodiesRaw(fastify);
  hookRequests(fastify, () => engine.storage, listeners);
  answerOtherMethods(fastify);
  app.useGlobalFilters(new ProblemFilter());
}
