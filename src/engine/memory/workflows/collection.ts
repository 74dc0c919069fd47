import { textsOf, type Entry } from './entry.js';
import { Members } from './members.js';
import { SortedSet } from '../sorted-set.js';
import type { TextStore } from '../journal/text-store.js';

/** The workflows of one tenant, their indexes and the hold on their texts, which `replace` alone keeps in step. */
export class Collection {
  readonly updated = new SortedSet();
  readonly created = new SortedSet();
  /** Only workflows that end. */
  readonly deadlines = new SortedSet();
  /** All with score 0, so in the order of their ids. */
  readonly ids = new SortedSet();
  readonly #entries = new Map<string, Entry>();
  readonly #fields = new Map<string, Map<string, Members>>();

  constructor(private readonly texts: TextStore) {}

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** The entry as it is stored, expired or not. */
  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** Puts `next` where `old` was; undefined stands for nothing there. */
  replace(id: string, old: Entry | undefined, next: Entry | undefined): void {
    if (next === undefined) this.#entries.delete(id);
    else this.#entries.set(id, next);
    // What both have must not be let go in between.
    for (const text of textsOf(next)) this.texts.hold(text);
    for (const text of textsOf(old)) this.texts.release(text);
    this.updated.move(id, old?.updatedAtMs, next?.updatedAtMs);
    this.created.move(id, old?.createdAtMs, next?.createdAtMs);
    this.deadlines.move(id, old?.deadlineMs ?? undefined, next?.deadlineMs ?? undefined);
    this.ids.move(id, old && 0, next && 0);
    for (const [field, value] of Object.entries(old?.index ?? {})) {
      if (next?.index[field] !== value) this.#replaceMember(field, value, id, old, undefined);
    }
    for (const [field, value] of Object.entries(next?.index ?? {})) {
      this.#replaceMember(field, value, id, old?.index[field] === value ? old : undefined, next);
    }
  }

  /** Undefined when no workflow has this value. */
  having(field: string, value: string): Members | undefined {
    return this.#fields.get(field)?.get(value);
  }

  #replaceMember(field: string, value: string, id: string, old: Entry | undefined, next: Entry | undefined): void {
    let values = this.#fields.get(field);
    if (values === undefined) this.#fields.set(field, (values = new Map()));
    let members = values.get(value);
    if (members === undefined) values.set(value, (members = new Members(this.#entries)));
    members.replace(id, old, next);
    // Values come and go; one that nobody has any more must not take room for ever.
    if (members.size === 0) values.delete(value);
  }
}
