import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';

const GIVEN_ID = /^[A-Za-z0-9._-]{1,64}$/;
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const SLOW_MS = 1000;

const prefix = randomBytes(6)
  .toString('base64url')
  .replace(/[^A-Za-z0-9]/g, 'x');
let count = 0;

/** The caller's X-Request-Id when it is one, else our own: unique over replicas, and cheap. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && GIVEN_ID.test(given) ? given : `${prefix}-${(count++).toString(36)}`;
}

/** Ids back to the caller, and a line per request: at debug, or at warn when it was slow and at error when it failed. Never content. */
export function logRequests(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    const traceparent = request.headers['traceparent'];
    if (typeof traceparent === 'string' && TRACEPARENT.test(traceparent)) reply.header('traceparent', traceparent);
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const { statusCode, elapsedTime } = reply;
    const isSlow = elapsedTime > SLOW_MS && request.headers['prefer'] === undefined;
    const level = statusCode >= 500 ? 'error' : isSlow ? 'warn' : 'debug';
    if (logger.isLevelEnabled(level)) logger[level](fieldsOf(request, statusCode, elapsedTime), 'request');
    done();
  });
}

/** The route's pattern and not its path: ids are the caller's business. */
function fieldsOf(request: FastifyRequest, status: number, elapsedMs: number) {
  const trace = TRACEPARENT.exec(String(request.headers['traceparent'] ?? ''))?.[1];
  return {
    requestId: request.id,
    ...(trace !== undefined && { traceId: trace }),
    method: request.method,
    route: request.routeOptions.url ?? 'none',
    status,
    ms: Math.round(elapsedMs * 10) / 10,
  };
}
