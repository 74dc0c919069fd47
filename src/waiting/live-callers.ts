import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { callerOf } from '../http/caller.js';
import { ServiceError } from '../service-error.js';

/** A check of a known caller costs a look-up, so all of them are checked this often. */
const CHECK_MS = 500;

/** Decides again about an admitted request. Also the injection token. */
export abstract class Readmission {
  /** With a promise where the store is asked. @throws ServiceError when the request may not go on */
  abstract checkAgain(request: FastifyRequest): unknown;
}

/** Checks a caller again, with a promise where the store is asked. @throws ServiceError when the caller may not go on */
export type Check = () => unknown;

interface Watched {
  readonly check: Check;
  readonly onOver: (error: ServiceError) => void;
  isChecking: boolean;
}

/**
 * Ends what outlives its admission: streams, waiting requests, WebSockets. A key that is revoked, has expired or lost a scope, and
 * one of a suspended tenant, ends them as soon as it would refuse a new request.
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

  /** The same for an admitted request. One without a credential has nothing that could be revoked. */
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
    // Anything else is a fault of the service and says nothing of the caller; the next check tells.
    if (error instanceof ServiceError && this.#watched.delete(watched)) watched.onOver(error);
  }
}
