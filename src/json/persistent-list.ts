const CHUNK = 512;

/**
 * A list of which every version stays valid: an edit copies one chunk and the list of chunks, not the items. So a long list
 * takes many single edits, at any place, without a quadratic cost.
 */
export class PersistentList<T> {
  readonly size: number;
  /** All items in one array, where somebody asked for it or the list was made from one. */
  #flat: readonly T[] | undefined;
  /** None is longer than two chunks; undefined until the first edit. */
  #chunks: readonly (readonly T[])[] | undefined;

  private constructor(size: number, flat: readonly T[] | undefined, chunks: readonly (readonly T[])[] | undefined) {
    this.size = size;
    this.#flat = flat;
    this.#chunks = chunks;
  }

  /** Takes the array over: it must not change any more. */
  static of<T>(items: readonly T[]): PersistentList<T> {
    return new PersistentList(items.length, items, undefined);
  }

  toArray(): readonly T[] {
    return (this.#flat ??= (this.#chunks ?? []).flat(1) as T[]);
  }

  get(index: number): T | undefined {
    if (this.#flat !== undefined) return this.#flat[index];
    if (index >= this.size) return undefined;
    const { chunk, offset } = this.#locate(index);
    return this.#split()[chunk]?.[offset];
  }

  /** Replaces `removed` items (0 or 1) at the index by the given ones. */
  spliced(index: number, removed: number, ...items: readonly T[]): PersistentList<T> {
    const chunks = this.#split().slice();
    const { chunk, offset } = this.#locate(index);
    const edited = (chunks[chunk] ?? []).toSpliced(offset, removed, ...items);
    if (edited.length > 2 * CHUNK) chunks.splice(chunk, 1, edited.slice(0, CHUNK), edited.slice(CHUNK));
    else if (edited.length === 0) chunks.splice(chunk, 1);
    else chunks[chunk] = edited;
    return new PersistentList(this.size - removed + items.length, undefined, chunks);
  }

  /** The chunk and the place in it; an index behind the last item belongs to the last chunk. */
  #locate(index: number): { chunk: number; offset: number } {
    const chunks = this.#split();
    let offset = index;
    let chunk = 0;
    for (; chunk < chunks.length - 1; chunk++) {
      const { length } = chunks[chunk] as readonly T[];
      if (offset < length) break;
      offset -= length;
    }
    return { chunk, offset };
  }

  #split(): readonly (readonly T[])[] {
    return (this.#chunks ??= chunked(this.#flat ?? []));
  }
}

function chunked<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 2 * CHUNK) return [items];
  const chunks: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += CHUNK) chunks.push(items.slice(start, start + CHUNK));
  return chunks;
}
