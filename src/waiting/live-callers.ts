import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { callerOf } from '../http/caller.js';
import { ServiceError } from '../service-error.js';

/** Interval of the checks of all callers; a check of a known caller costs one look-up. */
const CHECK_MS = 500;

/** Checks admitted requests again. Also the injection token. */
export abstract class Readmission {
  /** Returns a promise only if the store is asked. @throws ServiceError if the request may not go on */
  abstract checkAgain(request: FastifyRequest): unknown;
}

/**
 * Checks a caller again. Returns a promise only if the store is asked. @throws ServiceError if the caller may not go on
 */
export type Check = () => unknown;

interface Watched {
  readonly check: Check;
  readonly onOver: (error: ServiceError) => void;
  isChecking: boolean;
}

/**
 * Ends streams, waiting requests and WebSockets whose caller would be refused now: its key was revoked, has expired or
 * lost a scope, or its tenant was suspended.
 */
@Injectable()
export class LiveCallers implements OnModuleDestroy {
  readonly #watched = new Set<Watched>();
  readonly #timer = setInterval(() => this.checkAll(), CHECK_MS).unref();

  constructor(private readonly readmission: Readmission) {}

  get size(): number {
    return this.#watched.size;
  }

  /** Calls `onOver` at most once. Returns a function that ends the watch. */
  watch(check: Check, onOver: (error: ServiceError) => void): () => void {
    const watched = { check, onOver, isChecking: false };
    this.#watched.add(watched);
    return () => this.#watched.delete(watched);
  }

  /** The same for an admitted request. A request without a credential is not watched, since nothing can be revoked. */
  watchRequest(request: FastifyRequest, onOver: (error: ServiceError) => void): () => void {
    if (callerOf(request).kind === 'open') return () => undefined;
    return this.watch(() => this.readmission.checkAgain(request), onOver);
  }

  checkAll(): void {
    for (const watched of this.#watched) if (!watched.isChecking) this.#check(watched);
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
    this.#watched.clear();
  }

  #check(watched: Watched): void {
    try {
      const checked = watched.check();
      if (!(checked instanceof Promise)) return;
      watched.isChecking = true;
      void checked.catch((error: unknown) => this.#end(watched, error)).finally(() => (watched.isChecking = false));
    } catch (error) {
      this.#end(watched, error);
    }
  }

  #end(watched: Watched, error: unknown): void {
    // Any other error is a fault of the service and says nothing about the caller; the next check decides.
    if (error instanceof ServiceError && this.#watched.delete(watched)) watched.onOver(error);
  }
}

/** Last event of a stream whose client may no longer read it. */
export function refusedFrame({ code, message }: ServiceError): string {
  return `event: refused\ndata: ${JSON.stringify({ code, detail: message })}\n\n`;
}
