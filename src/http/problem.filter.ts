import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { asServiceError, problemOf } from './problem.js';
import { ServiceError } from '../service-error.js';

class InternalError extends ServiceError {
  readonly code = 'INTERNAL_ERROR';
}

/** The only place where errors become answers. An unexpected one is logged and answers 500 without details. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger('Http');

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const length = Number(request.headers['content-length']);
    const contentLength = Number.isSafeInteger(length) ? length : null;
    const known = asServiceError(error, { contentLength, bodyLimit: request.routeOptions.bodyLimit });
    if (known === undefined || known.code === 'INTERNAL_ERROR' || known.code === 'STATE_NOT_JSON') {
      this.#logger.error({
        msg: 'request failed',
        requestId: request.id,
        route: request.routeOptions.url,
        error: trace(error),
      });
    }
    const shown = known ?? new InternalError('The service failed; its log has the reason under the id of this request');
    // The status is already sent, so only the connection can be closed.
    if (reply.sent) {
      if (!reply.raw.writableEnded) reply.raw.destroy();
      return;
    }
    const createOnly = request.headers['if-none-match'] === '*';
    // All other routes have a single part.
    const namesPart = request.routeOptions.url === '/v1/commits';
    const problem = problemOf(shown, request.id, { createOnly, namesPart });
    void reply.status(problem.status).headers(problem.headers).send(problem.body);
  }
}

/** Message and stack only: an error object may contain a command with a state. */
function trace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${error.cause.name}: ${error.cause.message}` : own;
}
