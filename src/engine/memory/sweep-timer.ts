const MIN_MS = 1000;
const MAX_MS = 30_000;
/** Pause after a sweep that left something over, so that requests are served in between. */
const CATCHING_UP_MS = 10;

interface Sweeping {
  /** Removes a bounded number of records; true when there may be more. */
  sweep(): Promise<boolean>;
  /** Time until the next record expires; Infinity when none does. */
  dueInMs(): number;
  failed(error: unknown): void;
}

/** Sweeps when a record has expired, at most once a second. The timer does not keep the process alive. */
export class SweepTimer {
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(private readonly sweeping: Sweeping) {}

  start(): void {
    // At most MAX_MS, since a write may set an earlier deadline in the meantime.
    this.#in(Math.max(MIN_MS, Math.min(this.sweeping.dueInMs(), MAX_MS)));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #in(ms: number): void {
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#sweep(), ms).unref();
  }

  async #sweep(): Promise<void> {
    let isMore = false;
    try {
      isMore = await this.sweeping.sweep();
    } catch (error) {
      // A failed sweep (disk full) has changed nothing; the next one retries.
      this.sweeping.failed(error);
    }
    if (isMore) this.#in(CATCHING_UP_MS);
    else this.start();
  }
}
