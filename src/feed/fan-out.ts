import type { FeedResetError, FeedTrimmedError } from '../engine/errors.js';
import { isAfter } from '../engine/event-id.js';
import { Batch, type EventView } from './event-view.js';
import { anchorsFor, anchorsOf, keyOf, matches, type FeedFilter } from './feed-filter.js';

export type FeedLoss = FeedTrimmedError | FeedResetError;

/** The receiver of events: a connection, or the answer of a long poll. */
export interface Outlet {
  /** Called in order, with each event once, however many subscriptions of the receiver match. */
  deliver(batch: Batch): void;
  /** Resolves with true when more can be delivered, with false when the client has gone or is full. */
  untilReady(): Promise<boolean>;
  /** Number of live subscriptions. */
  live: number;
}

export interface Subscriber {
  readonly filter: FeedFilter;
  readonly outlet: Outlet;
  /** Events up to this id were delivered during catch-up, ahead of the shared reader. */
  skipUntil: string | undefined;
  /** Events may be missing: the client must read the state again. It then gets the events after `next`. */
  readonly onLoss: (loss: FeedLoss, next: string) => void;
}

/** Subscribers with equal filters. */
interface Group {
  readonly filter: FeedFilter;
  readonly subscribers: Set<Subscriber>;
}

/** Distributes events to subscribers. Equal filters are evaluated once for each event. */
export class FanOut {
  readonly #groups = new Map<string, Group>();
  readonly #byAnchor = new Map<string, Set<Group>>();

  *[Symbol.iterator](): IterableIterator<Subscriber> {
    for (const { subscribers } of this.#groups.values()) yield* subscribers;
  }

  add(subscriber: Subscriber): void {
    const { filter, outlet } = subscriber;
    const key = keyOf(filter);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { filter, subscribers: new Set() };
      this.#groups.set(key, group);
      for (const anchor of anchorsFor(filter)) {
        this.#byAnchor.set(anchor, (this.#byAnchor.get(anchor) ?? new Set()).add(group));
      }
    }
    group.subscribers.add(subscriber);
    outlet.live++;
  }

  remove(subscriber: Subscriber): void {
    const key = keyOf(subscriber.filter);
    const group = this.#groups.get(key);
    if (group === undefined || !group.subscribers.delete(subscriber)) return;
    subscriber.outlet.live--;
    if (group.subscribers.size > 0) return;
    this.#groups.delete(key);
    for (const anchor of anchorsFor(group.filter)) {
      const groups = this.#byAnchor.get(anchor);
      groups?.delete(group);
      if (groups?.size === 0) this.#byAnchor.delete(anchor);
    }
  }

  /** Delivers the events to all matching subscribers; returns the number of deliveries. */
  distribute(views: readonly EventView[]): number {
    const wanted = new Map<Group, EventView[]>();
    for (const view of views) {
      for (const group of this.#groupsFor(view)) {
        const some = wanted.get(group);
        if (some === undefined) wanted.set(group, [view]);
        else some.push(view);
      }
    }
    // A receiver with several subscriptions gets their events merged in order.
    const merged = new Map<Outlet, Set<EventView>>();
    let count = 0;
    for (const [group, some] of wanted) {
      const batch = new Batch(some);
      for (const subscriber of group.subscribers) {
        const own = unseen(subscriber, batch);
        if (subscriber.outlet.live > 1) {
          const all = merged.get(subscriber.outlet) ?? new Set();
          for (const view of own.views) all.add(view);
          merged.set(subscriber.outlet, all);
        } else if (own.views.length > 0) {
          count += own.views.length;
          subscriber.outlet.deliver(own);
        }
      }
    }
    for (const [outlet, all] of merged) {
      const batch = new Batch(views.filter((view) => all.has(view)));
      if (batch.views.length > 0) outlet.deliver(batch);
      count += batch.views.length;
    }
    return count;
  }

  *#groupsFor({ event }: EventView): Iterable<Group> {
    for (const anchor of anchorsOf(event)) {
      for (const group of this.#byAnchor.get(anchor) ?? []) if (matches(group.filter, event)) yield group;
    }
  }
}

function unseen(subscriber: Subscriber, batch: Batch): Batch {
  const { skipUntil } = subscriber;
  if (skipUntil === undefined) return batch;
  if (isAfter(batch.lastId, skipUntil)) subscriber.skipUntil = undefined;
  return new Batch(batch.views.filter(({ id }) => isAfter(id, skipUntil)));
}
