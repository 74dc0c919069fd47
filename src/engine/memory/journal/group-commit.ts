import { setImmediate as nextTurn } from 'node:timers/promises';
import { sizeOf, type Journal, type JournalChange } from './journal.js';

/** A larger flush would delay the commits that wait for the next one. */
const MAX_FLUSH_BYTES = 8 * 1024 * 1024;

interface Waiting {
  readonly number: number;
  readonly bytes: number;
  readonly changes: readonly JournalChange[];
  readonly undo: () => void;
  readonly finish: (error?: unknown) => void;
}

/**
 * Collects the commits that arrive during a flush into the next one, so that one flush serves many writers.
 * Commits are applied in memory before they are flushed, and build on each other. When a flush fails, all commits that
 * are not on the disk are undone, newest first, and refused. Memory then equals the disk again.
 */
export class GroupCommit {
  #waiting: Waiting[] = [];
  #isRunning = false;
  #submitted = 0;
  #lastFinished = 0;
  #timesUndone = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly journal: Journal) {}

  /** Number of the next commit; the first is 1. */
  get next(): number {
    return this.#submitted + 1;
  }

  /** Commits up to this number are finished: flushed to the disk, or undone. */
  get lastFinished(): number {
    return this.#lastFinished;
  }

  get isIdle(): boolean {
    return this.#lastFinished === this.#submitted;
  }

  /** Number of failed flushes. If the number grew during a read, the read may have seen data that was undone. */
  get timesUndone(): number {
    return this.#timesUndone;
  }

  /** Resolves when the changes are on the disk; rejects after `undo` was called. */
  submit(changes: readonly JournalChange[], undo: () => void): Promise<void> {
    const flushed = new Promise<void>((resolve, reject) => {
      const finish = (error?: unknown) => (error === undefined ? resolve() : reject(error));
      const bytes = changes.reduce((total, change) => total + sizeOf(change), 0);
      this.#waiting.push({ number: ++this.#submitted, bytes, changes, undo, finish });
    });
    this.#last = flushed.catch(() => undefined);
    if (!this.#isRunning) void this.#run();
    return flushed;
  }

  /** Resolves when everything submitted so far is flushed or undone. */
  async caughtUp(): Promise<void> {
    await this.#last;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Lets requests of the same turn join this flush.
    await nextTurn();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.journal.write(group.flatMap(({ changes }) => changes));
        this.#lastFinished = (group.at(-1) as Waiting).number;
        for (const { finish } of group) finish();
      } catch (error) {
        const lost = [...group, ...this.#waiting];
        this.#waiting = [];
        for (const { undo } of lost.toReversed()) undo();
        this.#timesUndone++;
        this.#lastFinished = this.#submitted;
        for (const { finish } of lost) finish(error);
      }
    }
    this.#isRunning = false;
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((waiting) => (bytes += waiting.bytes) > MAX_FLUSH_BYTES);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1));
  }
}
