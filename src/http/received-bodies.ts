import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { StateTooLargeError } from '../engine/errors.js';
import { ServiceError } from '../service-error.js';
import { BadRequestError } from './http-errors.js';

/** Time that a body without room waits before it is refused. */
const LONGEST_PAUSE_MS = 5000;
const LEAST_CAPACITY = 64 * 1024;
/** A body of at most this size that arrives in one piece is not counted: it is handled at once. */
const UNCOUNTED_BYTES = 16 * 1024;

/** The client did not cause it and may repeat the request, here or at another replica. */
export class BodiesWaitingError extends ServiceError {
  readonly code = 'TOO_MANY_BODIES';
  override readonly retryAfterSeconds = 2;

  constructor(limit: number) {
    super(`This replica holds bodies of ${limit} bytes, its limit; retry, or use another replica`);
  }
}

type Done = (error: Error | null, body?: Buffer) => void;

/** A body that is counted. */
interface Held {
  /** Bytes of memory, from the first piece until the request is answered. */
  bytes: number;
  readonly stream: IncomingMessage;
  /** While the client is not read from. */
  pause: NodeJS.Timeout | undefined;
}

const HELD = Symbol('held body');

type WithBody = FastifyRequest & { [HELD]?: Held };

/**
 * Reads bodies, and bounds the bytes of those that are received and handled. Without room a body waits, so that its client
 * sends no more; the oldest one always goes on.
 */
export class ReceivedBodies {
  #bytes = 0;
  /** Bodies that are being received, the oldest first. */
  readonly #arriving = new Set<Held>();

  readonly #longestPauseMs: number;

  constructor(
    private readonly maxBytes: number,
    requestTimeoutMs: number,
  ) {
    // Refused before the request times out, which would tell the client less.
    this.#longestPauseMs = Math.min(LONGEST_PAUSE_MS, requestTimeoutMs / 2);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Reads at most the bytes that the route allows. */
  read(request: FastifyRequest, stream: IncomingMessage, done: Done): void {
    const { bodyLimit } = request.routeOptions;
    const header = request.headers['content-length'];
    const expected = header === undefined ? undefined : Number(header);
    if (expected !== undefined && expected > bodyLimit) return done(new StateTooLargeError(bodyLimit, expected));
    let buffer = Buffer.alloc(0);
    let length = 0;
    let held: Held | undefined;
    const finish = (error: Error | null) => {
      stream.off('data', take).off('end', end).off('error', fail);
      if (held !== undefined) this.#hasArrived(held);
      if (error !== null) done(error);
      else done(null, buffer.length === length ? buffer : buffer.subarray(0, length));
    };
    // Pieces are copied at once: kept as they come, a body in pieces of one byte takes a hundred times its size.
    const take = (piece: Buffer) => {
      const needed = length + piece.length;
      if (needed > bodyLimit) return finish(new StateTooLargeError(bodyLimit, expected ?? null));
      if (needed > buffer.length) {
        const larger = Buffer.allocUnsafe(capacityFor(needed, expected, bodyLimit));
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      piece.copy(buffer, length);
      length = needed;
      if (length === expected && length <= UNCOUNTED_BYTES) return;
      held ??= this.#hold(request, stream);
      this.#grow(held, buffer.length, () => finish(new BodiesWaitingError(this.maxBytes)));
    };
    const end = () => {
      const isWhole = expected === undefined || expected === length;
      finish(isWhole ? null : new BadRequestError('The request could not be read'));
    };
    const fail = () => finish(new BadRequestError('The request could not be read'));
    stream.on('data', take).on('end', end).on('error', fail);
    stream.resume();
  }

  /** The request is answered, so its body is no longer needed. */
  release(request: FastifyRequest): void {
    const held = (request as WithBody)[HELD];
    if (held === undefined) return;
    this.#arriving.delete(held);
    this.#bytes -= held.bytes;
    held.bytes = 0;
    this.#resume();
  }

  #hold(request: FastifyRequest, stream: IncomingMessage): Held {
    const held: Held = { bytes: 0, stream, pause: undefined };
    (request as WithBody)[HELD] = held;
    this.#arriving.add(held);
    return held;
  }

  #grow(held: Held, bytes: number, refuse: () => void): void {
    this.#bytes += bytes - held.bytes;
    held.bytes = bytes;
    if (this.#mayGoOn(held)) return;
    held.stream.pause();
    held.pause ??= setTimeout(refuse, this.#longestPauseMs);
  }

  #hasArrived(held: Held): void {
    clearTimeout(held.pause);
    held.pause = undefined;
    this.#arriving.delete(held);
    this.#resume();
  }

  #mayGoOn(held: Held): boolean {
    const [oldest] = this.#arriving;
    return this.#bytes <= this.maxBytes || held === oldest;
  }

  #resume(): void {
    for (const held of this.#arriving) {
      if (!this.#mayGoOn(held)) return;
      if (held.pause === undefined) continue;
      clearTimeout(held.pause);
      held.pause = undefined;
      held.stream.resume();
    }
  }
}

/** Doubles, so that all copies together take at most twice the size; never more than the body can have. */
function capacityFor(needed: number, expected: number | undefined, limit: number): number {
  return Math.max(needed, Math.min(Math.max(2 * needed, LEAST_CAPACITY), expected ?? limit));
}
