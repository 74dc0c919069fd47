import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Engine } from '../engine/engine.js';
import { FeedResetError, FeedTrimmedError } from '../engine/errors.js';
import { eventTimeMs, isBehind } from '../engine/event-id.js';
import { Batch, EventView } from './event-view.js';
import { FanOut, type FeedLoss, type Subscriber } from './fan-out.js';
import { matches } from './feed-filter.js';
import type { Turns } from './turns.js';

const PAGE = 500;
/** After a read: what happens meanwhile is read together. */
const GATHERED_MS = 2;
/** Hints can be lost with a connection that nobody knows to be dead. */
const POLL_MS = 5000;
const RETRY_MS = 500;
/** For those who come back after a cut: they need not ask the store. */
const RECENT = 1000;
const RECENT_BYTES = 1024 * 1024;

export interface FeedFigures {
  /** Events read from the store, how often they were handed to a client, and how old the last one was then. */
  delivered(read: number, handedOut: number, lagMs: number): void;
}

export interface Wish extends Omit<Subscriber, 'skipUntil'> {
  /** Behind which event; '0' for all that are kept, undefined for what happens from now on. */
  readonly since: string | undefined;
  /** Called before anything is delivered, with the place from which it goes on. */
  readonly onStart?: (place: string) => void;
}

/** Reads the feed of one tenant for all of its listeners on this replica, for as long as there are any. */
export class TenantFeed {
  readonly #logger = new Logger('Feed');
  readonly #fanOut = new FanOut();
  readonly #ended = new AbortController();
  /** The newest events, the last one being that at `#position`. */
  #recent: EventView[] = [];
  #recentBytes = 0;
  #position = '';
  #begun: Promise<void> | undefined;
  #isHinted = false;
  #wake: () => void = () => undefined;
  /** Those that are live or catching up. */
  listeners = 0;

  constructor(
    private readonly engine: Engine,
    private readonly tenant: string,
    private readonly turns: Turns,
    private readonly figures: FeedFigures,
  ) {}

  /** All events up to here have been handed out. */
  get position(): string {
    return this.#position;
  }

  end(): void {
    this.#ended.abort();
    this.#wake();
  }

  /**
   * Settles when the client has everything up to now and is told of what comes; returns how to stop at once.
   * @throws StoreUnavailableError
   */
  async subscribe(wish: Wish, isOver: () => boolean): Promise<() => void> {
    await (this.#begun ??= this.#begin());
    const { filter, outlet, onLoss } = wish;
    const subscriber: Subscriber = { filter, outlet, onLoss, skipUntil: undefined };
    try {
      await this.#catchUp(wish, subscriber, isOver);
    } catch (error) {
      if (!(error instanceof FeedTrimmedError || error instanceof FeedResetError)) throw error;
      if (isOver()) return () => undefined;
      wish.onLoss(error, this.#position);
      this.#fanOut.add(subscriber);
    }
    return () => this.#fanOut.remove(subscriber);
  }

  async #begin(): Promise<void> {
    const stop = this.engine.onChange(this.tenant, 'feed', () => this.#hint());
    try {
      this.#position = await this.engine.lastEventId(this.tenant);
    } catch (error) {
      stop();
      this.#begun = undefined;
      throw error;
    }
    void this.#run().finally(stop);
  }

  #hint(): void {
    this.#isHinted = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      this.#isHinted = false;
      try {
        await this.#read();
        // Whatever comes in this time is read at once afterwards.
        await sleep(GATHERED_MS);
      } catch (error) {
        // The store is away. Listeners stay: they get what has happened when it is back.
        this.#logger.debug(`not read: ${error instanceof Error ? error.message : String(error)}`);
        await sleep(RETRY_MS);
      }
      if (!this.#isHinted && !signal.aborted) await this.#hinted();
    }
  }

  /** Settles with the next hint, or when it is time to look in any case. */
  async #hinted(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => undefined;
  }

  async #read(): Promise<void> {
    for (;;) {
      const views = await this.#page(this.#position).catch(async (error: unknown) => {
        if (!(error instanceof FeedTrimmedError || error instanceof FeedResetError)) throw error;
        await this.#lose(error);
        return [];
      });
      const last = views.at(-1);
      if (last === undefined) return;
      this.#position = last.id;
      this.#remember(views);
      const count = this.#fanOut.distribute(views);
      this.figures.delivered(views.length, count, Math.max(0, Date.now() - eventTimeMs(last.id)));
      if (views.length < PAGE) return;
    }
  }

  async #page(after: string | undefined): Promise<EventView[]> {
    return (await this.engine.readFeed(this.tenant, after, PAGE)).map((event) => new EventView(event));
  }

  /** The reader itself has lost its place, and with it everybody who is live. */
  async #lose(loss: FeedLoss): Promise<void> {
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
    let gone = Math.max(0, this.#recent.length - RECENT);
    let bytes = this.#recent.slice(0, gone).reduce((sum, view) => sum + sizeOf(view), 0);
    while (this.#recentBytes - bytes > RECENT_BYTES && gone < this.#recent.length - 1) {
      bytes += sizeOf(this.#recent[gone++] as EventView);
    }
    if (gone > 0) this.#recent = this.#recent.slice(gone);
    this.#recentBytes -= bytes;
  }

  /** Ends with the subscriber among the live ones, in the same turn in which nothing is missing to that. */
  async #catchUp(
    { filter, since, outlet, onStart }: Wish,
    subscriber: Subscriber,
    isOver: () => boolean,
  ): Promise<void> {
    let place = since ?? this.#position;
    let isStarted = false;
    const start = () => {
      if (!isStarted) onStart?.(place);
      isStarted = true;
    };
    const give = (views: readonly EventView[]) => {
      const wanted = views.filter(({ event }) => matches(filter, event));
      if (wanted.length > 0) outlet.deliver(new Batch(wanted));
      place = views.at(-1)?.id ?? place;
    };
    for (;;) {
      const rest = this.#behind(place);
      if (rest !== undefined) {
        start();
        give(rest);
        break;
      }
      const position = this.#position;
      const page = await this.turns.take(() => this.#page(place === '0' ? undefined : place));
      if (isOver()) return;
      start();
      give(page);
      // Nothing has happened at all, so this is where the feed begins.
      if (place === '0') place = position;
      if (isBehind(place, this.#position)) {
        subscriber.skipUntil = place;
        break;
      }
      if (!(await outlet.room()) || isOver()) return;
    }
    if (!isOver()) this.#fanOut.add(subscriber);
  }

  /** What is behind a place, if that is known without asking. */
  #behind(place: string): readonly EventView[] | undefined {
    if (place === this.#position) return [];
    const at = this.#recent.findLastIndex(({ id }) => id === place);
    return at === -1 ? undefined : this.#recent.slice(at + 1);
  }
}

function sizeOf({ event }: EventView): number {
  return 200 + (event.fields['payload']?.length ?? 0);
}
