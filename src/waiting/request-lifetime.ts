import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { onConnectionEnd } from '../http/connection-end.js';
import { Draining } from '../lifecycle/draining.js';
import { Listeners } from './listeners.js';
import { LiveCallers } from './live-callers.js';

/** Ends the wait of a request when its client disconnects, its credential no longer holds, or the service shuts down. */
@Injectable()
export class RequestLifetime {
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
    const stop = onConnectionEnd(request.raw.socket, end);
    this.draining.signal.addEventListener('abort', end, { once: true });
    const unwatch = this.callers.watchRequest(request, end);
    if (this.draining.hasBegun || request.raw.socket.destroyed) end();
    try {
      return await work(over.signal);
    } finally {
      unwatch();
      stop();
      this.draining.signal.removeEventListener('abort', end);
      leave?.();
    }
  }
}
