import { waitAtMost, withResolver } from '../waiting/wait-for-change.js';
import type { Batch, EventView } from './event-view.js';
import type { FeedLoss, Outlet } from './fan-out.js';
import type { FeedFilter } from './feed-filter.js';
import type { Feeds, Polled } from './feeds.js';

export interface LongPoll {
  readonly filter: FeedFilter;
  readonly since: string | undefined;
  readonly limit: number;
  readonly waitMs: number;
}

/** Gathers up to a number of events for one answer. */
class Gathering implements Outlet {
  live = 0;
  readonly events: EventView[] = [];
  readonly #some = withResolver();

  constructor(private readonly limit: number) {}

  get some(): Promise<void> {
    return this.#some.promise;
  }

  get isFull(): boolean {
    return this.events.length >= this.limit;
  }

  deliver({ views }: Batch): void {
    for (const view of views) this.events.push(view);
    this.#some.resolve();
  }

  async room(): Promise<boolean> {
    return !this.isFull;
  }

  interrupt(): void {
    this.#some.resolve();
  }
}

/**
 * What has happened behind a place; when nothing has, what happens next, or nothing when the time is over.
 * @throws FeedTrimmedError @throws FeedResetError @throws TooManyListenersError @throws StoreUnavailableError
 */
export async function longPoll(
  feeds: Feeds,
  tenant: string,
  { filter, since, limit, waitMs }: LongPoll,
  over: AbortSignal,
): Promise<Polled> {
  if (waitMs === 0) return feeds.read(tenant, filter, since, limit);
  const leave = feeds.enter('poll');
  const gathering = new Gathering(limit);
  let loss: FeedLoss | undefined;
  const following = feeds.follow(tenant, {
    filter,
    since,
    outlet: gathering,
    onLoss(lost) {
      loss = lost;
      gathering.interrupt();
    },
  });
  try {
    await following.caughtUp;
    if (gathering.events.length === 0 && loss === undefined && !over.aborted) {
      await waitAtMost(gathering.some, waitMs, over);
    }
    if (loss !== undefined) throw loss;
    const { events } = gathering;
    const isCut = gathering.isFull;
    // Without a full answer everything up to the present place has been looked at, whether or not it was wanted.
    const last = events[Math.min(limit, events.length) - 1];
    return { events: events.slice(0, limit), next: isCut ? (last as EventView).id : following.place(last?.id) };
  } finally {
    following.stop();
    leave();
  }
}
