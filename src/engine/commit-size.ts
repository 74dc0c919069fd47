import { CommitTooLargeError } from './errors.js';

/** Maximum bytes of all states that one commit writes: it is one step of the store, which does nothing else meanwhile. */
export function maxCommitBytes(maxStateBytes: number): number {
  return Math.max(4 * 1024 * 1024, 2 * maxStateBytes);
}

/** Adds up the states that one commit writes, since all of them are written in one step. */
export class CommitSize {
  readonly #limit: number;
  #bytes = 0;

  constructor(maxStateBytes: number) {
    this.#limit = maxCommitBytes(maxStateBytes);
  }

  /** @throws CommitTooLargeError */
  add(state: string): void {
    this.#bytes += Buffer.byteLength(state);
    if (this.#bytes > this.#limit) throw new CommitTooLargeError(this.#limit);
  }
}
