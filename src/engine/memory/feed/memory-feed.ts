import { DEFAULT_FEED, type FeedEvent, type FeedOptions } from '../../engine.js';
import { FeedResetError, FeedTrimmedError } from '../../errors.js';
import { eventIdOf, eventTimeMs, isAfter, newRun, placeOf } from '../../event-id.js';

/** Limit of all payloads together, because they are on the heap; the oldest events are trimmed first. */
const MAX_BYTES = 128 * 1024 * 1024;
/** Bounds the removals that one commit adds to its journal write. */
const DROPPED_PER_COMMIT = 100;
/** Number of trimmed places at the front of the array at which the array is copied. */
const MIN_GAP = 4096;

export interface FeedEntry {
  readonly event: FeedEvent;
  /** Counts up without gaps, also over restarts. */
  readonly number: number;
  /** Number of the commit that made the event; readers see it once that commit is on the disk. */
  readonly commit: number;
}

/** Recent events of one tenant, in order. */
export class MemoryFeed {
  /** Entries before `#first` are trimmed. */
  #entries: (FeedEntry | undefined)[] = [];
  #first = 0;
  /** Id of the newest trimmed event. A reader that resumes after it misses nothing. */
  #lastDropped: string | undefined;
  #bytes = 0;
  #lastMs = 0;
  #count = 0;
  #number = 0;
  /** A directory that was put back from a copy gives numbers out again, but never under the same run. */
  readonly #run = newRun();
  /** Numbers of trimmed events that are still in the journal. */
  #dropped: number[] = [];

  constructor(
    private readonly epoch: string,
    private readonly options: FeedOptions = DEFAULT_FEED,
  ) {}

  /** Id of the newest event on the disk, or of the place before the first event. */
  lastId(lastFinished: number): string {
    return this.#newestFinished(lastFinished)?.event.id ?? this.#origin;
  }

  add(now: number, commit: number, type: string, fields: Readonly<Record<string, string>>): FeedEntry {
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#count = 0;
    }
    const id = eventIdOf({ ms: this.#lastMs, count: this.#count++, epoch: this.epoch, run: this.#run });
    const entry = { event: { id, type, fields }, number: ++this.#number, commit };
    this.#push(entry);
    return entry;
  }

  /** Removes the events of a commit that did not reach the disk. Commits are undone newest first, so these are the last. */
  undo(entries: readonly FeedEntry[]): void {
    for (let i = 0; i < entries.length; i++) {
      const entry = this.#entries.pop();
      if (entry === undefined) continue;
      this.#bytes -= bytesOf(entry);
      this.#number = entry.number - 1;
    }
  }

  /** Adds events of the journal, oldest first. */
  restore({ number, event }: Omit<FeedEntry, 'commit'>): void {
    const place = placeOf(event.id);
    this.#lastMs = place?.ms ?? 0;
    this.#count = (place?.count ?? 0) + 1;
    this.#number = number;
    this.#push({ event, number, commit: 0 });
  }

  /**
   * Drops events beyond the limits that are on the disk, but never the newest event, since readers resume after it.
   * Returns the numbers of some dropped events, for the caller to remove from the journal.
   */
  trim(now: number, lastFinished: number): number[] {
    const { maxEvents, maxAgeMs } = this.options;
    for (;;) {
      const [entry, next] = [this.#entries[this.#first], this.#entries[this.#first + 1]];
      if (entry === undefined || next === undefined || next.commit > lastFinished) break;
      const isTooMany = this.#entries.length - this.#first > maxEvents || this.#bytes > MAX_BYTES;
      if (!isTooMany && eventTimeMs(entry.event.id) > now - maxAgeMs) break;
      this.#drop(entry);
    }
    if (this.#first > Math.max(MIN_GAP, this.#entries.length / 2)) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return this.#dropped.splice(0, DROPPED_PER_COMMIT);
  }

  /** Time at which `trim` next has something to remove; Infinity if never. */
  get dueMs(): number {
    if (this.#dropped.length > 0) return -Infinity;
    const oldest = this.#entries[this.#first];
    const isAlone = this.#entries.length - this.#first < 2;
    return oldest === undefined || isAlone ? Infinity : eventTimeMs(oldest.event.id) + this.options.maxAgeMs;
  }

  /** Drops the oldest events that are on the disk, the newest one too. Returns numbers as `trim` does. */
  erase(limit: number, lastFinished: number): number[] {
    for (let count = 0; count < limit; count++) {
      const entry = this.#entries[this.#first];
      if (entry === undefined || entry.commit > lastFinished) break;
      this.#drop(entry);
    }
    return this.#dropped.splice(0, limit);
  }

  /** No event is kept, in memory or in the journal. */
  get isEmpty(): boolean {
    return this.#first === this.#entries.length && this.#dropped.length === 0;
  }

  /** Keeps these numbers for the next trim, because their removal did not reach the disk. */
  requeueDropped(dropped: readonly number[]): void {
    this.#dropped.unshift(...dropped);
  }

  /** @throws FeedTrimmedError @throws FeedResetError */
  after(id: string | undefined, limit: number, lastFinished: number): readonly FeedEvent[] {
    const from = id === undefined ? this.#first : this.#indexAfter(id);
    const some = this.#entries.slice(from, from + limit) as FeedEntry[];
    const end = some.findIndex(({ commit }) => commit > lastFinished);
    return (end === -1 ? some : some.slice(0, end)).map(({ event }) => event);
  }

  #indexAfter(id: string): number {
    const oldest = this.#entries[this.#first];
    if (id === this.#lastDropped) return this.#first;
    if (id === this.#origin && (oldest?.number ?? 1) === 1) return this.#first;
    if (placeOf(id)?.epoch !== this.epoch) throw new FeedResetError();
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isAfter((this.#entries[middle] as FeedEntry).event.id, id)) high = middle;
      else low = middle + 1;
    }
    if (this.#entries[low - 1]?.event.id === id) return low;
    if (oldest !== undefined && isAfter(oldest.event.id, id)) throw new FeedTrimmedError(oldest.event.id);
    throw new FeedResetError();
  }

  /** Drops the oldest entry. */
  #drop(entry: FeedEntry): void {
    this.#bytes -= bytesOf(entry);
    this.#entries[this.#first++] = undefined;
    this.#lastDropped = entry.event.id;
    this.#dropped.push(entry.number);
  }

  #push(entry: FeedEntry): void {
    this.#entries.push(entry);
    this.#bytes += bytesOf(entry);
  }

  #newestFinished(lastFinished: number): FeedEntry | undefined {
    for (let i = this.#entries.length - 1; i >= this.#first; i--) {
      const entry = this.#entries[i] as FeedEntry;
      if (entry.commit <= lastFinished) return entry;
    }
    return undefined;
  }

  get #origin(): string {
    return eventIdOf({ ms: 0, count: 0, epoch: this.epoch, run: '' });
  }
}

/** Counts payloads only: nothing else can be large. */
function bytesOf({ event }: FeedEntry): number {
  return event.fields['payload']?.length ?? 0;
}
