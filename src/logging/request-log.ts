import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { traceIdOf, type AnswerListener } from '../http/hooks.js';
import { RepeatedLines } from './repeated-lines.js';

const VALID_ID = /^[A-Za-z0-9._-]{1,64}$/;
const SLOW_MS = 1000;

const prefix = randomBytes(6)
  .toString('base64url')
  .replace(/[^A-Za-z0-9]/g, 'x');
let count = 0;

/** The X-Request-Id of the request if it is valid, else a generated one, unique over replicas. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && VALID_ID.test(given) ? given : `${prefix}-${(count++).toString(36)}`;
}

/** Answers to what a client asked for and the store cannot do: no durability of this kind here, or not in time. */
const ASKED_FOR: readonly number[] = [501, 504];

function levelOf(status: number): 'error' | 'warn' | 'info' | undefined {
  if (status < 500) return undefined;
  if (ASKED_FOR.includes(status)) return 'info';
  return status === 503 ? 'warn' : 'error';
}

/**
 * A line per request: at level debug, at warn if it was slow or the store could not answer, at error if it failed. Bodies and ids in paths are never
 * logged.
 */
export function logRequests(logger: Logger): AnswerListener {
  const unavailable = new RepeatedLines((route, count) =>
    logger.warn({ route, status: 503, count }, 'further requests were answered 503'),
  );
  return (request, { statusCode }, ms) => {
    const isSlow = ms > SLOW_MS && request.headers['prefer'] === undefined;
    const level = levelOf(statusCode) ?? (isSlow ? 'warn' : 'debug');
    if (!logger.isLevelEnabled(level)) return;
    // While the store is away, thousands of requests a minute get the same answer.
    if (statusCode === 503 && !unavailable.isDue(request.routeOptions.url ?? 'none')) return;
    const traceId = traceIdOf(request);
    logger[level](
      {
        requestId: request.id,
        ...(traceId !== undefined && { traceId }),
        method: request.method,
        route: request.routeOptions.url ?? 'none',
        status: statusCode,
        ms: Math.round(ms * 10) / 10,
      },
      'request',
    );
  };
}
