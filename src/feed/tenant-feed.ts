import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Engine } from '../engine/engine.js';
import { FeedResetError, FeedTrimmedError } from '../engine/errors.js';
import { eventTimeMs, isAfter } from '../engine/event-id.js';
import { waitAtMost, withResolver } from '../waiting/wait-for-change.js';
import { Batch, EventView, sizeOf } from './event-view.js';
import { FanOut, type FeedLoss, type Subscriber } from './fan-out.js';
import { matches } from './feed-filter.js';
import type { Semaphore } from '../http/semaphore.js';

const PAGE_SIZE = 500;
/** Pause after a read, so that the next read gets several events at once. */
const GATHER_MS = 2;
/** Poll interval. Hints alone are not enough, since a dead connection can lose them. */
const POLL_MS = 5000;
const RETRY_MS = 500;
/** Recent events kept for clients that reconnect, so that they need not read from the store. */
const MAX_RECENT = 1000;
const MAX_RECENT_BYTES = 1024 * 1024;
/** Bytes of events that one turn of the event loop delivers to a client that catches up. */
const MAX_PIECE_BYTES = 1024 * 1024;

export interface FeedObserver {
  /** Number of events read from the store, number of deliveries to clients, and age of the last event. */
  delivered(read: number, delivered: number, lagMs: number): void;
}

export interface SubscribeOptions extends Omit<Subscriber, 'skipUntil'> {
  /** Deliver events after this id: '0' means all kept events, undefined means only new ones. */
  readonly since: string | undefined;
  /** Called before the first delivery, with the id from which delivery starts. */
  readonly onStart?: (place: string) => void;
}

/** Reads the feed of one tenant for all of its clients on this replica. */
export class TenantFeed {
  readonly #logger = new Logger('Feed');
  readonly #fanOut = new FanOut();
  readonly #ended = new AbortController();
  /** The newest events up to `#position`. */
  #recent: EventView[] = [];
  #recentBytes = 0;
  #position = '';
  #started: Promise<void> | undefined;
  #hinted = withResolver();
  /** Number of clients, live or catching up. */
  listeners = 0;

  constructor(
    private readonly engine: Engine,
    private readonly tenant: string,
    private readonly semaphore: Semaphore,
    private readonly observer: FeedObserver,
  ) {}

  /** All events up to this id were delivered. */
  get position(): string {
    return this.#position;
  }

  end(): void {
    this.#ended.abort();
  }

