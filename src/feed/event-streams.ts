import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Draining } from '../lifecycle/draining.js';
import { Listeners } from '../waiting/listeners.js';
import { LiveCallers } from '../waiting/live-callers.js';
import { withResolver } from '../waiting/wait-for-change.js';
import { EventStates } from './event-states.js';
import { EventStream } from './event-stream.js';
import type { EventView } from './event-view.js';
import type { FeedFilter } from './feed-filter.js';
import { Feeds } from './feeds.js';
import { StateOutlet } from './state-outlet.js';

const HEARTBEAT_MS = 15_000;

export interface StreamOptions {
  readonly filter: FeedFilter;
  readonly since: string | undefined;
  readonly withStates: boolean;
}

/** All event streams of this replica, with one heartbeat timer. */
@Injectable()
export class EventStreams implements OnModuleDestroy {
  /** With the place up to which each client has all events; undefined while that is not known. */
  readonly #streams = new Map<EventStream, () => string | undefined>();
  readonly #timer = setInterval(() => this.heartbeat(), HEARTBEAT_MS).unref();

  constructor(
    private readonly feeds: Feeds,
    private readonly states: EventStates,
    private readonly draining: Draining,
    private readonly callers: LiveCallers,
    private readonly listeners: Listeners,
  ) {
    draining.signal.addEventListener('abort', () => {
      for (const stream of this.#streams.keys()) stream.goAway();
    });
  }

  heartbeat(): void {
    for (const [stream, place] of this.#streams) stream.heartbeat(place());
  }

  /** @throws TooManyListenersError @throws StoreUnavailableError */
  async open(reply: FastifyReply, tenant: string, { filter, since, withStates }: StreamOptions): Promise<void> {
    const leave = this.listeners.enter('sse');
    const { metrics } = this.feeds;
    const stream = new EventStream(
      reply.raw,
      () => this.listeners.bufferBytes,
      () => metrics.cut('slow'),
      () => {
        unwatch();
        subscription.stop();
        this.#streams.delete(stream);
        leave();
      },
    );
    const unwatch = this.callers.watchRequest(reply.request, (error) => stream.refuse(error));
    const outlet = withStates ? this.#addingStates(stream, tenant) : stream;
    const started = withResolver();
    const subscription = this.feeds.follow(tenant, {
      filter,
      since,
      outlet,
      onStart(place) {
        stream.start(place);
        started.resolve();
      },
      onLoss(loss, next) {
        outlet.reset(loss, next);
        started.resolve();
      },
    });
    this.#streams.set(stream, () => (outlet.live > 0 && outlet.isIdle ? subscription.place() : undefined));
    // An unreachable store refuses the request until the first read is done; later outages are waited out.
    await Promise.race([started.promise, subscription.caughtUp]).catch((error: unknown) => {
      stream.destroy();
      throw error;
    });
    subscription.caughtUp.catch(() => stream.goAway());
    reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no');
    if (this.draining.hasBegun) stream.goAway();
    await reply.send(stream);
  }

  #addingStates(stream: EventStream, tenant: string): StateOutlet {
    const statesOf = (views: readonly EventView[], maxBytes: number) => this.states.firstOf(tenant, views, maxBytes);
    return new StateOutlet(stream, statesOf, () => this.listeners.bufferBytes);
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }
}
