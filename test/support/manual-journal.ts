import type { Journal, JournalChange } from '../../src/engine/memory/journal/journal.js';

interface Flush {
  readonly changes: readonly JournalChange[];
  readonly succeed: () => void;
  readonly fail: (error: Error) => void;
}

/** A journal whose flushes succeed or fail when the test says so. */
export class ManualJournal implements Journal {
  readonly epoch = 'manual';
  isLost = false;
  isClosed = false;
  readonly flushes: Flush[] = [];
  readonly #arrivals: (() => void)[] = [];

  /** The answer of `proven`. */
  proof: Promise<void> | undefined;

  proven(): Promise<void> | undefined {
    return this.proof;
  }

  *read(): Iterable<JournalChange> {}

  write(changes: readonly JournalChange[]): Promise<void> {
    return new Promise((succeed, fail) => {
      this.flushes.push({ changes, succeed, fail });
      this.#arrivals.shift()?.();
    });
  }

  /** Waits for the next flush. */
  async flush(): Promise<Flush> {
    if (this.flushes.length === 0) await new Promise<void>((resolve) => this.#arrivals.push(resolve));
    return this.flushes.shift() as Flush;
  }

  markMoved(): Promise<void> {
    return Promise.resolve();
  }

  warnings(): readonly string[] {
    return [];
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}
