import type { DetachedObserver } from './detached-observer.js';
import type { DetachedStore } from './detached-store.js';
import { drainAll } from './drain-all.js';
import type { Drain } from './drain.js';

export interface RecoveryParts {
  readonly store: DetachedStore;
  readonly drain: Drain;
  readonly observer: DetachedObserver;
  readonly isAttached: () => boolean;
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

  /** Drains all entries that the store accepts. @throws Error that concerns all entries */
  async drain(hasLostData: boolean): Promise<void> {
    const { isClosed } = this.parts;
    await this.#inLine(() => this.#drainAll(hasLostData, isClosed));
  }

  /** Drains what arrived while this replica is attached, behind refused entries. */
  drainArrived(): void {
    void this.#beside(() => undefined);
  }

  /** Drains refused entries when they are due. */
  retryWhenDue(): void {
    const { store, isAttached, isClosed } = this.parts;
    clearTimeout(this.#timer);
    if (!isAttached() || isClosed()) return;
    const { retryAt, isDrained } = store;
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
    const { store, isAttached, isClosed, failed } = this.parts;
    const isStopped = () => isClosed() || !isAttached();
    try {
      await this.#inLine(async () => {
        if (isStopped()) return;
        prepare();
        await this.#drainAll(false, isStopped);
        if (!isStopped()) await store.forget();
      });
    } catch (error) {
      failed(error);
    }
    this.retryWhenDue();
  }

  async #drainAll(hasLostData: boolean, isStopped: () => boolean): Promise<void> {
    const { store, drain, observer } = this.parts;
    try {
      await drainAll({ store, drain, hasLostData, drained: (as) => observer.drained(as), isStopped });
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
