import type { Clock } from '../../src/engine/clock.js';

/**
 * A clock that moves only when it is told to. It starts far ahead of the real one: Redis ends keys by its own time, and must not
 * do so before this clock says so.
 */
export class TestClock {
  #ms = Date.UTC(2100, 0, 1);

  /** What an engine is built with. */
  readonly read: Clock = () => this.#ms;

  get ms(): number {
    return this.#ms;
  }

  advance(ms: number): void {
    this.#ms += ms;
  }
}
