import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Engine } from '../engine/engine.js';
import { findErasure, isErased } from '../engine/erasure.js';
import { isOfStore, OutcomeUnknownError } from '../engine/errors.js';
import { waitAtMost, withResolver } from '../waiting/wait-for-change.js';
import { MAX_BOARD_ENTRIES } from '../engine/limits.js';
import { BOARD, type Posting } from './decision.js';

/** Why a decision was never published. */
export type LossReason = 'full' | 'in-doubt' | 'refused' | 'shutdown' | 'erased';

export interface OutboxObserver {
  waiting(change: number): void;
  lost(count: number, why: LossReason): void;
  /** Called for a batch that the store refuses for good. That is a bug. */
  refused(error: unknown): void;
}

export interface OutboxLimits {
  /** Maximum of waiting messages; beyond it, the oldest are dropped. */
  readonly maxWaiting: number;
  /** Maximum of messages in one commit. */
  readonly batchSize: number;
  /** Pause after a commit that is not full, so that a busy replica sends fewer. */
  readonly gatherMs: number;
  /** A batch with an unknown outcome is dropped after this time, since the store may have forgotten its once key. */
  readonly doubtMs: number;
  /** A batch that has waited this long may belong to a tenant that was erased meanwhile. */
  readonly lateMs: number;
}

export const DEFAULT_LIMITS: OutboxLimits = {
  maxWaiting: 10_000,
  batchSize: 50,
  gatherMs: 50,
  doubtMs: 240_000,
  lateMs: 5000,
};
const KEY_KEPT_MARGIN_MS = 60_000;
const MAX_PAUSE_MS = 2000;

interface Batch {
  readonly postings: readonly Posting[];
  readonly add: Readonly<Record<string, number>>;
  /** Number of the last posting in this batch, counted over all batches. */
  readonly upTo: number;
  /** Time of its oldest posting. */
  readonly sinceMs: number;
}

/**
 * Writes postings to the store in the background. Postings that arrive during a commit are sent with the next one. While the store
 * is unreachable, a bounded number of messages waits; counts are summed and never dropped.
 */
export class Outbox {
  readonly #waiting: Posting[] = [];
  readonly #closed = new AbortController();
  #counts = new Map<string, number>();
  /** Time of the oldest waiting posting, or an earlier time. */
  #sinceMs = 0;
  #added = 0;
  #flushed = 0;
  #waiters: { readonly upTo: number; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #wake = withResolver();
  #running: Promise<void> | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly tenant: string,
    private readonly observer: OutboxObserver,
    private readonly limits = DEFAULT_LIMITS,
  ) {}

  /** Never waits for the store. */
  add(posting: Posting): void {
    this.#added++;
    if (this.#waiting.length === 0) this.#sinceMs = Date.now();
    this.#waiting.push(posting);
    this.observer.waiting(1);
    for (const name of posting.counts) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    if (this.#waiting.length > this.limits.maxWaiting) {
      this.#waiting.shift();
      this.observer.waiting(-1);
      this.observer.lost(1, 'full');
    }
    this.#running ??= this.#run();
  }

  /** Resolves when everything added so far is stored; rejects when the store is unreachable. */
  async flushed(): Promise<void> {
    if (this.#flushed === this.#added) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiters.push({ upTo: this.#added, resolve, reject });
      this.#wake.resolve();
    });
  }

  /** Flushes for at most `withinMs`, then drops the rest. */
  async close(withinMs: number): Promise<void> {
    this.#wake.resolve();
    if (this.#running !== undefined) await waitAtMost(this.#running, withinMs, this.#closed.signal);
    this.#closed.abort();
    const left = this.#added - this.#flushed;
    if (left > 0) this.observer.lost(left, 'shutdown');
  }

  async #run(): Promise<void> {
    // Lets the answer leave first, and collects postings of the same turn.
    await nextTurn();
    while (this.#flushed < this.#added && !this.#closed.signal.aborted) {
      const batch = this.#take();
      await this.#commit(batch);
      if (batch.postings.length < this.limits.batchSize && this.#waiters.length === 0) {
        await this.#pause(this.limits.gatherMs);
      }
    }
    this.#running = undefined;
  }

  #take(): Batch {
    const postings = this.#waiting.splice(0, this.limits.batchSize);
    this.observer.waiting(-postings.length);
    const add = Object.fromEntries(this.#counts);
    this.#counts = new Map();
    return { postings, add, upTo: this.#added - this.#waiting.length, sinceMs: this.#sinceMs };
  }

  async #commit(batch: Batch): Promise<void> {
    const { postings, add, upTo } = batch;
    const { doubtMs } = this.limits;
    const commit = {
      once: { key: randomUUID(), fingerprint: '', keepMs: doubtMs + KEY_KEPT_MARGIN_MS },
      publish: postings.map(({ message }) => message),
      board: { board: BOARD, add, entries: postings.slice(-MAX_BOARD_ENTRIES).map(({ entry }) => entry) },
    };
    let doubtfulSince: number | undefined;
    for (let attempt = 0; !this.#closed.signal.aborted; attempt++) {
      try {
        if (await this.#isOfErased(batch)) {
          this.observer.lost(postings.length, 'erased');
          return this.#finish(upTo);
        }
        await this.engine.commit(this.tenant, commit);
        return this.#finish(upTo);
      } catch (error) {
        if (!isOfStore(error)) {
          this.observer.refused(error);
          this.observer.lost(postings.length, 'refused');
          return this.#finish(upTo);
        }
        this.#rejectWaiters(error);
        if (error instanceof OutcomeUnknownError) doubtfulSince ??= performance.now();
        if (doubtfulSince !== undefined && performance.now() - doubtfulSince > doubtMs) {
          this.observer.lost(postings.length, 'in-doubt');
          return this.#finish(upTo);
        }
        await this.#pause(Math.min(50 * 2 ** Math.min(attempt, 10), MAX_PAUSE_MS));
      }
    }
  }

  /**
   * Whether the batch has waited so long that its tenant may have been erased, and was. An erasure does not wait for a
   * replica that cannot reach the store.
   */
  async #isOfErased({ sinceMs }: Batch): Promise<boolean> {
    if (Date.now() - sinceMs < this.limits.lateMs) return false;
    const erasure = await findErasure(this.engine, this.tenant);
    return erasure !== undefined && isErased(erasure, sinceMs);
  }

  #finish(upTo: number): void {
    this.#flushed = upTo;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((one) => one.upTo > upTo);
    for (const one of waiters) if (one.upTo <= upTo) one.resolve();
  }

  #rejectWaiters(error: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  async #pause(ms: number): Promise<void> {
    this.#wake = withResolver();
    await waitAtMost(this.#wake.promise, ms, this.#closed.signal);
  }
}