  /**
   * Resolves when the client has all events so far and gets new ones; returns a function that stops it.
   * @throws StoreUnavailableError
   */
  async subscribe(options: SubscribeOptions, isOver: () => boolean): Promise<() => void> {
    await (this.#started ??= this.#start());
    const { filter, outlet, onLoss } = options;
    const subscriber: Subscriber = { filter, outlet, onLoss, skipUntil: undefined };
    try {
      await this.#catchUp(options, subscriber, isOver);
    } catch (error) {
      if (!(error instanceof FeedTrimmedError || error instanceof FeedResetError)) throw error;
      if (isOver()) return () => undefined;
      options.onLoss(error, this.#position);
      this.#fanOut.add(subscriber);
    }
    return () => this.#fanOut.remove(subscriber);
  }

  async #start(): Promise<void> {
    const stop = this.engine.onChange(this.tenant, 'feed', () => this.#hinted.resolve());
    try {
      this.#position = await this.engine.lastEventId(this.tenant);
    } catch (error) {
      stop();
      this.#started = undefined;
      throw error;
    }
    void this.#run().finally(stop);
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      this.#hinted = withResolver();
      try {
        await this.#read();
        // Events during this pause come with the next read.
        await sleep(GATHER_MS);
      } catch (error) {
        // Store unreachable. Clients stay connected and get the missed events when it is back.
        this.#logger.debug(`feed could not be read: ${error instanceof Error ? error.message : String(error)}`);
        await sleep(RETRY_MS);
      }
      if (!signal.aborted) await waitAtMost(this.#hinted.promise, POLL_MS, signal);
    }
  }

  async #read(): Promise<void> {
    for (;;) {
      const views = await this.#page(this.#position).catch(async (error: unknown) => {
        if (!(error instanceof FeedTrimmedError || error instanceof FeedResetError)) throw error;
        await this.#reset(error);
        return [];
      });
      const last = views.at(-1);
      if (last === undefined) return;
      this.#position = last.id;
      this.#remember(views);
      const count = this.#fanOut.distribute(views);
      this.observer.delivered(views.length, count, Math.max(0, Date.now() - eventTimeMs(last.id)));
      if (views.length < PAGE_SIZE) return;
    }
  }

  async #page(after: string | undefined): Promise<EventView[]> {
    return (await this.engine.readFeed(this.tenant, after, PAGE_SIZE)).map((event) => new EventView(event));
  }

  /** The reader has lost its position, so all live clients must read the state again. */
  async #reset(loss: FeedLoss): Promise<void> {
    // To ask for the end of the feed begins one, which must not happen in a tenant that was erased when its clients left.
    if (this.listeners === 0) return;
    this.#position = await this.engine.lastEventId(this.tenant);
    this.#recent = [];
    this.#recentBytes = 0;
    this.#logger.warn(loss.message);
    for (const subscriber of this.#fanOut) {
      subscriber.skipUntil = undefined;
      subscriber.onLoss(loss, this.#position);
    }
  }

  #remember(views: readonly EventView[]): void {
    this.#recent.push(...views);
    for (const view of views) this.#recentBytes += sizeOf(view);
    let gone = Math.max(0, this.#recent.length - MAX_RECENT);
    let bytes = this.#recent.slice(0, gone).reduce((sum, view) => sum + sizeOf(view), 0);
    while (this.#recentBytes - bytes > MAX_RECENT_BYTES && gone < this.#recent.length - 1) {
      bytes += sizeOf(this.#recent[gone++] as EventView);
    }
    if (gone > 0) this.#recent = this.#recent.slice(gone);
    this.#recentBytes -= bytes;
  }

  /** Delivers missed events, then adds the subscriber to the live ones in the same turn, so that no event is lost in between. */
  async #catchUp(
    { filter, since, outlet, onStart }: SubscribeOptions,
    subscriber: Subscriber,
    isOver: () => boolean,
  ): Promise<void> {
    let place = since ?? this.#position;
    let isStarted = false;
    const start = () => {
      if (!isStarted) onStart?.(place);
      isStarted = true;
    };
    const deliver = (views: readonly EventView[]) => {
      const wanted = views.filter(({ event }) => matches(filter, event));
      if (wanted.length > 0) outlet.deliver(new Batch(wanted));
      place = views.at(-1)?.id ?? place;
    };
    for (;;) {
      const rest = this.#recentAfter(place);
      if (rest !== undefined) {
        start();
        deliver(rest);
        break;
      }
      const position = this.#position;
      const page = await this.semaphore.run(() => this.#page(place === '0' ? undefined : place));
      if (isOver()) return;
      start();
      for (const [at, piece] of inPieces(page).entries()) {
        // Many large events would take long to write at once.
        if (at > 0) await setImmediate();
        if (isOver()) return;
        deliver(piece);
      }
      // The feed is empty: start at its current position.
      if (place === '0') place = position;
      if (isAfter(place, this.#position)) {
        subscriber.skipUntil = place;
        break;
      }
      if (!(await outlet.untilReady()) || isOver()) return;
    }
    if (!isOver()) this.#fanOut.add(subscriber);
  }

  /** Recent events after `place`; undefined if the store must be read. */
  #recentAfter(place: string): readonly EventView[] | undefined {
    if (place === this.#position) return [];
    const at = this.#recent.findLastIndex(({ id }) => id === place);
    return at === -1 ? undefined : this.#recent.slice(at + 1);
  }
}

/** Consecutive events, of at most MAX_PIECE_BYTES together unless a single one has more. */
function inPieces(views: readonly EventView[]): (readonly EventView[])[] {
  const pieces: EventView[][] = [[]];
  let bytes = 0;
  for (const view of views) {
    bytes += sizeOf(view);
    if (bytes > MAX_PIECE_BYTES) {
      pieces.push([]);
      bytes = sizeOf(view);
    }
    (pieces.at(-1) as EventView[]).push(view);
  }
  return pieces;
}
