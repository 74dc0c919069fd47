import { formatPointer } from './pointer.js';

const MOST_POINTERS = 20;

/** Collects where a patch changed a document: the first 20 places, or the whole once that was replaced. */
export class ChangedPointers {
  readonly #pointers = new Set<string>();

  add(tokens: readonly string[]): void {
    if (tokens.length === 0) this.#pointers.clear();
    if (this.#pointers.size < MOST_POINTERS && !this.#pointers.has('')) this.#pointers.add(formatPointer(tokens));
  }

  list(): string[] {
    return [...this.#pointers];
  }
}
