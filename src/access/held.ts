import type { Clock } from '../engine/clock.js';
import type { Hint } from '../engine/engine.js';
import { AccessUnknownError, asAccessError } from './access-errors.js';

export interface HoldingTimes {
  /** Time after which a value is read again before it is used. */
  readonly cacheTtlMs: number;
  /** Time for which a value is used while the store is away. */
  readonly offlineTtlMs: number;
}

/** Interval of attempts to read while the store is away. */
const RETRY_MS = 1000;

/** A value of the store, held in this process. A hint makes it stale at once; otherwise it becomes stale by age. */
export class Held<T> {
  /** Until this time the value is used without a read. Every request compares it. */
  freshUntilMs = 0;
  /** Set after the first read. */
  value: T | undefined;
  /** Time of the last read. */
  checkedAtMs: number | undefined;
  #reading: Promise<this> | undefined;
  #wasHinted = false;
  /** The held value has changed in the store, and was not read since. */
  #isOutdated = false;

  constructor(
    private readonly times: HoldingTimes,
    private readonly clock: Clock,
  ) {}

  /** The held value may have changed. */
  readonly hint = (hint?: Hint): void => {
    // Polls are ignored: the value becomes stale by age, and otherwise each poll would read thousands of records again.
    if (hint === 'poll') return;
    this.freshUntilMs = 0;
    this.#wasHinted = true;
    if (hint === 'changed') this.#isOutdated = true;
  };

  /** A hint has come since the last read began. */
  get wasHinted(): boolean {
    return this.#wasHinted;
  }

  /**
   * Reads the value again; concurrent callers share one read. @throws ServiceError of `read`, which ends the held value
   */
  renew(read: () => Promise<T>, endOf: (value: T) => number = () => Infinity): Promise<this> {
    return (this.#reading ??= this.#read(read, endOf).finally(() => (this.#reading = undefined)));
  }

  async #read(read: () => Promise<T>, endOf: (value: T) => number): Promise<this> {
    const { cacheTtlMs, offlineTtlMs } = this.times;
    const before = this.clock();
    this.#wasHinted = false;
    try {
      const value = await read();
      this.value = value;
      this.checkedAtMs = before;
      if (!this.#wasHinted) this.#isOutdated = false;
      this.freshUntilMs = this.#wasHinted ? 0 : Math.min(before + cacheTtlMs, endOf(value));
    } catch (error) {
      const known = asAccessError(error);
      const end = this.#endOfHeld(offlineTtlMs, endOf);
      if (known instanceof AccessUnknownError && this.clock() < end) {
        this.freshUntilMs = Math.min(this.clock() + RETRY_MS, end);
        return this;
      }
      this.freshUntilMs = 0;
      throw known;
    }
    return this;
  }

  #endOfHeld(offlineTtlMs: number, endOf: (value: T) => number): number {
    // A key that was revoked just before the store went away must not be accepted until the store is back.
    if (this.checkedAtMs === undefined || this.#isOutdated) return 0;
    return Math.min(this.checkedAtMs + offlineTtlMs, endOf(this.value as T));
  }
}
