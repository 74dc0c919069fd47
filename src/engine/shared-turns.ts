/** Smaller texts are not counted. */
const LARGE_BYTES = 16 * 1024;
/** Bytes of large texts that all readers together read in one turn of the event loop. */
const BYTES_PER_TURN = 1024 * 1024;

interface Reader {
  readonly bytes: number;
  readonly goOn: () => void;
}

/**
 * Divides the decoding of states, or the scan of bodies, among turns of the event loop, over all readers. Readers that have
 * waited for the same thing go on in the same turn: each would hold a whole state before the first one has sent its
 * answer, or was refused.
 */
export class SharedTurns {
  readonly #line: Reader[] = [];
  #spent = 0;

  /** Undefined if the reader may go on at once; else it waits in line. */
  enter(bytes: number): Promise<void> | undefined {
    if (bytes < LARGE_BYTES) return undefined;
    if (this.#spent < BYTES_PER_TURN && this.#line.length === 0) {
      this.#spend(bytes);
      return undefined;
    }
    return new Promise((goOn) => this.#line.push({ bytes, goOn }));
  }

  #spend(bytes: number): void {
    if (this.#spent === 0) setImmediate(() => this.#nextTurn());
    this.#spent += bytes;
  }

  #nextTurn(): void {
    this.#spent = 0;
    while (this.#spent < BYTES_PER_TURN) {
      const next = this.#line.shift();
      if (next === undefined) return;
      this.#spend(next.bytes);
      next.goOn();
    }
  }
}
