import { USUAL_FEED, type FeedEvent, type FeedOptions } from '../../engine.js';
import { FeedResetError, FeedTrimmedError } from '../../errors.js';
import { eventIdOf, eventTimeMs, isBehind, placeOf } from '../../event-id.js';

/** Payloads of messages count against the heap; of more than this the oldest go first, whatever their number. */
const MOST_BYTES = 128 * 1024 * 1024;
/** So that no commit has to take a flood of old records off the disk. */
const DROPPED_AT_ONCE = 100;
/** Places at the front that are given up before the others are moved. */
const GAP = 4096;

export interface FeedEntry {
  readonly event: FeedEvent;
  /** Counts up without gaps, over restarts too. */
  readonly number: number;
  /** The number of its commit among those of the engine: shown when that is on the disk. */
  readonly commit: number;
}

/** What happened lately to one tenant, in order. */
export class Feed {
  /** Those before `#first` have been dropped. */
  #entries: (FeedEntry | undefined)[] = [];
  #first = 0;
  /** The newest of those: nothing is missing behind it. */
  #lastDropped: string | undefined;
  #bytes = 0;
  #lastMs = 0;
  #count = 0;
  #number = 0;
  /** Dropped here, and still in the journal. */
  #dropped: number[] = [];

  constructor(
    private readonly epoch: string,
    private readonly options: FeedOptions = USUAL_FEED,
  ) {}

  /** Of what is on the disk; the place before the first event when there is none. */
  lastId(settled: number): string {
    return this.#newest(settled)?.event.id ?? this.#origin;
  }

  add(now: number, commit: number, type: string, fields: Readonly<Record<string, string>>): FeedEntry {
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#count = 0;
    }
    const id = eventIdOf({ ms: this.#lastMs, count: this.#count++, epoch: this.epoch });
    const entry = { event: { id, type, fields }, number: ++this.#number, commit };
    this.#push(entry);
    return entry;
  }

  /** For a commit that did not reach the disk; commits are undone newest first, so its events are the last ones. */
  undo(entries: readonly FeedEntry[]): void {
    for (let i = 0; i < entries.length; i++) {
      const entry = this.#entries.pop();
      if (entry === undefined) continue;
      this.#bytes -= bytesOf(entry);
      this.#number = entry.number - 1;
    }
  }

  /** What came back from the journal, oldest first. */
  restore({ number, event }: Omit<FeedEntry, 'commit'>): void {
    const place = placeOf(event.id);
    this.#lastMs = place?.ms ?? 0;
    this.#count = (place?.count ?? 0) + 1;
    this.#number = number;
    this.#push({ event, number, commit: 0 });
  }

  /**
   * Drops what is beyond the bounds and on the disk, but never the newest event: it is the place from which readers go on. Returns
   * the numbers of some of those that the journal need not keep any longer.
   */
  trim(now: number, settled: number): number[] {
    const { mostEvents, maxAgeMs } = this.options;
    for (;;) {
      const [entry, next] = [this.#entries[this.#first], this.#entries[this.#first + 1]];
      if (entry === undefined || next === undefined || next.commit > settled) break;
      const isTooMany = this.#entries.length - this.#first > mostEvents || this.#bytes > MOST_BYTES;
      if (!isTooMany && eventTimeMs(entry.event.id) > now - maxAgeMs) break;
      this.#bytes -= bytesOf(entry);
      this.#entries[this.#first++] = undefined;
      this.#lastDropped = entry.event.id;
      this.#dropped.push(entry.number);
    }
    if (this.#first > Math.max(GAP, this.#entries.length / 2)) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return this.#dropped.splice(0, DROPPED_AT_ONCE);
  }

  /** When the removal of their records did not reach the disk. */
  keepForLater(dropped: readonly number[]): void {
    this.#dropped.unshift(...dropped);
  }

  /** @throws FeedTrimmedError @throws FeedResetError */
  after(id: string | undefined, limit: number, settled: number): readonly FeedEvent[] {
    const from = id === undefined ? this.#first : this.#behind(id);
    const some = this.#entries.slice(from, from + limit) as FeedEntry[];
    const end = some.findIndex(({ commit }) => commit > settled);
    return (end === -1 ? some : some.slice(0, end)).map(({ event }) => event);
  }

  #behind(id: string): number {
    const oldest = this.#entries[this.#first];
    if (id === this.#lastDropped) return this.#first;
    if (id === this.#origin && (oldest?.number ?? 1) === 1) return this.#first;
    if (placeOf(id)?.epoch !== this.epoch) throw new FeedResetError();
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBehind((this.#entries[middle] as FeedEntry).event.id, id)) high = middle;
      else low = middle + 1;
    }
    if (this.#entries[low - 1]?.event.id === id) return low;
    if (oldest !== undefined && isBehind(oldest.event.id, id)) throw new FeedTrimmedError(oldest.event.id);
    throw new FeedResetError();
  }

  #push(entry: FeedEntry): void {
    this.#entries.push(entry);
    this.#bytes += bytesOf(entry);
  }

  #newest(settled: number): FeedEntry | undefined {
    for (let i = this.#entries.length - 1; i >= this.#first; i--) {
      const entry = this.#entries[i] as FeedEntry;
      if (entry.commit <= settled) return entry;
    }
    return undefined;
  }

  get #origin(): string {
    return eventIdOf({ ms: 0, count: 0, epoch: this.epoch });
  }
}

/** Only payloads can be large. */
function bytesOf({ event }: FeedEntry): number {
  return event.fields['payload']?.length ?? 0;
}
