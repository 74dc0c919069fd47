import type { Topic } from '../engine.js';
import { changesChannel, prefixOf } from './keys.js';
import type { RedisConnections } from './redis-connections.js';

/** When hints cannot be had, whoever waits looks for himself this often. */
const POLL_MS = 2000;

interface Channel {
  readonly listeners: Map<string, Set<() => void>>;
  isSubscribed: boolean;
}

/** Tells waiting requests that something has changed, whichever replica changed it. One subscription per tenant that somebody waits in. */
export class ChangeHints {
  readonly #channels = new Map<string, Channel>();
  #timer: NodeJS.Timeout | undefined;
  #isListening = false;

  constructor(
    private readonly connections: RedisConnections,
    private readonly namespace: string,
  ) {}

  listen(tenant: string, topic: Topic, listener: () => void): () => void {
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
    const subscriber = this.connections.subscriber();
    if (!this.#isListening) {
      this.#isListening = true;
      subscriber.on('message', (from: string, topic: string) => {
        const listeners = this.#channels.get(from)?.listeners;
        tell(listeners?.get(topic));
        // Every change is an event.
        if (topic !== 'feed') tell(listeners?.get('feed'));
      });
      // Hints were missed while the connection was away.
      subscriber.on('ready', () => this.#tellAll());
    }
    subscriber.subscribe(name).then(
      () => {
        channel.isSubscribed = true;
        // A change between the caller's call and this moment went by unheard.
        for (const listeners of channel.listeners.values()) tell(listeners);
      },
      () => undefined,
    );
    this.#timer ??= setInterval(() => this.#pollUnheard(), POLL_MS).unref();
  }

  #leave(name: string): void {
    this.#channels.delete(name);
    this.connections
      .subscriber()
      .unsubscribe(name)
      .catch(() => undefined);
    if (this.#channels.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #pollUnheard(): void {
    const isAway = this.connections.subscriber().status !== 'ready';
    for (const channel of this.#channels.values()) {
      if (isAway || !channel.isSubscribed) for (const listeners of channel.listeners.values()) tell(listeners);
    }
  }

  #tellAll(): void {
    for (const { listeners } of this.#channels.values()) for (const some of listeners.values()) tell(some);
  }
}

function tell(listeners: ReadonlySet<() => void> | undefined): void {
  listeners?.forEach((listener) => listener());
}
