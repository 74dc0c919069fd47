const SHORTEST_MS = 1000;
const LONGEST_MS = 30_000;
/** After a sweep that left something over; others get their turn between. */
const CATCHING_UP_MS = 10;

interface Sweeping {
  /** Removes up to a bound; true when there may be more. */
  sweep(): Promise<boolean>;
  /** How long until the next thing is due; Infinity when nothing ever is. */
  dueInMs(): number;
  failed(error: unknown): void;
}

/** Sweeps when something is due, at most once a second, and keeps no process alive. */
export class Sweeper {
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(private readonly sweeping: Sweeping) {}

  start(): void {
    // Deadlines that are set meanwhile may be nearer, hence the upper bound.
    this.#in(Math.max(SHORTEST_MS, Math.min(this.sweeping.dueInMs(), LONGEST_MS)));
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
      // A sweep that fails (disk full) has changed nothing; the next one tries again.
      this.sweeping.failed(error);
    }
    if (isMore) this.#in(CATCHING_UP_MS);
    else this.start();
  }
}
