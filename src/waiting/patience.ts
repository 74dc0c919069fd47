import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Draining } from '../lifecycle/draining.js';

/** How long there is any use in letting a request wait: until its client has gone, or the service is about to. */
@Injectable()
export class Patience {
  constructor(private readonly draining: Draining) {}

  async during<T>(request: FastifyRequest, work: (over: AbortSignal) => Promise<T>): Promise<T> {
    // One controller for both ends of the wait; AbortSignal.any would leave a trace on the draining signal for every request.
    const over = new AbortController();
    const end = () => over.abort();
    request.raw.socket.once('close', end);
    this.draining.signal.addEventListener('abort', end, { once: true });
    if (this.draining.hasBegun || request.raw.socket.destroyed) end();
    try {
      return await work(over.signal);
    } finally {
      request.raw.socket.off('close', end);
      this.draining.signal.removeEventListener('abort', end);
    }
  }
}
