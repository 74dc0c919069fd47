import type { Journal, JournalChange } from './journal.js';

interface Waiting {
  readonly changes: readonly JournalChange[];
  readonly undo: () => void;
  readonly settle: (error?: unknown) => void;
}

/**
 * Gathers what is committed while a flush is under way into the next one, so that one flush serves many writers.
 * Commits are applied in memory before they are flushed and build on each other. So when a flush fails, everything that is not
 * on the disk is undone, newest first, and refused; what comes after starts from what the disk has.
 */
export class GroupCommit {
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(private readonly journal: Journal) {}

  /** Settles when the changes are on the disk; rejects when they are not and `undo` has been called. */
  submit(changes: readonly JournalChange[], undo: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown) => (error === undefined ? resolve() : reject(error));
      this.#waiting.push({ changes, undo, settle });
      this.#running ??= this.#run();
    });
  }

  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /** Settles when nothing is waiting any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Let this turn's other commits join the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.journal.write(group.flatMap(({ changes }) => changes));
        for (const { settle } of group) settle();
      } catch (error) {
        const lost = [...group, ...this.#waiting];
        this.#waiting = [];
        for (const { undo } of lost.toReversed()) undo();
        for (const { settle } of lost) settle(error);
      }
    }
    this.#running = undefined;
  }
}
