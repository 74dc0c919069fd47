/**
 * An immutable map with cheap edits, in insertion order. Edits are kept apart from a shared base, until copying them
 * for each edit costs too much. So many single edits of a wide object do not cost quadratic time.
 */
export class PersistentMap<V> {
  private constructor(
    private readonly base: ReadonlyMap<string, V>,
    /** Undefined marks a removed name of the base. */
    private readonly edits: ReadonlyMap<string, V | undefined>,
    readonly size: number,
  ) {}

  /** The map is not copied; the caller must not change it afterwards. */
  static of<V>(entries: ReadonlyMap<string, V>): PersistentMap<V> {
    return new PersistentMap(entries, new Map(), entries.size);
  }

  get(name: string): V | undefined {
    return this.edits.has(name) ? this.edits.get(name) : this.base.get(name);
  }

  /** Sets the names of `changes` that have a value and removes the others. */
  with(changes: ReadonlyMap<string, V | undefined>): PersistentMap<V> {
    // A name added again after its removal goes last, not to its place in the base.
    const isGone = (name: string) => this.edits.has(name) && this.edits.get(name) === undefined;
    if ([...changes].some(([name, value]) => value !== undefined && isGone(name))) {
      return PersistentMap.of(new Map(this.entries())).with(changes);
    }
    const edits = new Map(this.edits);
    let { size } = this;
    for (const [name, value] of changes) {
      const had = this.get(name) !== undefined;
      if (had !== (value !== undefined)) size += had ? -1 : 1;
      if (value !== undefined || this.base.has(name)) edits.set(name, value);
      else edits.delete(name);
    }
    const version = new PersistentMap(this.base, edits, size);
    // At about the square root of the size, copying edits costs as much over time as making a new base.
    return edits.size ** 2 <= this.base.size + 256 ? version : PersistentMap.of(new Map(version.entries()));
  }

  entries(): IterableIterator<[string, V]> {
    return this.edits.size === 0 ? this.base.entries() : this.#merged();
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  *#merged(): IterableIterator<[string, V]> {
    for (const [name, old] of this.base) {
      const value = this.edits.has(name) ? this.edits.get(name) : old;
      if (value !== undefined) yield [name, value];
    }
    for (const [name, value] of this.edits) {
      if (value !== undefined && !this.base.has(name)) yield [name, value];
    }
  }
}
