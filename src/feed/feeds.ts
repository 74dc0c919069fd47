import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Engine } from '../engine/engine.js';
import { isAfter } from '../engine/event-id.js';
import { PAGE_BYTES } from '../engine/limits.js';
import { EventView, sizeOf } from './event-view.js';
import { matches, type FeedFilter } from './feed-filter.js';
import { FeedMetrics } from './feed-metrics.js';
import { TenantFeed, type SubscribeOptions } from './tenant-feed.js';
import { Semaphore } from '../http/semaphore.js';

/** Time that the reader of a tenant runs without clients, so that polling clients do not restart it each time. */
const LINGER_MS = 10_000;
/** Limit of reads by clients that catch up, since many clients reconnect at once after a restart. */
const MAX_PARALLEL_READS = 4;

const PAGE_SIZE = 500;

export interface PolledEvents {
  readonly events: readonly EventView[];
  /** The id to continue from. */
  readonly next: string;
}

/** A subscription that can be stopped at any time, also while it catches up. */
export interface Subscription {
  /** Resolves when the client has all events so far. */
  readonly caughtUp: Promise<void>;
  /** All events up to this id were delivered. */
  place(last?: string): string;
  stop(): void;
}

/** Clients of the feed on this replica. Each tenant with clients has one reader of the store. */
@Injectable()
export class Feeds implements OnModuleDestroy {
  readonly #tenants = new Map<string, { readonly feed: TenantFeed; timer?: NodeJS.Timeout }>();
  readonly #semaphore = new Semaphore(MAX_PARALLEL_READS);

  constructor(
    private readonly engine: Engine,
    readonly metrics: FeedMetrics,
  ) {}

  get readers(): number {
    return this.#tenants.size;
  }

  /**
   * Events after `since` that are in the store now, up to the limit or PAGE_BYTES, and the id up to which events were
   * read.
   * @throws FeedTrimmedError @throws FeedResetError
   */
  async read(tenant: string, filter: FeedFilter, since: string | undefined, limit: number): Promise<PolledEvents> {
    // Read first, or events between this and the next read would be skipped.
    const end = since === undefined || since === '0' ? await this.engine.lastEventId(tenant) : since;
    if (since === undefined) return { events: [], next: end };
    const events: EventView[] = [];
    let bytes = 0;
    for (let next = since; ;) {
      const page = await this.#semaphore.run(() =>
        this.engine.readFeed(tenant, next === '0' ? undefined : next, PAGE_SIZE),
      );
      for (const event of page) {
        next = event.id;
        if (!matches(filter, event)) continue;
        const view = new EventView(event);
        bytes += sizeOf(view);
        if (events.push(view) === limit || bytes >= PAGE_BYTES) return { events, next };
      }
      if (page.length < PAGE_SIZE) return { events, next: next === '0' ? end : next };
    }
  }

  follow(tenant: string, options: SubscribeOptions): Subscription {
    const feed = this.#take(tenant);
    let isOver = false;
    let stopLive: (() => void) | undefined;
    const leave = () => this.#leave(tenant, feed);
    const caughtUp = feed
      .subscribe(options, () => isOver)
      .then((stop) => {
        if (isOver) stop();
        else stopLive = stop;
      });
    // Marks the rejection as handled; callers that await `caughtUp` still get it.
    caughtUp.catch(() => undefined);
    return {
      caughtUp,
      // The client may be ahead of the shared reader.
      place: (last) => (last !== undefined && isAfter(last, feed.position) ? last : feed.position),
      stop() {
        if (isOver) return;
        isOver = true;
        stopLive?.();
        leave();
      },
    };
  }

  onModuleDestroy(): void {
    for (const { feed, timer } of this.#tenants.values()) {
      clearTimeout(timer);
      feed.end();
    }
    this.#tenants.clear();
  }

  #take(tenant: string): TenantFeed {
    let known = this.#tenants.get(tenant);
    if (known === undefined) {
      known = { feed: new TenantFeed(this.engine, tenant, this.#semaphore, this.metrics) };
      this.#tenants.set(tenant, known);
    }
    clearTimeout(known.timer);
    known.feed.listeners++;
    return known.feed;
  }

  #leave(tenant: string, feed: TenantFeed): void {
    const known = this.#tenants.get(tenant);
    if (--feed.listeners > 0 || known?.feed !== feed) return;
    known.timer = setTimeout(() => {
      this.#tenants.delete(tenant);
      feed.end();
    }, LINGER_MS).unref();
  }
}
