import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PAGE_BYTES } from '../engine/limits.js';
import { ServiceError } from '../service-error.js';
import { onAnswerEnd } from './connection-end.js';
import { Semaphore } from './semaphore.js';

/** Smaller answers are not counted. */
const LARGE_BYTES = 64 * 1024;

/** Requests for pages that wait for their turn. */
const MAX_PAGES_IN_LINE = 1000;
/** Share of the bound that only answers with claimed tasks may use. */
const RESERVE_FOR_TASKS = 0.5;

const WAITING = Symbol('waiting answers');

/** The client did not cause it and may repeat the request, here or at another replica. */
export class AnswersWaitingError extends ServiceError {
  readonly code = 'TOO_MANY_ANSWERS_WAITING';
  override readonly retryAfterSeconds = 2;

  constructor(reason: string) {
    super(`${reason}; retry, or use another replica`);
  }
}

/**
 * Bounds the bytes of answers that clients have not read yet, and ends connections on which nothing is read at all.
 * Only large answers count. The answer to a write is never refused, since the write has happened; it has no state if
 * there is no room for one.
 */
export class WaitingAnswers {
  #bytes = 0;
  readonly #pages: Semaphore;

  constructor(
    private readonly maxBytes: number,
    private readonly unreadMs: number,
  ) {
    this.#pages = new Semaphore(Math.max(1, Math.floor(maxBytes / PAGE_BYTES / 2)));
  }

  static of(request: FastifyRequest): WaitingAnswers {
    return (request as FastifyRequest & { [WAITING]: WaitingAnswers })[WAITING];
  }

  /** Makes `of` find this object. */
  attachTo(fastify: { decorateRequest(name: symbol, value: { getter(): WaitingAnswers }): unknown }): void {
    fastify.decorateRequest(WAITING, { getter: () => this });
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Undefined if there is room for an answer of this size. */
  refusalOf(bytes: number): AnswersWaitingError | undefined {
    const hasRoom = bytes < LARGE_BYTES || this.#bytes + bytes <= this.maxBytes;
    return hasRoom ? undefined : this.#noRoom();
  }

  /**
   * Checked before a claim: the tasks of its answer are leased, so it cannot be refused afterwards. Answers with tasks have
   * a reserve, so that unread states do not stop workers. @throws AnswersWaitingError
   */
  demandRoomForTasks(): void {
    if (this.#bytes >= this.maxBytes * (1 + RESERVE_FOR_TASKS)) throw this.#noRoom();
  }

  /**
   * Reads a page that may be large. Few are read at once, so that pages between the store and the network are bounded
   * too; the others wait in line. @throws AnswersWaitingError
   */
  async readPage<T>(work: () => Promise<T>): Promise<T> {
    // A single connection can pipeline requests without end.
    if (this.#pages.waiting >= MAX_PAGES_IN_LINE)
      throw new AnswersWaitingError(`${MAX_PAGES_IN_LINE} requests for pages wait to be read, the limit`);
    return this.#pages.run(() => {
      const refusal = this.refusalOf(LARGE_BYTES);
      return refusal === undefined ? work() : Promise.reject(refusal);
    });
  }

  #noRoom(): AnswersWaitingError {
    return new AnswersWaitingError(`Answers of ${this.maxBytes} bytes wait for clients that read slowly, the limit`);
  }

  /** Counts an answer until it is sent or its connection ends. */
  add(request: FastifyRequest, reply: FastifyReply, payload: unknown): void {
    const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
    if (bytes < LARGE_BYTES) return;
    this.#bytes += bytes;
    // The timeout starts again with every byte that is read. The server ends a connection that times out. An injected
    // request has no connection.
    const socket: Partial<Socket> = request.raw.socket;
    socket.setTimeout?.(this.unreadMs);
    // A pipelined request behind this one may wait longer. Runs before the server sets the timeout of idle connections.
    reply.raw.prependOnceListener('finish', () => void socket.setTimeout?.(0));
    onAnswerEnd(request, reply, () => {
      this.#bytes -= bytes;
    });
  }
}
