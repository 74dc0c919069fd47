const CHUNK_SIZE = 512;

/** Items that are made when they are asked for. */
export interface Items<T> {
  readonly size: number;
  at(index: number): T;
  /** For an item that is not asked for again. */
  pass(index: number): T;
  /** Appends the texts of the items from one index to another, with commas between them. */
  write(from: number, to: number, pieces: string[]): void;
}

/** Consecutive items of `Items`. */
export interface Range<T> {
  readonly of: Items<T>;
  readonly from: number;
  readonly length: number;
}

type Chunk<T> = readonly T[] | Range<T>;

/**
 * An immutable list with cheap edits: an edit copies one chunk and the list of chunks, not all items. So many single
 * edits of a long list do not cost quadratic time. An edit inside a range divides it, so that its items need not be
 * made.
 */
export class PersistentList<T> {
  private constructor(
    readonly size: number,
    /** Arrays of at most 2 * CHUNK_SIZE items, and ranges; before the first edit one chunk has all. */
    private chunks: readonly Chunk<T>[],
  ) {}

  /** The array is not copied; the caller must not change it afterwards. */
  static of<T>(items: readonly T[]): PersistentList<T> {
    return new PersistentList(items.length, [items]);
  }

  static from<T>(items: Items<T>): PersistentList<T> {
    return new PersistentList(items.size, [{ of: items, from: 0, length: items.size }]);
  }

  toArray(): readonly T[] {
    const [first] = this.chunks;
    if (this.chunks.length === 1 && isMade(first as Chunk<T>)) return first as readonly T[];
    const all = this.chunks.map(made).flat(1) as readonly T[];
    this.chunks = [all];
    return all;
  }

  get(index: number): T | undefined {
    if (index >= this.size) return undefined;
    const { chunk, offset } = locate(this.chunks, index);
    const found = this.chunks[chunk] as Chunk<T>;
    return isMade(found) ? found[offset] : found.of.at(found.from + offset);
  }

  /** For an item that is not asked for again. */
  pass(index: number): T {
    const { chunk, offset } = locate(this.chunks, index);
    const found = this.chunks[chunk] as Chunk<T>;
    return isMade(found) ? (found[offset] as T) : found.of.pass(found.from + offset);
  }

  slice(from: number, to: number): readonly T[] {
    if (from === 0 && to === this.size) return this.toArray();
    return Array.from({ length: to - from }, (_, i) => this.get(from + i) as T);
  }

  /** Replaces `removed` items (0 or 1) at the index by the given ones. */
  spliced(index: number, removed: number, ...items: readonly T[]): PersistentList<T> {
    const chunks = this.#split();
    const { chunk, offset } = locate(chunks, index);
    const found = chunks[chunk] as Chunk<T>;
    const edited = isMade(found)
      ? editedArray(found, offset, removed, items)
      : editedRange(found, offset, removed, items);
    const next = [...chunks.slice(0, chunk), ...edited.filter(({ length }) => length > 0), ...chunks.slice(chunk + 1)];
    return new PersistentList(this.size - removed + items.length, next.length === 0 ? [[]] : next);
  }

  /** Number of arrays and ranges that the list consists of. */
  get pieces(): number {
    return this.chunks.length;
  }

  /** Appends the texts of all items, with commas between them. `writePart` appends the text of one item. */
  write(pieces: string[], writePart: (item: T) => void): void {
    let isFirst = true;
    const next = () => {
      if (!isFirst) pieces.push(',');
      isFirst = false;
    };
    for (const chunk of this.chunks) {
      if (isMade(chunk)) {
        for (const item of chunk) {
          next();
          writePart(item);
        }
      } else if (chunk.length > 0) {
        next();
        chunk.of.write(chunk.from, chunk.from + chunk.length, pieces);
      }
    }
  }

  /** For reading all items in turn. Items that are not made yet are made and not kept. */
  reader(): ListReader<T> {
    return new ListReader(this.chunks);
  }

  #split(): readonly Chunk<T>[] {
    const [first] = this.chunks;
    if (this.chunks.length === 1 && isMade(first as Chunk<T>) && this.size > 2 * CHUNK_SIZE)
      this.chunks = pieces(first as readonly T[]);
    return this.chunks;
  }
}

export class ListReader<T> {
  #chunk = 0;
  #offset = 0;

  constructor(private readonly chunks: readonly Chunk<T>[]) {}

  /** Undefined after the last item. */
  next(): T | undefined {
    for (; this.#chunk < this.chunks.length; this.#chunk++, this.#offset = 0) {
      const chunk = this.chunks[this.#chunk] as Chunk<T>;
      if (this.#offset === chunk.length) continue;
      const offset = this.#offset++;
      return isMade(chunk) ? chunk[offset] : chunk.of.pass(chunk.from + offset);
    }
    return undefined;
  }
}

/** Chunk of an index and the offset in it. An index after the last item belongs to the last chunk. */
function locate(chunks: readonly Chunk<unknown>[], index: number): { chunk: number; offset: number } {
  let offset = index;
  let chunk = 0;
  for (; chunk < chunks.length - 1; chunk++) {
    const { length } = chunks[chunk] as Chunk<unknown>;
    if (offset < length) break;
    offset -= length;
  }
  return { chunk, offset };
}

function editedArray<T>(array: readonly T[], offset: number, removed: number, items: readonly T[]): Chunk<T>[] {
  const edited = array.toSpliced(offset, removed, ...items);
  return edited.length > 2 * CHUNK_SIZE ? [edited.slice(0, CHUNK_SIZE), edited.slice(CHUNK_SIZE)] : [edited];
}

function editedRange<T>({ of, from, length }: Range<T>, at: number, removed: number, items: readonly T[]): Chunk<T>[] {
  const end = at + removed;
  return [{ of, from, length: at }, items, { of, from: from + end, length: length - end }];
}

function isMade<T>(chunk: Chunk<T>): chunk is readonly T[] {
  return Array.isArray(chunk);
}

function made<T>(chunk: Chunk<T>): readonly T[] {
  return isMade(chunk) ? chunk : Array.from({ length: chunk.length }, (_, i) => chunk.of.at(chunk.from + i));
}

function pieces<T>(items: readonly T[]): readonly (readonly T[])[] {
  const all: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += CHUNK_SIZE) all.push(items.slice(start, start + CHUNK_SIZE));
  return all;
}
