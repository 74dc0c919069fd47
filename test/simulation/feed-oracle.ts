import type { FeedEvent } from '../../src/engine/engine.js';
import type { Oracle } from './oracle.js';

/** A reader of the feed, and the events that it had since it was last told of a gap. */
export class FeedReader {
  after: string | undefined;
  isReading = false;
  #had: string[] = [];

  constructor(
    readonly name: string,
    private readonly oracle: Oracle,
  ) {}

  received(events: readonly FeedEvent[]): void {
    for (const event of events) {
      this.oracle.saw(`event ${event.id}`, JSON.stringify([event.type, event.fields]));
      this.#had.push(event.id);
      this.after = event.id;
    }
  }

  /** The reader was told that events are missing, so it begins anew. */
  told(): void {
    this.#had = [];
    this.after = undefined;
  }

  /** Compares with the whole feed, when the reader has read all of it. `isTrimmed`: old events may be gone. */
  judge(all: readonly string[], isTrimmed: boolean): void {
    const places = new Map(all.map((id, i) => [id, i]));
    const first = this.#had.findIndex((id) => places.has(id));
    const gone = first === -1 ? this.#had : this.#had.slice(0, first);
    if (gone.length > 0 && !isTrimmed) {
      this.oracle.violation('feed', `${this.name} had ${gone.length} events that are not in the feed: ${gone[0]}`);
    }
    if (first === -1) return;
    const rest = this.#had.slice(first);
    const wanted = all.slice(places.get(rest[0] as string));
    const at = wanted.findIndex((id, i) => rest[i] !== id);
    if (at !== -1 || rest.length > wanted.length) {
      this.oracle.violation('feed', `${this.name} had ${rest[at] ?? 'nothing'} in place of ${wanted[at] ?? 'the end'}`);
    }
  }
}
