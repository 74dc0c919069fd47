import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Draining } from '../lifecycle/draining.js';
import { Listeners } from './listeners.js';
import { LiveCallers } from './live-callers.js';

/** Ends the wait of a request when its client disconnects, its credential no longer holds, or the service shuts down. */
@Injectable()
export class RequestLifetime {
  /** One listener for each connection: thousands of requests may wait on one. */
  readonly #ends = new WeakMap<Socket, Set<() => void>>();

  constructor(
    private readonly draining: Draining,
    private readonly callers: LiveCallers,
    private readonly listeners: Listeners,
  ) {}

  /** A request that waits counts as a listener. @throws TooManyListenersError */
  async during<T>(request: FastifyRequest, waitMs: number, work: (over: AbortSignal) => Promise<T>): Promise<T> {
    const leave = waitMs > 0 ? this.listeners.enter('wait') : undefined;
    // No AbortSignal.any: it would leak one entry on the draining signal for each request.
    const over = new AbortController();
    const end = () => over.abort();
    const ends = this.#endsOf(request.raw.socket);
    ends.add(end);
    this.draining.signal.addEventListener('abort', end, { once: true });
    const unwatch = this.callers.watchRequest(request, end);
    if (this.draining.hasBegun || request.raw.socket.destroyed) end();
    try {
      return await work(over.signal);
    } finally {
      unwatch();
      ends.delete(end);
      this.draining.signal.removeEventListener('abort', end);
      leave?.();
    }
  }

  #endsOf(socket: Socket): Set<() => void> {
    let ends = this.#ends.get(socket);
    if (ends === undefined) {
      const all = new Set<() => void>();
      ends = all;
      this.#ends.set(socket, all);
      socket.once('close', () => {
        for (const end of all) end();
      });
    }
    return ends;
  }
}
