import { formatPointer } from './pointer.js';

const MAX_POINTERS = 20;

/** Collects pointers to the changes of a patch: the first 20, or the empty pointer once the whole document was replaced. */
export class ChangedPointers {
  readonly #pointers = new Set<string>();

  /** True when a further pointer changes nothing. */
  get isComplete(): boolean {
    return this.#pointers.size >= MAX_POINTERS || this.#pointers.has('');
  }

  /** `name`: a last token. */
  add(tokens: readonly string[], name?: string): void {
    if (tokens.length === 0 && name === undefined) this.#pointers.clear();
    if (this.isComplete) return;
    this.#pointers.add(formatPointer(name === undefined ? tokens : [...tokens, name]));
  }

  list(): string[] {
    return [...this.#pointers];
  }
}
