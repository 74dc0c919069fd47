const TICK_MS = 10;

/**
 * Milliseconds in which this process had the processor. On a busy machine a timer fires late, and this clock stands
 * still meanwhile; otherwise it is the time on the wall. For services that run in the process of the test.
 */
export class LoopClock {
  #ms = 0;
  readonly #timer = setInterval(() => (this.#ms += TICK_MS), TICK_MS);

  readonly read = (): number => this.#ms;

  stop(): void {
    clearInterval(this.#timer);
  }
}
