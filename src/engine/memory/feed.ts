import type { FeedEvent } from '../engine.js';

const EVENTS_KEPT = 100_000;

/** What happened lately, in order. Not in the journal: after a restart a reader begins anew. */
export class Feed {
  #events: FeedEvent[] = [];
  #lastMs = 0;
  #count = 0;

  get lastId(): string | undefined {
    return this.#events.at(-1)?.id;
  }

  add(now: number, type: string, fields: Readonly<Record<string, string>>): string {
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#count = 0;
    }
    const id = `${this.#lastMs}-${this.#count++}`;
    this.#events.push({ id, type, fields });
    // Dropped in large pieces: taking one off the front each time would move all the others.
    if (this.#events.length > EVENTS_KEPT * 1.1) this.#events = this.#events.slice(-EVENTS_KEPT);
    return id;
  }

  /** For commits that did not reach the disk; those are among the last. */
  remove(ids: ReadonlySet<string>): void {
    this.#events = this.#events.filter(({ id }) => !ids.has(id));
  }

  after(id: string | undefined, limit: number): readonly FeedEvent[] {
    if (id === undefined) return this.#events.slice(0, limit);
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isAfter((this.#events[middle] as FeedEvent).id, id)) high = middle;
      else low = middle + 1;
    }
    return this.#events.slice(low, low + limit);
  }
}

function isAfter(a: string, b: string): boolean {
  const [aMs, aCount] = a.split('-').map(Number) as [number, number];
  const [bMs, bCount = 0] = b.split('-').map(Number) as [number, number | undefined];
  return aMs > bMs || (aMs === bMs && aCount > bCount);
}
