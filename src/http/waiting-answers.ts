import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../service-error.js';

/** Smaller answers are not counted. */
const LARGE_BYTES = 64 * 1024;

/** A read that uses POST for its body. */
const READ_BY_POST = '/v1/workflows/batch-get';

/** The client did not cause it and may repeat the request, here or at another replica. */
export class AnswersWaitingError extends ServiceError {
  readonly code = 'TOO_MANY_ANSWERS_WAITING';
  override readonly retryAfterSeconds = 2;

  constructor(limit: number) {
    super(`Answers of more than ${limit} bytes wait for clients that read slowly; retry, or use another replica`);
  }
}

/**
 * Bounds the bytes of answers that clients have not read yet, and ends connections on which nothing is read at all.
 * Only large answers count. The answer to a write is never refused, since the write has happened.
 */
export class WaitingAnswers {
  #bytes = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly unreadMs: number,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts an answer until it is sent or its connection ends. Returns the refusal of an answer that has no room. */
  add(request: FastifyRequest, reply: FastifyReply, payload: unknown): AnswersWaitingError | undefined {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
    if (bytes < LARGE_BYTES) return undefined;
    const isRead = request.method === 'GET' || request.routeOptions.url === READ_BY_POST;
    if (isRead && this.#bytes + bytes > this.maxBytes) return new AnswersWaitingError(this.maxBytes);
    this.#bytes += bytes;
    // The timeout starts again with every byte that is read. The server ends a connection that times out. An injected
    // request has no connection.
    const socket: Partial<Socket> = request.raw.socket;
    socket.setTimeout?.(this.unreadMs);
    // A pipelined request behind this one may wait longer. Runs before the server sets the timeout of idle connections.
    reply.raw.prependOnceListener('finish', () => void socket.setTimeout?.(0));
    reply.raw.once('close', () => {
      this.#bytes -= bytes;
    });
    return undefined;
  }
}
