import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Engine } from '../engine/engine.js';
import { ServiceError } from '../service-error.js';
import { waitAtMost, withResolver } from '../waiting/wait-for-change.js';
import { MAX_BOARD_ENTRIES } from '../engine/limits.js';
import { BOARD, type Posting } from './decision.js';

/** Why something was never published. */
export type Loss = 'full' | 'in-doubt' | 'refused' | 'shutdown';

export interface OutboxObserver {
  waiting(change: number): void;
  lost(count: number, why: Loss): void;
  /** A batch that the store will never take, for a reason that is ours. */
  refused(error: unknown): void;
}

export interface OutboxLimits {
  /** Messages that wait; of more, the oldest are dropped. */
  readonly most: number;
  /** Of one commit. */
  readonly atOnce: number;
  /** Between two commits that are not full, so that a busy replica sends few. */
  readonly gatherMs: number;
  /** A batch whose fate has been unknown for so long is given up: the store may have forgotten its key. */
  readonly doubtMs: number;
}

export const OUTBOX_LIMITS: OutboxLimits = { most: 10_000, atOnce: 50, gatherMs: 50, doubtMs: 240_000 };
const KEY_KEPT_MARGIN_MS = 60_000;
const LONGEST_PAUSE_MS = 2000;

interface Batch {
  readonly postings: readonly Posting[];
  readonly add: Readonly<Record<string, number>>;
  /** Everything up to here is in this batch or an earlier one. */
  readonly upTo: number;
}

/**
 * What waits for the store, so that nobody else has to. The first one leaves at once; what is added while a commit is under way leaves with
 * the next one. While the store is away all of it waits, up to a bound; counts wait without one, since they add up.
 */
export class Outbox {
  readonly #waiting: Posting[] = [];
  readonly #over = new AbortController();
  #counts = new Map<string, number>();
  #added = 0;
  #landed = 0;
  #asking: { readonly upTo: number; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #wake = withResolver();
  #running: Promise<void> | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly tenant: string,
    private readonly observer: OutboxObserver,
    private readonly limits = OUTBOX_LIMITS,
  ) {}

  /** Returns at once, whatever the store does. */
  add(posting: Posting): void {
    this.#added++;
    this.#waiting.push(posting);
    this.observer.waiting(1);
    for (const name of posting.counts) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    if (this.#waiting.length > this.limits.most) {
      this.#waiting.shift();
      this.observer.waiting(-1);
      this.observer.lost(1, 'full');
    }
    this.#running ??= this.#run();
  }

  /** Settles when everything added before is in the store; rejects when the store does not take it now. */
  async landed(): Promise<void> {
    if (this.#landed === this.#added) return;
    await new Promise<void>((resolve, reject) => {
      this.#asking.push({ upTo: this.#added, resolve, reject });
      this.#wake.resolve();
    });
  }

  /** Waits until all is in the store or the time is over, and gives the rest up. */
  async close(withinMs: number): Promise<void> {
    this.#wake.resolve();
    if (this.#running !== undefined) await waitAtMost(this.#running, withinMs, this.#over.signal);
    this.#over.abort();
    const left = this.#added - this.#landed;
    if (left > 0) this.observer.lost(left, 'shutdown');
  }

  async #run(): Promise<void> {
    // The answer goes first, and what was added in the same turn comes along.
    await nextTurn();
    while (this.#landed < this.#added && !this.#over.signal.aborted) {
      const batch = this.#take();
      await this.#land(batch);
      if (batch.postings.length < this.limits.atOnce && this.#asking.length === 0) {
        await this.#pause(this.limits.gatherMs);
      }
    }
    this.#running = undefined;
  }

  #take(): Batch {
    const postings = this.#waiting.splice(0, this.limits.atOnce);
    this.observer.waiting(-postings.length);
    const add = Object.fromEntries(this.#counts);
    this.#counts = new Map();
    return { postings, add, upTo: this.#added - this.#waiting.length };
  }

  async #land({ postings, add, upTo }: Batch): Promise<void> {
    const { doubtMs } = this.limits;
    const commit = {
      once: { key: randomUUID(), fingerprint: '', keepMs: doubtMs + KEY_KEPT_MARGIN_MS },
      publish: postings.map(({ message }) => message),
      board: { board: BOARD, add, entries: postings.slice(-MAX_BOARD_ENTRIES).map(({ entry }) => entry) },
    };
    let doubtfulSince: number | undefined;
    for (let attempt = 0; !this.#over.signal.aborted; attempt++) {
      try {
        await this.engine.commit(this.tenant, commit);
        return this.#settle(upTo);
      } catch (error) {
        const code = error instanceof ServiceError ? error.code : undefined;
        const isAway = code === 'STORE_UNAVAILABLE' || code === 'STORE_FULL' || code === 'OUTCOME_UNKNOWN';
        if (!isAway) {
          this.observer.refused(error);
          this.observer.lost(postings.length, 'refused');
          return this.#settle(upTo);
        }
        this.#disappoint(error);
        if (code === 'OUTCOME_UNKNOWN') doubtfulSince ??= performance.now();
        if (doubtfulSince !== undefined && performance.now() - doubtfulSince > doubtMs) {
          this.observer.lost(postings.length, 'in-doubt');
          return this.#settle(upTo);
        }
        await this.#pause(Math.min(50 * 2 ** Math.min(attempt, 10), LONGEST_PAUSE_MS));
      }
    }
  }

  #settle(upTo: number): void {
    this.#landed = upTo;
    const asking = this.#asking;
    this.#asking = asking.filter((one) => one.upTo > upTo);
    for (const one of asking) if (one.upTo <= upTo) one.resolve();
  }

  #disappoint(error: unknown): void {
    for (const { reject } of this.#asking.splice(0)) reject(error);
  }

  async #pause(ms: number): Promise<void> {
    this.#wake = withResolver();
    await waitAtMost(this.#wake.promise, ms, this.#over.signal);
  }
}
