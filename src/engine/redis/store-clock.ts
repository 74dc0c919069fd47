/** An answer that took longer says too little about the time of the store. */
const MAX_TOOK_MS = 1000;

/**
 * Time of the store, as this replica knows it: from the answers of the store, and in between, also while it is
 * unreachable, from a clock of this process that no step changes.
 */
export class StoreClock {
  #aheadMs: number | undefined;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Takes the time in an answer. `sentAt`: time of performance.now() at which it was asked for. */
  saw(storeMs: number, sentAt: number): void {
    const answeredAt = this.now();
    if (this.#aheadMs !== undefined && answeredAt - sentAt > MAX_TOOK_MS) return;
    this.#aheadMs = storeMs - (sentAt + answeredAt) / 2;
  }

  /** Undefined before the first answer. */
  read(): number | undefined {
    return this.#aheadMs === undefined ? undefined : Math.round(this.#aheadMs + this.now());
  }
}
