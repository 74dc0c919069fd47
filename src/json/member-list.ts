import type { PartPlaces } from './part-places.js';

/** Marks the changes of one writer. It may change a copy that it made before, instead of copying again. */
export type Owner = object;

/** Objects with at most this many members have no map of their names. */
const FEW = 8;

/** Members of an object in a text. */
interface Written<T> {
  readonly places: PartPlaces<T>;
  /** Index of each unescaped name; made when the first name is looked up. */
  names: ReadonlyMap<string, number> | undefined;
}

/** Shared by all lists without such changes: most of the lists of a large document have none. Never written. */
const NO_CHANGES = new Map<never, never>();

/**
 * The members of an object in order: those of a text, of which some are replaced or removed, and then the added ones.
 * A change copies only what differs from the text.
 */
export class MemberList<T> {
  /** See `inText`, `of` and `MemberEdit`. */
  constructor(
    readonly size: number,
    private readonly written: Written<T> | undefined,
    /** By index in the text; undefined for a removed member. */
    private readonly replaced: Map<number, T | undefined>,
    private readonly added: Map<string, T>,
    private readonly owner: Owner | undefined,
  ) {}

  static inText<T>(places: PartPlaces<T>): MemberList<T> {
    return new MemberList<T>(places.size, { places, names: undefined }, NO_CHANGES, NO_CHANGES, undefined);
  }

  /** The map is not copied; the caller must not change it afterwards. */
  static of<T>(members: Map<string, T>): MemberList<T> {
    return new MemberList<T>(members.size, undefined, NO_CHANGES, members, undefined);
  }

  /** Number of members that are not as in the text. */
  get edits(): number {
    return this.replaced.size + this.added.size;
  }

  get(name: string): T | undefined {
    const added = this.added.get(name);
    if (added !== undefined) return added;
    const index = indexOf(this.written, name);
    if (index === undefined) return undefined;
    return this.replaced.has(index) ? this.replaced.get(index) : this.written?.places.at(index);
  }

  /** Starts changes of one writer; see MemberEdit. */
  edit(owner: Owner): MemberEdit<T> {
    const isOwn = owner === this.owner;
    return new MemberEdit(
      this.size,
      this.written,
      isOwn ? this.replaced : copyOf(this.replaced),
      isOwn ? this.added : copyOf(this.added),
    );
  }

  /** Unescaped names and parts. */
  *entries(): Generator<[string, T]> {
    if (this.written !== undefined) {
      const { places } = this.written;
      for (let index = 0; index < places.size; index++) {
        const part = this.replaced.has(index) ? this.replaced.get(index) : places.pass(index);
        if (part !== undefined) yield [places.name(index), part];
      }
    }
    yield* this.added;
  }

  /** Appends the texts of all members, with commas between them. `writePart` appends the text of one part. */
  write(pieces: string[], writePart: (part: T) => void): void {
    let isFirst = true;
    const next = () => {
      if (!isFirst) pieces.push(',');
      isFirst = false;
    };
    if (this.written !== undefined) {
      const { places } = this.written;
      let from = 0;
      const writeUnchanged = (to: number) => {
        if (to > from) {
          next();
          places.write(from, to, pieces);
        }
        from = to + 1;
      };
      for (const index of [...this.replaced.keys()].toSorted((a, b) => a - b)) {
        writeUnchanged(index);
        const part = this.replaced.get(index);
        if (part === undefined) continue;
        next();
        pieces.push(places.nameText(index), ':');
        writePart(part);
      }
      writeUnchanged(places.size);
    }
    for (const [name, part] of this.added) {
      next();
      pieces.push(JSON.stringify(name), ':');
      writePart(part);
    }
  }
}

/** Changes of a list. The list that is changed is not used again, if its last change has the same owner. */
export class MemberEdit<T> {
  constructor(
    private size: number,
    private readonly written: Written<T> | undefined,
    private replaced: Map<number, T | undefined>,
    private added: Map<string, T>,
  ) {}

  /**
   * Sets a member, or removes it if `part` is undefined. A member that was removed is set as the last one.
   * Returns the part that it had, and the length of its name as it is written.
   */
  set(name: string, part: T | undefined): { readonly old: T | undefined; readonly nameLength: number } {
    const { replaced, added, written } = this;
    let old = added.get(name);
    const index = old === undefined ? indexOf(written, name) : undefined;
    const isRemoved = index !== undefined && replaced.has(index) && replaced.get(index) === undefined;
    if (index !== undefined && !isRemoved) {
      const { places } = written as Written<T>;
      old = replaced.get(index) ?? places.at(index);
      this.replaced = writable(replaced).set(index, part);
      this.size -= part === undefined ? 1 : 0;
      return { old, nameLength: places.nameLength(index) };
    }
    if (part !== undefined) this.added = writable(added).set(name, part);
    else if (old !== undefined) added.delete(name);
    this.size += Number(part !== undefined) - Number(old !== undefined);
    return { old, nameLength: JSON.stringify(name).length };
  }

  done(owner: Owner): MemberList<T> {
    return new MemberList(this.size, this.written, this.replaced, this.added, owner);
  }
}

function copyOf<K, V>(changes: Map<K, V>): Map<K, V> {
  return changes.size === 0 ? NO_CHANGES : new Map(changes);
}

function writable<K, V>(changes: Map<K, V>): Map<K, V> {
  return changes === NO_CHANGES ? new Map() : changes;
}

function indexOf(written: Written<unknown> | undefined, name: string): number | undefined {
  if (written === undefined) return undefined;
  const { places } = written;
  // A map of a few names takes longer to make than to search them, and a document may have many small objects.
  if (places.size <= FEW) {
    for (let index = 0; index < places.size; index++) if (places.name(index) === name) return index;
    return undefined;
  }
  written.names ??= indexesOf(written.places);
  return written.names.get(name);
}

function indexesOf(places: PartPlaces<unknown>): ReadonlyMap<string, number> {
  const names = new Map<string, number>();
  for (let index = 0; index < places.size; index++) names.set(places.name(index), index);
  return names;
}
