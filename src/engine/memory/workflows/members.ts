import type { Entry } from './entry.js';
import type { Order } from '../../engine.js';
import { isBeforeInBytes } from '../byte-order.js';
import { SortedSet } from '../sorted-set.js';

/** Up to this number, members are sorted on demand. */
const MAX_UNSORTED = 32;

/**
 * The workflows with one value of an indexed field. There may be a million values (case ids, users) with a few workflows each,
 * so few members are a plain list of ids; many are kept sorted in both orders.
 */
export class Members {
  /** Ids in any order; undefined while they are kept sorted. A single one, which most case ids have, needs no list. */
  #few: string | readonly string[] | undefined = [];
  #ordered: Readonly<Record<'updated' | 'created', SortedSet>> | undefined;

  constructor(
    readonly value: string,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  get size(): number {
    if (this.#few === undefined) return this.#ordered?.updated.size ?? 0;
    return typeof this.#few === 'string' ? 1 : this.#few.length;
  }

  /** The caller must neither change nor keep the set. */
  in(order: Order): SortedSet {
    if (this.#ordered === undefined || order === 'ids') return inOrder(order, this.#all(), this.entries);
    return this.#ordered[order];
  }

  *#all(): Generator<string> {
    if (typeof this.#few === 'string') yield this.#few;
    else if (this.#few !== undefined) yield* this.#few;
    else for (const { id } of (this.#ordered as { updated: SortedSet }).updated.ascending()) yield id;
  }

  /** Called after the entry itself was replaced. */
  replace(id: string, old: Entry | undefined, next: Entry | undefined): void {
    if (this.#ordered !== undefined) {
      this.#ordered.updated.move(id, old?.updatedAtMs, next?.updatedAtMs);
      this.#ordered.created.move(id, old?.createdAtMs, next?.createdAtMs);
    } else if (next === undefined) {
      this.#few = [...this.#all()].filter((other) => other !== id);
    } else if (old === undefined) {
      this.#few = this.size === 0 ? id : [...this.#all(), id];
      this.sort();
    }
  }

  /** Adds a workflow at the start of the service. Returns true for the first one for which `sort` must be called at the end. */
  load(id: string): boolean {
    if (typeof this.#few === 'string') this.#few = [this.#few, id];
    else if (this.size === 0) this.#few = id;
    else (this.#few as string[]).push(id);
    return this.size === MAX_UNSORTED + 1;
  }

  /** Keeps the members sorted from now on, if there are many. */
  sort(): void {
    if (this.#ordered !== undefined || this.size <= MAX_UNSORTED) return;
    const members = entriesInByteOrder(Array.from(this.#all(), (id) => this.entries.get(id) as Entry));
    this.#few = undefined;
    this.#ordered = {
      updated: setOf(members, ({ updatedAtMs }) => updatedAtMs),
      created: setOf(members, ({ createdAtMs }) => createdAtMs),
    };
  }
}

export function inOrder(order: Order, ids: Iterable<string>, entries: ReadonlyMap<string, Entry>): SortedSet {
  const sorted = entriesInByteOrder(Array.from(ids, (id) => entries.get(id) as Entry));
  return setOf(sorted, (entry) => scoreIn(order, entry));
}

/** The entries in the order of the bytes of their ids; the same list if they have it. */
export function entriesInByteOrder(entries: readonly Entry[]): readonly Entry[] {
  for (let i = 1; i < entries.length; i++) {
    if (isIdBefore(entries[i] as Entry, entries[i - 1] as Entry)) {
      return entries.toSorted((a, b) => (isIdBefore(a, b) ? -1 : 1));
    }
  }
  return entries;
}

/** Set of entries that are in the order of the bytes of their ids. */
export function setOf(entries: readonly Entry[], score: (entry: Entry) => number): SortedSet {
  const ids: string[] = [];
  const scores = new Float64Array(entries.length);
  for (const entry of entries) {
    scores[ids.length] = score(entry);
    ids.push(entry.id);
  }
  return SortedSet.of(ids, scores);
}

const isIdBefore = (a: Entry, b: Entry) => isBeforeInBytes(a.id, b.id);

/** The score of all ids is 0, so their order is that of the ids. */
export function scoreIn(order: Order, { updatedAtMs, createdAtMs }: Entry): number {
  return { updated: updatedAtMs, created: createdAtMs, ids: 0 }[order];
}
