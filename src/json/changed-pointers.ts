import { formatPointer } from './pointer.js';

const MAX_POINTERS = 20;

/** Collects pointers to the changes of a patch: the first 20, or the empty pointer once the whole document was replaced. */
export class ChangedPointers {
  readonly #pointers = new Set<string>();

  add(tokens: readonly string[]): void {
    if (tokens.length === 0) this.#pointers.clear();
    if (this.#pointers.size < MAX_POINTERS && !this.#pointers.has('')) this.#pointers.add(formatPointer(tokens));
  }

  list(): string[] {
    return [...this.#pointers];
  }
}
