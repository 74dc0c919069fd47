import type { Listeners } from '../waiting/listeners.js';
import { waitAtMost, withResolver } from '../waiting/wait-for-change.js';
import { PAGE_BYTES } from '../engine/limits.js';
import { sizeOf, type Batch, type EventView } from './event-view.js';
import type { FeedLoss, Outlet } from './fan-out.js';
import type { FeedFilter } from './feed-filter.js';
import type { Feeds, PolledEvents } from './feeds.js';

export interface LongPoll {
  readonly filter: FeedFilter;
  readonly since: string | undefined;
  readonly limit: number;
  readonly waitMs: number;
}

/** Collects events for one answer. */
class EventBuffer implements Outlet {
  live = 0;
  readonly events: EventView[] = [];
  #bytes = 0;
  readonly changed = withResolver();

  constructor(private readonly limit: number) {}

  get isFull(): boolean {
    return this.events.length >= this.limit || this.#bytes >= PAGE_BYTES;
  }

  /** Events beyond the limit are left out: the client asks for them next. */
  deliver({ views }: Batch): void {
    for (const view of views) {
      if (this.isFull) break;
      this.events.push(view);
      this.#bytes += sizeOf(view);
    }
    this.changed.resolve();
  }

  async untilReady(): Promise<boolean> {
    return !this.isFull;
  }
}

/**
 * Events after `since`; if there are none, waits up to `waitMs` for the next ones.
 * @throws FeedTrimmedError @throws FeedResetError @throws TooManyListenersError @throws StoreUnavailableError
 */
export async function longPoll(
  feeds: Feeds,
  listeners: Listeners,
  tenant: string,
  { filter, since, limit, waitMs }: LongPoll,
  over: AbortSignal,
): Promise<PolledEvents> {
  if (waitMs === 0) return feeds.read(tenant, filter, since, limit);
  const leave = listeners.enter('poll');
  const buffer = new EventBuffer(limit);
  let loss: FeedLoss | undefined;
  const subscription = feeds.follow(tenant, {
    filter,
    since,
    outlet: buffer,
    onLoss(lost) {
      loss = lost;
      buffer.changed.resolve();
    },
  });
  try {
    await subscription.caughtUp;
    if (buffer.events.length === 0 && loss === undefined && !over.aborted) {
      await waitAtMost(buffer.changed.promise, waitMs, over);
    }
    if (loss !== undefined) throw loss;
    const { events, isFull } = buffer;
    // Unless the answer is full, all events up to the current position were examined.
    const last = events.at(-1);
    return { events, next: isFull ? (last as EventView).id : subscription.place(last?.id) };
  } finally {
    subscription.stop();
    leave();
  }
}
