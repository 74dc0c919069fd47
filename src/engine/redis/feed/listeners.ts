import type { Topic } from '../../engine.js';
import { changesChannel, prefixOf } from '../keys.js';
import type { RedisConnections } from '../connection/redis-connections.js';

/** Poll interval while pub/sub is unavailable. */
const DEFAULT_POLL_MS = 2000;

interface Channel {
  readonly listeners: Map<string, Set<() => void>>;
  isSubscribed: boolean;
}

/** Calls listeners after changes by any replica. Each tenant with waiting requests has one subscription. */
export class RedisListeners {
  readonly #channels = new Map<string, Channel>();
  #timer: NodeJS.Timeout | undefined;
  #isListening = false;

  constructor(
    private readonly connections: RedisConnections,
    private readonly namespace: string,
    private readonly pollMs = DEFAULT_POLL_MS,
  ) {}

  add(tenant: string, topic: Topic, listener: () => void): () => void {
    const name = changesChannel(prefixOf(this.namespace, tenant));
    const channel = this.#channel(name);
    const listeners = channel.listeners.get(topic) ?? new Set();
    channel.listeners.set(topic, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && channel.listeners.get(topic) === listeners) channel.listeners.delete(topic);
      if (channel.listeners.size === 0 && this.#channels.get(name) === channel) this.#leave(name);
    };
  }

  /** Reports changes by this replica, if there is no pub/sub. Without topics all listeners are called. */
  notify(tenant: string, topics: readonly Topic[] | undefined): void {
    const channel = this.#channels.get(changesChannel(prefixOf(this.namespace, tenant)));
    if (channel === undefined) return;
    for (const topic of topics ?? channel.listeners.keys()) call(channel.listeners.get(topic));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#channels.clear();
  }

  #channel(name: string): Channel {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = { listeners: new Map(), isSubscribed: false };
      this.#channels.set(name, channel);
      this.#subscribe(name, channel);
    }
    return channel;
  }

  #subscribe(name: string, channel: Channel): void {
    this.#timer ??= setInterval(() => this.#pollUnsubscribed(), this.pollMs).unref();
    const subscriber = this.connections.subscriber();
    if (subscriber === undefined) return;
    if (!this.#isListening) {
      this.#isListening = true;
      subscriber.onMessage((from, topics) => {
        const listeners = this.#channels.get(from)?.listeners;
        for (const topic of topics.split('\n')) if (topic !== 'feed') call(listeners?.get(topic));
        // Every change is an event of the feed.
        call(listeners?.get('feed'));
      });
      // Hints were missed while the connection was lost.
      subscriber.onReady(() => {
        this.#subscribeAgain();
        this.notifyAll();
      });
    }
    subscriber.subscribe(name).then(
      () => {
        channel.isSubscribed = true;
        // Changes before the subscription took effect were missed.
        for (const listeners of channel.listeners.values()) call(listeners);
      },
      () => undefined,
    );
  }

  /** The client does not repeat subscriptions that failed while the connection was lost. */
  #subscribeAgain(): void {
    for (const [name, channel] of this.#channels) if (!channel.isSubscribed) this.#subscribe(name, channel);
  }

  #leave(name: string): void {
    this.#channels.delete(name);
    this.connections
      .subscriber()
      ?.unsubscribe(name)
      .catch(() => undefined);
    if (this.#channels.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #pollUnsubscribed(): void {
    const isAway = this.connections.subscriber()?.isReady !== true;
    if (!isAway) this.#subscribeAgain();
    for (const channel of this.#channels.values()) {
      if (isAway || !channel.isSubscribed) for (const listeners of channel.listeners.values()) call(listeners);
    }
  }

  /** Calls all listeners of all tenants, since anything may have changed. */
  notifyAll(): void {
    for (const { listeners } of this.#channels.values()) for (const some of listeners.values()) call(some);
  }
}

function call(listeners: ReadonlySet<() => void> | undefined): void {
  listeners?.forEach((listener) => listener());
}
