import type { Entry } from './entry.js';
import type { Order } from '../../engine.js';
import { SortedSet } from '../sorted-set.js';

/** Up to this number, members are sorted on demand. */
const MAX_UNSORTED = 32;

/**
 * The workflows with one value of an indexed field. There may be a million values (case ids, users) with a few workflows each,
 * so few members are a plain list of ids; many are kept sorted in both orders.
 */
export class Members {
  #few: string[] | undefined = [];
  #ordered: Readonly<Record<'updated' | 'created', SortedSet>> | undefined;

  constructor(private readonly entries: ReadonlyMap<string, Entry>) {}

  get size(): number {
    return this.#few?.length ?? this.#ordered?.updated.size ?? 0;
  }

  /** The caller must neither change nor keep the set. */
  in(order: Order): SortedSet {
    if (this.#ordered === undefined || order === 'ids') return inOrder(order, this.#all(), this.entries);
    return this.#ordered[order];
  }

  *#all(): Generator<string> {
    if (this.#few !== undefined) yield* this.#few;
    else for (const { id } of (this.#ordered as { updated: SortedSet }).updated.ascending()) yield id;
  }

  /** Called after the entry itself was replaced. */
  replace(id: string, old: Entry | undefined, next: Entry | undefined): void {
    if (this.#ordered !== undefined) {
      this.#ordered.updated.move(id, old?.updatedAtMs, next?.updatedAtMs);
      this.#ordered.created.move(id, old?.createdAtMs, next?.createdAtMs);
    } else if (next === undefined) {
      this.#few = this.#few?.filter((other) => other !== id);
    } else if (old === undefined) {
      this.#few = [...(this.#few ?? []), id];
      if (this.#few.length <= MAX_UNSORTED) return;
      const ids = this.#few;
      this.#few = undefined;
      this.#ordered = {
        updated: inOrder('updated', ids, this.entries),
        created: inOrder('created', ids, this.entries),
      };
    }
  }
}

export function inOrder(order: Order, ids: Iterable<string>, entries: ReadonlyMap<string, Entry>): SortedSet {
  const set = new SortedSet();
  for (const id of ids) set.add(scoreIn(order, entries.get(id) as Entry), id);
  return set;
}

/** The score of all ids is 0, so their order is that of the ids. */
export function scoreIn(order: Order, { updatedAtMs, createdAtMs }: Entry): number {
  return { updated: updatedAtMs, created: createdAtMs, ids: 0 }[order];
}
