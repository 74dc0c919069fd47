import type { DetachedObserver } from './detached-observer.js';
import type { DetachedStore } from './detached-store.js';
import { drainAll } from './drain-all.js';
import type { Drain } from './drain.js';
import type { Holds } from './waiting-entries.js';

export interface RecoveryParts {
  readonly store: DetachedStore;
  readonly drain: Drain;
  readonly observer: DetachedObserver;
  /** The tenant's server is attached. */
  readonly isAttached: Holds;
  /** Some server is attached. */
  readonly isAnyAttached: () => boolean;
  readonly isClosed: () => boolean;
  /** A drain beside the service has failed. */
  readonly failed: (error: unknown) => void;
}

/** Pause after a failed drain. */
const PAUSE_MS = 1000;

/**
 * Drains the entries of this replica: all of them before it attaches, and afterwards those that the store has refused,
 * with growing pauses. One drain runs at a time.
 */
export class Recovery {
  #line: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: RecoveryParts) {}

  /** Drains all entries of these tenants that the store accepts. @throws Error that concerns all entries */
  async drain(hasLostData: Holds, holds: Holds, isStopped: () => boolean): Promise<void> {
    const { store } = this.parts;
    await this.#inLine(async () => {
      try {
        await this.#drainAll(hasLostData, holds, isStopped);
        if (!isStopped()) await store.forget();
      } catch (error) {
        await store.settle().catch(() => undefined);
        throw error;
      }
    });
  }

  /** Drains what arrived while this replica is attached, behind refused entries. */
  drainArrived(): void {
    void this.#beside(() => undefined);
  }

  /** Drains refused entries when they are due. */
  retryWhenDue(): void {
    const { store, isAttached, isAnyAttached, isClosed } = this.parts;
    clearTimeout(this.#timer);
    if (!isAnyAttached() || isClosed()) return;
    const { retryAt } = store;
    const isDrained = store.isDrained(isAttached);
    if (isDrained && retryAt === undefined) return;
    const pauseMs = isDrained && retryAt !== undefined ? Math.max(0, retryAt - performance.now()) : PAUSE_MS;
    this.#timer = setTimeout(() => void this.#beside(() => store.takeBack()), pauseMs).unref();
  }

  /** Drains all refused entries now. */
  retryNow(): void {
    void this.#beside(() => this.parts.store.takeBack(Infinity));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#line;
  }

  async #beside(prepare: () => void): Promise<void> {
    const { store, isAttached, isAnyAttached, isClosed, failed } = this.parts;
    const isStopped = () => isClosed() || !isAnyAttached();
    try {
      await this.#inLine(async () => {
        if (isStopped()) return;
        prepare();
        await this.#drainAll(() => false, isAttached, isStopped);
        if (!isStopped()) await store.forget();
      });
    } catch (error) {
      failed(error);
    }
    this.retryWhenDue();
  }

  async #drainAll(hasLostData: Holds, holds: Holds, isStopped: () => boolean): Promise<void> {
    const { store, drain, observer } = this.parts;
    try {
      await drainAll({ store, drain, hasLostData, holds, drained: (as) => observer.drained(as), isStopped });
    } finally {
      store.report(observer);
    }
  }

  async #inLine(run: () => Promise<void>): Promise<void> {
    const ran = this.#line.then(run);
    this.#line = ran.catch(() => undefined);
    await ran;
  }
}
