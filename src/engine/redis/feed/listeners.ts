import type { Hint, Listener, Topic } from '../../engine.js';
import { changesChannel, prefixOf } from '../keys.js';
import type { RedisConnections } from '../connection/redis-connections.js';

/** Poll interval while pub/sub is unavailable. */
const DEFAULT_POLL_MS = 2000;
/**
 * Maximum subscriptions that one poll tries again, so that a server that refuses them does not get one for every
 * tenant.
 */
const MAX_SUBSCRIBED_PER_POLL = 100;

interface Channel {
  readonly listeners: Map<string, Set<Listener>>;
  isSubscribed: boolean;
  isSubscribing: boolean;
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

  add(tenant: string, topic: Topic, listener: Listener): () => void {
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

  /** Reports changes by this replica without a message of Redis. Without topics all listeners are called. */
  notify(tenant: string, topics: readonly Topic[] | undefined): void {
    const channel = this.#channels.get(changesChannel(prefixOf(this.namespace, tenant)));
    if (channel === undefined) return;
    for (const topic of topics ?? channel.listeners.keys()) call(channel.listeners.get(topic), 'changed');
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#channels.clear();
  }

  #channel(name: string): Channel {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = { listeners: new Map(), isSubscribed: false, isSubscribing: false };
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
        for (const topic of topics.split('\n')) if (topic !== 'feed') call(listeners?.get(topic), 'changed');
        // Every change is an event of the feed.
        call(listeners?.get('feed'), 'changed');
      });
      // Hints were missed while the connection was lost.
      subscriber.onReady(() => {
        this.#subscribeAgain();
        this.notifyAll('missed');
      });
    }
    channel.isSubscribing = true;
    subscriber.subscribe(name).then(
      () => {
        channel.isSubscribing = false;
        channel.isSubscribed = true;
        // Changes before the subscription took effect were missed.
        for (const listeners of channel.listeners.values()) call(listeners, 'missed');
      },
      () => (channel.isSubscribing = false),
    );
  }

  /** The client does not repeat subscriptions that failed while the connection was lost. */
  #subscribeAgain(limit = Infinity): void {
    const missing = [...this.#channels].filter(
      ([, { isSubscribed, isSubscribing }]) => !isSubscribed && !isSubscribing,
    );
    for (const [name, channel] of missing.slice(0, limit)) {
      // Moves the channel to the end, so that the others come first the next time.
      this.#channels.delete(name);
      this.#channels.set(name, channel);
      this.#subscribe(name, channel);
    }
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
    if (!isAway) this.#subscribeAgain(MAX_SUBSCRIBED_PER_POLL);
    for (const channel of this.#channels.values()) {
      if (isAway || !channel.isSubscribed) for (const listeners of channel.listeners.values()) call(listeners, 'poll');
    }
  }

  /** Calls all listeners of all tenants, since anything may have changed. */
  notifyAll(hint: Hint): void {
    for (const { listeners } of this.#channels.values()) for (const some of listeners.values()) call(some, hint);
  }
}

function call(listeners: ReadonlySet<Listener> | undefined, hint: Hint): void {
  listeners?.forEach((listener) => listener(hint));
}
