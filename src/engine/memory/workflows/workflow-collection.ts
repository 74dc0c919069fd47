import { liveAt, textAt, type Entry } from './entry.js';
import { Members } from './members.js';
import { SortedSet } from '../sorted-set.js';
import type { TextStore } from '../journal/text-store.js';

/** Workflows of one tenant with their indexes and retained texts. Only `replace` changes them, so they agree. */
export class WorkflowCollection {
  readonly updated = new SortedSet();
  readonly created = new SortedSet();
  /** Only workflows with a deadline. */
  readonly deadlines = new SortedSet();
  /** All scores are 0, so the order is that of the ids. */
  readonly ids = new SortedSet();
  readonly #entries = new Map<string, Entry>();
  readonly #fields = new Map<string, Map<string, Members>>();

  constructor(private readonly texts: TextStore) {}

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
    let values = this.#fields.get(field);
    if (values === undefined) this.#fields.set(field, (values = new Map()));
    let members = values.get(value);
    if (members === undefined) values.set(value, (members = new Members(this.#entries)));
    members.replace(id, old, next);
    // Removes unused values, or the map would grow forever.
    if (members.size === 0) values.delete(value);
  }
}
