/**
 * A map by name of which every version stays valid. Edits lie on top of a shared base until there are too many to copy each
 * time; so a wide object takes many single edits without a quadratic cost. It keeps the order of insertion.
 */
export class PersistentMap<V> {
  readonly size: number;
  readonly #base: ReadonlyMap<string, V>;
  /** Undefined stands for a name of the base that is gone. */
  readonly #edits: ReadonlyMap<string, V | undefined>;

  private constructor(base: ReadonlyMap<string, V>, edits: ReadonlyMap<string, V | undefined>, size: number) {
    this.size = size;
    this.#base = base;
    this.#edits = edits;
  }

  /** Takes the map over: it must not change any more. */
  static of<V>(entries: ReadonlyMap<string, V>): PersistentMap<V> {
    return new PersistentMap(entries, new Map(), entries.size);
  }

  get(name: string): V | undefined {
    return this.#edits.has(name) ? this.#edits.get(name) : this.#base.get(name);
  }

  /** Sets the names of `changes` that have a value and removes the others. */
  with(changes: ReadonlyMap<string, V | undefined>): PersistentMap<V> {
    // A name that comes back after it was removed goes last, and not to the place that the base has for it.
    const isGone = (name: string) => this.#edits.has(name) && this.#edits.get(name) === undefined;
    if ([...changes].some(([name, value]) => value !== undefined && isGone(name))) {
      return PersistentMap.of(new Map(this.entries())).with(changes);
    }
    const edits = new Map(this.#edits);
    let { size } = this;
    for (const [name, value] of changes) {
      const had = this.get(name) !== undefined;
      if (had !== (value !== undefined)) size += had ? -1 : 1;
      if (value !== undefined || this.#base.has(name)) edits.set(name, value);
      else edits.delete(name);
    }
    const version = new PersistentMap(this.#base, edits, size);
    // About the square root: copying the edits then costs as much, over time, as making a new base.
    return edits.size ** 2 <= this.#base.size + 256 ? version : PersistentMap.of(new Map(version.entries()));
  }

  entries(): IterableIterator<[string, V]> {
    return this.#edits.size === 0 ? this.#base.entries() : this.#merged();
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  *#merged(): IterableIterator<[string, V]> {
    for (const [name, old] of this.#base) {
      const value = this.#edits.has(name) ? this.#edits.get(name) : old;
      if (value !== undefined) yield [name, value];
    }
    for (const [name, value] of this.#edits) {
      if (value !== undefined && !this.#base.has(name)) yield [name, value];
    }
  }
}
