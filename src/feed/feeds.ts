import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Engine } from '../engine/engine.js';
import { isBehind } from '../engine/event-id.js';
import { EventView } from './event-view.js';
import { TooManyListenersError } from './feed-errors.js';
import { matches, type FeedFilter } from './feed-filter.js';
import { FeedMetrics, type ClientKind } from './feed-metrics.js';
import { TenantFeed, type Wish } from './tenant-feed.js';
import { Turns } from './turns.js';

/** Somebody who asks again and again should not make us subscribe again and again. */
const LINGER_MS = 10_000;
/** Pages read at once for those who catch up; many come back together after a restart. */
const READ_AT_ONCE = 4;

const MOST_READ = 500;

export interface Polled {
  readonly events: readonly EventView[];
  /** Where to go on. */
  readonly next: string;
}

/** A subscription that can be given up at any time, also while it is still catching up. */
export interface Following {
  /** Settles when the client has everything up to now. */
  readonly caughtUp: Promise<void>;
  /** Everything up to here has been handed out. */
  place(last?: string): string;
  stop(): void;
}

/** Who follows which tenant's feed on this replica. One reader for each tenant that anybody follows, and none for the others. */
@Injectable()
export class Feeds implements OnModuleDestroy {
  readonly #tenants = new Map<string, { readonly feed: TenantFeed; timer?: NodeJS.Timeout }>();
  readonly #turns = new Turns(READ_AT_ONCE);
  #clients = 0;

  constructor(
    private readonly engine: Engine,
    private readonly config: Config,
    readonly metrics: FeedMetrics,
  ) {}

  get readers(): number {
    return this.#tenants.size;
  }

  /** Counts a client in; returns how to count it out. @throws TooManyListenersError */
  enter(kind: ClientKind): () => void {
    const { mostListeners } = this.config.feed;
    if (this.#clients >= mostListeners) throw new TooManyListenersError(mostListeners);
    this.#clients++;
    this.metrics.clients(kind, 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#clients--;
      this.metrics.clients(kind, -1);
    };
  }

  /**
   * What the store has behind a place right now, and how far that was looked through.
   * @throws FeedTrimmedError @throws FeedResetError
   */
  async read(tenant: string, filter: FeedFilter, since: string | undefined, limit: number): Promise<Polled> {
    // Asked first: what happens between this and the read must not be skipped.
    const end = since === undefined || since === '0' ? await this.engine.lastEventId(tenant) : since;
    if (since === undefined) return { events: [], next: end };
    const events: EventView[] = [];
    for (let next = since; ;) {
      const page = await this.#turns.take(() =>
        this.engine.readFeed(tenant, next === '0' ? undefined : next, MOST_READ),
      );
      for (const event of page) {
        next = event.id;
        if (matches(filter, event) && events.push(new EventView(event)) === limit) return { events, next };
      }
      if (page.length < MOST_READ) return { events, next: next === '0' ? end : next };
    }
  }

  follow(tenant: string, wish: Wish): Following {
    const feed = this.#take(tenant);
    let isOver = false;
    let stopLive: (() => void) | undefined;
    const leave = () => this.#leave(tenant, feed);
    const caughtUp = feed
      .subscribe(wish, () => isOver)
      .then((stop) => {
        if (isOver) stop();
        else stopLive = stop;
      });
    // Whoever waits for it hears of it; who does not has stopped before.
    caughtUp.catch(() => undefined);
    return {
      caughtUp,
      // Who has read ahead of the reader of all others is further.
      place: (last) => (last !== undefined && isBehind(last, feed.position) ? last : feed.position),
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
      known = { feed: new TenantFeed(this.engine, tenant, this.#turns, this.metrics) };
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
