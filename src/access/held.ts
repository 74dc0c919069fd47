import type { Clock } from '../engine/clock.js';
import type { Hint } from '../engine/engine.js';
import { AccessUnknownError, asAccessError } from './access-errors.js';

export interface HoldingTimes {
  /** A value is read again before it is used after that. */
  readonly cacheTtlMs: number;
  /** While the store is away, a value is believed for that long. */
  readonly offlineTtlMs: number;
}

/** Interval at which a store that is away is asked again. */
const RETRY_MS = 1000;

/** A value of the store, held in this process: hints make it stale at once, age makes it stale later. */
export class Held<T> {
  /** The value may be used without a look at the store until then. Read by every request. */
  freshUntilMs = 0;
  /** Set after the first read. */
  value: T | undefined;
  /** When the value was read last. */
  checkedAtMs: number | undefined;
  #reading: Promise<this> | undefined;
  #wasHinted = false;

  constructor(
    private readonly times: HoldingTimes,
    private readonly clock: Clock,
  ) {}

  /** What is held may have changed. */
  readonly hint = (hint?: Hint): void => {
    // It ages anyway, and with every poll thousands of records would be read again.
    if (hint === 'poll') return;
    this.freshUntilMs = 0;
    this.#wasHinted = true;
  };

  /** A hint came since the last read began. */
  get wasHinted(): boolean {
    return this.#wasHinted;
  }

  /** Reads the value again; callers of one time share a read. @throws ServiceError of `read`, which ends what was held */
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
    if (this.checkedAtMs === undefined) return 0;
    return Math.min(this.checkedAtMs + offlineTtlMs, endOf(this.value as T));
  }
}
