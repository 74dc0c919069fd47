import type { Clock } from '../../src/engine/clock.js';

/**
 * A clock that moves only by `advance`. It starts far ahead of the real one: Redis expires keys by its own clock, which must not
 * happen before this clock is there.
 */
export class TestClock {
  #ms = Date.UTC(2100, 0, 1);

  /** The clock as engines take it. */
  readonly read: Clock = () => this.#ms;

  get ms(): number {
    return this.#ms;
  }

  advance(ms: number): void {
    this.#ms += ms;
  }
}
