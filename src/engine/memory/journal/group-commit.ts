import { setImmediate as nextTurn } from 'node:timers/promises';
import { sizeOf, type Journal, type JournalChange } from './journal.js';

/** A flush of more than this takes so long that everybody else's commits would wait for it. */
const MOST_BYTES_AT_ONCE = 8 * 1024 * 1024;

interface Waiting {
  readonly number: number;
  readonly bytes: number;
  readonly changes: readonly JournalChange[];
  readonly undo: () => void;
  readonly settle: (error?: unknown) => void;
}

/**
 * Gathers what is committed while a flush is under way into the next one, so that one flush serves many writers.
 * Commits are applied in memory before they are flushed, and build on each other. So when a flush fails, everything that is
 * not on the disk is undone, newest first, and refused; what comes after starts from what the disk has.
 */
export class GroupCommit {
  #waiting: Waiting[] = [];
  #isRunning = false;
  #submitted = 0;
  #settled = 0;
  #timesUndone = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly journal: Journal) {}

  /** The number that the next commit gets; they count from 1. */
  get next(): number {
    return this.#submitted + 1;
  }

  /** All commits up to this number are on the disk, or undone. */
  get settled(): number {
    return this.#settled;
  }

  get isIdle(): boolean {
    return this.#settled === this.#submitted;
  }

  /** How often commits had to be undone: when it has grown, what was read in between may never have been on the disk. */
  get timesUndone(): number {
    return this.#timesUndone;
  }

  /** Settles when the changes are on the disk; rejects when they are not and `undo` has been called. */
  submit(changes: readonly JournalChange[], undo: () => void): Promise<void> {
    const flushed = new Promise<void>((resolve, reject) => {
      const settle = (error?: unknown) => (error === undefined ? resolve() : reject(error));
      const bytes = changes.reduce((total, change) => total + sizeOf(change), 0);
      this.#waiting.push({ number: ++this.#submitted, bytes, changes, undo, settle });
    });
    this.#last = flushed.catch(() => undefined);
    if (!this.#isRunning) void this.#run();
    return flushed;
  }

  /** Settles when everything submitted so far is on the disk, or undone. */
  async caughtUp(): Promise<void> {
    await this.#last;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Requests that arrived together with this one join its flush.
    await nextTurn();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.journal.write(group.flatMap(({ changes }) => changes));
        this.#settled = (group.at(-1) as Waiting).number;
        for (const { settle } of group) settle();
      } catch (error) {
        const lost = [...group, ...this.#waiting];
        this.#waiting = [];
        for (const { undo } of lost.toReversed()) undo();
        this.#timesUndone++;
        this.#settled = this.#submitted;
        for (const { settle } of lost) settle(error);
      }
    }
    this.#isRunning = false;
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((waiting) => (bytes += waiting.bytes) > MOST_BYTES_AT_ONCE);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1));
  }
}
