import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Draining } from '../lifecycle/draining.js';
import { LiveCallers } from './live-callers.js';

/** Ends the wait of a request when its client disconnects, its credential no longer holds, or the service shuts down. */
@Injectable()
export class RequestLifetime {
  constructor(
    private readonly draining: Draining,
    private readonly callers: LiveCallers,
  ) {}

  async during<T>(request: FastifyRequest, work: (over: AbortSignal) => Promise<T>): Promise<T> {
    // No AbortSignal.any: it would leak one entry on the draining signal for each request.
    const over = new AbortController();
    const end = () => over.abort();
    request.raw.socket.once('close', end);
    this.draining.signal.addEventListener('abort', end, { once: true });
    const unwatch = this.callers.watchRequest(request, end);
    if (this.draining.hasBegun || request.raw.socket.destroyed) end();
    try {
      return await work(over.signal);
    } finally {
      unwatch();
      request.raw.socket.off('close', end);
      this.draining.signal.removeEventListener('abort', end);
    }
  }
}
