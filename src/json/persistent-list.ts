const CHUNK_SIZE = 512;

/**
 * An immutable list with cheap edits: an edit copies one chunk and the list of chunks, not all items. So many single edits of a
 * long list do not cost quadratic time.
 */
export class PersistentList<T> {
  private constructor(
    readonly size: number,
    /** All items in one array; undefined until it is needed. */
    private flat: readonly T[] | undefined,
    /** At most 2 * CHUNK_SIZE items each; undefined until the first edit. */
    private chunks: readonly (readonly T[])[] | undefined,
  ) {}

  /** The array is not copied; the caller must not change it afterwards. */
  static of<T>(items: readonly T[]): PersistentList<T> {
    return new PersistentList(items.length, items, undefined);
  }

  toArray(): readonly T[] {
    return (this.flat ??= (this.chunks ?? []).flat(1) as T[]);
  }

  get(index: number): T | undefined {
    if (this.flat !== undefined) return this.flat[index];
    if (index >= this.size) return undefined;
    const { chunk, offset } = this.#locate(index);
    return this.#split()[chunk]?.[offset];
  }

  /** Replaces `removed` items (0 or 1) at the index by the given ones. */
  spliced(index: number, removed: number, ...items: readonly T[]): PersistentList<T> {
    const chunks = this.#split().slice();
    const { chunk, offset } = this.#locate(index);
    const edited = (chunks[chunk] ?? []).toSpliced(offset, removed, ...items);
    if (edited.length > 2 * CHUNK_SIZE) chunks.splice(chunk, 1, edited.slice(0, CHUNK_SIZE), edited.slice(CHUNK_SIZE));
    else if (edited.length === 0) chunks.splice(chunk, 1);
    else chunks[chunk] = edited;
    return new PersistentList(this.size - removed + items.length, undefined, chunks);
  }

  /** Chunk of an index and the offset in it. An index after the last item belongs to the last chunk. */
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
    return (this.chunks ??= chunked(this.flat ?? []));
  }
}

function chunked<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 2 * CHUNK_SIZE) return [items];
  const chunks: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += CHUNK_SIZE) chunks.push(items.slice(start, start + CHUNK_SIZE));
  return chunks;
}
