import { systemClock, type Clock } from '../clock.js';

/** Larger steps of the clock of the machine are steps; smaller ones are corrections, and are followed. */
const STEP_MS = 1000;
/** While the clock of the machine is behind, this one gains a tenth less, until both agree again. */
const CATCH_UP = 0.1;
/** A time of the journal that is further ahead was written under a wrong clock, and is ignored. */
export const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

/**
 * Time of the embedded engine: that of the machine, but never earlier than before. When the clock of the machine is set
 * back, this one goes on by the monotonic clock, so that leases, delays and deadlines still end. When it is set forward,
 * this one follows.
 */
export class SteadyClock {
  #last = -Infinity;
  #lastMonotonic = 0;

  constructor(
    private readonly system: Clock = systemClock,
    private readonly monotonic: Clock = () => performance.now(),
  ) {}

  readonly read: Clock = () => {
    const system = this.system();
    const monotonic = this.monotonic();
    const passed = Math.max(0, monotonic - this.#lastMonotonic);
    this.#lastMonotonic = monotonic;
    const isBehind = system < this.#last - STEP_MS;
    this.#last = Math.max(system, isBehind ? this.#last + passed * (1 - CATCH_UP) : this.#last);
    return Math.floor(this.#last);
  };

  /** Goes on from a time that was seen before the start of this process. */
  startAt(seenMs: number): void {
    if (seenMs <= this.read() || seenMs > this.system() + MAX_AHEAD_MS) return;
    this.#last = seenMs;
  }
}
