import type { Journal, JournalChange } from '../journal/journal.js';

interface Flush {
  readonly changes: readonly JournalChange[];
  readonly succeed: () => void;
  readonly fail: (error: Error) => void;
}

/** A journal whose flushes the test ends, well or badly, when it likes. */
export class HeldJournal implements Journal {
  readonly epoch = 'held';
  isLost = false;
  isClosed = false;
  readonly flushes: Flush[] = [];
  readonly #arrivals: (() => void)[] = [];

  *read(): Iterable<JournalChange> {}

  write(changes: readonly JournalChange[]): Promise<void> {
    return new Promise((succeed, fail) => {
      this.flushes.push({ changes, succeed, fail });
      this.#arrivals.shift()?.();
    });
  }

  /** The next flush that is under way, as soon as it is. */
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
