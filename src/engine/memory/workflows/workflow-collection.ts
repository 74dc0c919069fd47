import { liveAt, textAt, type Entry } from './entry.js';
import { entriesInByteOrder, Members, setOf } from './members.js';
import { SortedSet } from '../sorted-set.js';
import type { TextStore } from '../journal/text-store.js';

/** Workflows of one tenant with their indexes and retained texts. Only `replace` changes them, so they agree. */
export class WorkflowCollection {
  #updated = new SortedSet();
  #created = new SortedSet();
  #deadlines = new SortedSet();
  #ids = new SortedSet();
  readonly #entries = new Map<string, Entry>();
  readonly #fields = new Map<string, Map<string, Members>>();
  /** Members that are sorted at the end of the loading. */
  #unsorted: Members[] = [];

  constructor(private readonly texts: TextStore) {}

  get updated(): SortedSet {
    return this.#updated;
  }

  get created(): SortedSet {
    return this.#created;
  }

  /** Only workflows with a deadline. */
  get deadlines(): SortedSet {
    return this.#deadlines;
  }

  /** All scores are 0, so the order is that of the ids. */
  get ids(): SortedSet {
    return this.#ids;
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** Returns an expired entry too. */
  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  find(id: string, now: number): Entry | undefined {
    return liveAt(this.get(id), now);
  }

  /** Replaces `old` by `next`; undefined means absent. */
  replace(id: string, old: Entry | undefined, next: Entry | undefined): void {
    if (next === undefined) this.#entries.delete(id);
    else this.#entries.set(id, next);
    this.#replaceTexts(old, next);
    this.#updated.move(id, old?.updatedAtMs, next?.updatedAtMs);
    this.#created.move(id, old?.createdAtMs, next?.createdAtMs);
    this.#deadlines.move(id, old?.deadlineMs ?? undefined, next?.deadlineMs ?? undefined);
    this.#ids.move(id, old && 0, next && 0);
    for (const [field, value] of Object.entries(old?.index ?? {})) {
      if (next?.index[field] !== value) this.#replaceMember(field, value, id, old, undefined);
    }
    for (const [field, value] of Object.entries(next?.index ?? {})) {
      this.#replaceMember(field, value, id, old?.index[field] === value ? old : undefined, next);
    }
  }

  /** Adds a workflow at the start of the service. The collection must not be used before `indexLoaded` is done. */
  load(entry: Entry): void {
    this.#entries.set(entry.id, entry);
    this.#retainFrom(entry, 0);
    for (const field in entry.index) {
      const members = this.#membersOf(field, entry.index[field] as string);
      if (members.load(entry.id)) this.#unsorted.push(members);
    }
  }

  /** Sorts the workflows of `load`, in steps. Sorting them at once is many times faster than adding each at its place. */
  *indexLoaded(): Generator<void> {
    const entries = entriesInByteOrder([...this.#entries.values()]);
    yield;
    this.#ids = setOf(entries, () => 0);
    yield;
    this.#updated = setOf(entries, ({ updatedAtMs }) => updatedAtMs);
    yield;
    this.#created = setOf(entries, ({ createdAtMs }) => createdAtMs);
    yield;
    const mortal = entries.filter(({ deadlineMs }) => deadlineMs !== null);
    this.#deadlines = setOf(mortal, ({ deadlineMs }) => deadlineMs as number);
    for (const members of this.#unsorted.splice(0)) {
      yield;
      members.sort();
    }
  }

  /** The text of an indexed value as other workflows have it, so that a million workflows need not hold a million texts. */
  shared(field: string, value: string): string {
    return this.having(field, value)?.value ?? value;
  }

  /** Undefined when no workflow has this value. */
  having(field: string, value: string): Members | undefined {
    return this.#fields.get(field)?.get(value);
  }

  /** The history of a version is mostly that of the version before: texts that both have in the same order stay as they are. */
  #replaceTexts(old: Entry | undefined, next: Entry | undefined): void {
    const isTouch = old !== undefined && old.state === next?.state;
    const first = isTouch ? 0 : 1;
    let same = 0;
    while (textAt(old, same) !== undefined && textAt(old, same) === textAt(next, first + same)) same++;
    // Retain before releasing: a text in both entries must not be released in between.
    if (!isTouch) this.#retainFrom(next, 0, 1);
    this.#retainFrom(next, first + same);
    for (let at = same, text; (text = textAt(old, at)) !== undefined; at++) this.texts.release(text);
  }

  #retainFrom(entry: Entry | undefined, start: number, end = Infinity): void {
    for (let at = start, text; at < end && (text = textAt(entry, at)) !== undefined; at++) this.texts.retain(text);
  }

  #replaceMember(field: string, value: string, id: string, old: Entry | undefined, next: Entry | undefined): void {
    const members = this.#membersOf(field, value);
    members.replace(id, old, next);
    // Removes unused values, or the map would grow forever.
    if (members.size === 0) this.#fields.get(field)?.delete(value);
  }

  #membersOf(field: string, value: string): Members {
    let values = this.#fields.get(field);
    if (values === undefined) this.#fields.set(field, (values = new Map()));
    let members = values.get(value);
    if (members === undefined) values.set(value, (members = new Members(value, this.#entries)));
    return members;
  }
}
