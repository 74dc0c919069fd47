import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ClientBuffers } from './client-buffers.js';
import { tenantOf } from './caller.js';
import { BadRequestError } from './http-errors.js';
import { ProblemFilter } from './problem.filter.js';

/**
 * Two Host headers may be read in two ways, here and by a proxy (RFC 9112, 3.2). The parser keeps only the first.
 * @throws BadRequestError
 */
function demandOneHost({ rawHeaders }: IncomingMessage): void {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host' && ++hosts > 1)
      throw new BadRequestError('The request has more than one Host header');
  }
}

/** Called for every answer before it is sent. */
export type AnswerListener = (request: FastifyRequest, reply: FastifyReply, ms: number) => void;

/**
 * Decides whether a request goes on; false when the rule has answered it already. Returns a promise only if it has to
 * wait.
 * @throws ServiceError to refuse it
 */
export type Admit = (request: FastifyRequest, reply: FastifyReply) => boolean | Promise<boolean>;

const STARTED_AT = Symbol('started at');

type Timed = FastifyRequest & { [STARTED_AT]: number };

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Trace id of a request, by W3C Trace Context. */
export function traceIdOf({ headers }: FastifyRequest): string | undefined {
  const traceparent = headers['traceparent'];
  return typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
}

export function setCommonHeaders(request: FastifyRequest, reply: FastifyReply, storage: string): void {
  reply.header('x-request-id', request.id);
  reply.header('x-waymark-storage', storage);
  reply.header('x-content-type-options', 'nosniff');
  reply.header('cache-control', 'no-cache');
  if (traceIdOf(request) !== undefined) reply.header('traceparent', request.headers['traceparent']);
}

/**
 * Sets the headers of every answer, admits every request and calls the listeners.
 * Only two hooks, since each one adds to the cost of every request. `onResponse` is not used, because the server would
 * add listeners to every response.
 */
export function hookRequests(
  fastify: FastifyInstance,
  storage: { now(): string; since(startedAt: number, tenant: string | undefined): string },
  admit: Admit,
  listeners: readonly AnswerListener[],
  { bodies, answers }: ClientBuffers,
): void {
  const problems = new ProblemFilter();
  fastify.decorateRequest(STARTED_AT, 0);
  fastify.addHook('onRequest', (request, reply, done) => {
    (request as Timed)[STARTED_AT] = performance.now();
    setCommonHeaders(request, reply, storage.now());
    try {
      demandOneHost(request.raw);
      const goesOn = admit(request, reply);
      if (goesOn === true) return done();
      if (goesOn !== false) void admitLater(goesOn, request, reply, done);
    } catch (error) {
      problems.answer(error, request, reply);
    }
  });
  const admitLater = (goesOn: Promise<boolean>, request: FastifyRequest, reply: FastifyReply, done: () => void) =>
    goesOn.then(
      (yes) => {
        if (yes) done();
      },
      (error: unknown) => problems.answer(error, request, reply),
    );
  fastify.addHook('onSend', (request, reply, payload, done) => {
    bodies.release(request);
    answers.add(request, reply, payload);
    const startedAt = (request as Timed)[STARTED_AT];
    const ms = performance.now() - startedAt;
    // The store may have become unreachable meanwhile.
    reply.header('x-waymark-storage', storage.since(startedAt, tenantOf(request)));
    for (const listener of listeners) listener(request, reply, ms);
    done(null, payload);
  });
}
