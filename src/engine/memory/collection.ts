import type { Entry } from './entry.js';
import { SortedSet } from './sorted-set.js';

/** Members of one value of an indexed field, in both orders a listing can have. */
interface FieldSets {
  readonly updated: SortedSet;
  readonly created: SortedSet;
}

/** The workflows of one tenant and their indexes, which `replace` alone keeps in step. */
export class Collection {
  readonly updated = new SortedSet();
  readonly created = new SortedSet();
  /** Only workflows that end. */
  readonly deadlines = new SortedSet();
  /** All with score 0, so in the order of their ids. */
  readonly ids = new SortedSet();
  readonly #entries = new Map<string, Entry>();
  readonly #fields = new Map<string, FieldSets>();

  /** The entry as it is stored, expired or not. */
  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  values(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  /** Puts `next` where `old` was; undefined stands for nothing there. */
  replace(id: string, old: Entry | undefined, next: Entry | undefined): void {
    if (next === undefined) this.#entries.delete(id);
    else this.#entries.set(id, next);
    move(this.updated, id, old?.updatedAtMs, next?.updatedAtMs);
    move(this.created, id, old?.createdAtMs, next?.createdAtMs);
    move(this.deadlines, id, old?.deadlineMs ?? undefined, next?.deadlineMs ?? undefined);
    move(this.ids, id, old && 0, next && 0);
    for (const [field, value] of Object.entries(old?.index ?? {})) {
      if (next?.index[field] !== value) this.#moveField(field, value, id, old, undefined);
    }
    for (const [field, value] of Object.entries(next?.index ?? {})) {
      this.#moveField(field, value, id, old?.index[field] === value ? old : undefined, next);
    }
  }

  /** Undefined when no workflow has this value. */
  having(field: string, value: string): FieldSets | undefined {
    return this.#fields.get(fieldKey(field, value));
  }

  #moveField(field: string, value: string, id: string, old: Entry | undefined, next: Entry | undefined): void {
    const key = fieldKey(field, value);
    let sets = this.#fields.get(key);
    if (sets === undefined) {
      sets = { updated: new SortedSet(), created: new SortedSet() };
      this.#fields.set(key, sets);
    }
    move(sets.updated, id, old?.updatedAtMs, next?.updatedAtMs);
    move(sets.created, id, old?.createdAtMs, next?.createdAtMs);
    // Values come and go (case ids, users); one that nobody has any more must not take room for ever.
    if (sets.updated.size === 0) this.#fields.delete(key);
  }
}

function move(set: SortedSet, id: string, from: number | undefined, to: number | undefined): void {
  if (from === to) return;
  if (from !== undefined) set.delete(from, id);
  if (to !== undefined) set.add(to, id);
}

/** No field name holds a NUL, so no two pairs share a key. */
function fieldKey(field: string, value: string): string {
  return `${field}\0${value}`;
}
