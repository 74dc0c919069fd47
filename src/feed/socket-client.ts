import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { ServiceError } from '../service-error.js';
import { waitAtMost, withResolver } from '../waiting/wait-for-change.js';
import type { Batch } from './event-view.js';
import type { Outlet } from './fan-out.js';
import type { CutReason } from './feed-metrics.js';
import type { Feeds, Subscription } from './feeds.js';
import { readClientMessage, type ClientMessage } from './socket-messages.js';

const MAX_SUBSCRIPTIONS = 100;
const MAX_MESSAGES_PER_SECOND = 20;
/** Time for the close handshake before the connection is terminated. */
const FLUSH_TIMEOUT_MS = 2000;
/** A client that reads nothing for this long while catching up is cut off. */
const STALL_TIMEOUT_MS = 30_000;

/** Close codes of RFC 6455 §7.4.1 and the IANA registry. */
export const CLOSE = { goingAway: 1001, unsupported: 1003, policy: 1008, tryAgainLater: 1013 } as const;

export interface SocketContext {
  readonly feeds: Feeds;
  readonly tenant: string;
  readonly maxBytes: number;
}

/** One WebSocket with its subscriptions. */
export class SocketClient implements Outlet {
  live = 0;
  readonly #subscriptions = new Map<string, Subscription>();
  #lastId: string | undefined;
  #isAlive = true;
  #hasEnded = false;
  #second = 0;
  #messages = 0;

  constructor(
    private readonly webSocket: WebSocket,
    /** The underlying connection, to which shared frames are written directly. */
    private readonly socket: Duplex,
    private readonly context: SocketContext,
    onGone: () => void,
  ) {
    webSocket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    webSocket.on('pong', () => (this.#isAlive = true));
    // The library closes the connection after an error.
    webSocket.on('error', () => undefined);
    webSocket.on('close', () => {
      this.#stop();
      onGone();
    });
  }

  deliver(batch: Batch): void {
    // No frames may follow the start of the close handshake.
    if (this.#hasEnded || this.webSocket.readyState !== this.webSocket.OPEN) return;
    if (this.socket.writableLength > this.context.maxBytes) return this.#cut('slow');
    this.#lastId = batch.lastId;
    this.socket.write(batch.frames);
  }

  async untilReady(): Promise<boolean> {
    const isFull = () => this.socket.writableLength > this.context.maxBytes / 2;
    if (isFull() && !this.#hasEnded) {
      const { promise, resolve } = withResolver();
      this.socket.on('drain', resolve).on('close', resolve);
      await waitAtMost(promise, STALL_TIMEOUT_MS);
      this.socket.off('drain', resolve).off('close', resolve);
      if (isFull()) this.#cut('slow');
    }
    return !this.#hasEnded;
  }

  /** Sends a ping; terminates the connection if the last one was not answered. */
  check(): void {
    if (this.#isAlive) {
      this.#isAlive = false;
      this.webSocket.ping();
    } else {
      this.context.feeds.metrics.cut('silent');
      this.webSocket.terminate();
    }
  }

  end(code: number, reason: string): void {
    this.#stop();
    this.webSocket.close(code, reason);
    setTimeout(() => this.webSocket.terminate(), FLUSH_TIMEOUT_MS).unref();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#hasEnded) return;
    const second = Math.floor(performance.now() / 1000);
    this.#messages = second === this.#second ? this.#messages + 1 : 1;
    this.#second = second;
    if (isBinary) return this.end(CLOSE.unsupported, 'text only');
    if (this.#messages > MAX_MESSAGES_PER_SECOND) return this.#cut('too-many-messages');
    const message = readClientMessage(data.toString());
    if ('code' in message) return this.#send({ type: 'error', ...message });
    if (message.type === 'ping') return this.#send({ type: 'pong' });
    if (message.type === 'subscribe') return this.#subscribe(message);
    this.#subscriptions.get(message.channel)?.stop();
    this.#subscriptions.delete(message.channel);
    this.#send({ type: 'unsubscribed', channel: message.channel });
  }

  #subscribe({ channel, filter, since }: Extract<ClientMessage, { type: 'subscribe' }>): void {
    const { feeds, tenant } = this.context;
    // A repeated subscription restarts from `since`, or changes nothing without it.
    if (this.#subscriptions.has(channel)) {
      if (since === undefined) return this.#send({ type: 'subscribed', channel });
      this.#subscriptions.get(channel)?.stop();
    } else if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      const message = `at most ${MAX_SUBSCRIPTIONS} subscriptions`;
      return this.#send({ type: 'error', code: 'TOO_MANY_SUBSCRIPTIONS', message, channel });
    }
    let isStarted = false;
    const start = (id: string) => {
      if (!isStarted) this.#send({ type: 'subscribed', channel, id });
      isStarted = true;
    };
    const subscription = feeds.follow(tenant, {
      filter,
      since,
      outlet: this,
      onStart: start,
      onLoss: (loss, id) => {
        start(id);
        this.#send({ type: 'reset', channel, code: loss.code, ...loss.extensions, id });
      },
    });
    this.#subscriptions.set(channel, subscription);
    subscription.caughtUp.catch((error: unknown) => {
      subscription.stop();
      if (this.#subscriptions.get(channel) === subscription) this.#subscriptions.delete(channel);
      const code = error instanceof ServiceError ? error.code : 'INTERNAL_ERROR';
      const message = error instanceof ServiceError ? error.message : 'Internal error';
      this.#send({ type: 'error', code, message, channel });
    });
  }

  #send(message: object): void {
    if (this.#hasEnded) return;
    // Bounds the answers to a client that does not read them.
    if (this.socket.writableLength > this.context.maxBytes) return this.#cut('slow');
    this.webSocket.send(JSON.stringify(message));
  }

  #cut(reason: CutReason): void {
    if (this.#hasEnded) return;
    this.context.feeds.metrics.cut(reason);
    if (reason === 'slow') {
      this.webSocket.send(JSON.stringify({ type: 'resync', code: 'TOO_SLOW', id: this.#lastId ?? null }));
      this.end(CLOSE.tryAgainLater, 'too slow');
    } else {
      const message = `at most ${MAX_MESSAGES_PER_SECOND} a second`;
      this.webSocket.send(JSON.stringify({ type: 'error', code: 'TOO_MANY_MESSAGES', message }));
      this.end(CLOSE.policy, 'too many messages');
    }
  }

  #stop(): void {
    this.#hasEnded = true;
    for (const subscription of this.#subscriptions.values()) subscription.stop();
    this.#subscriptions.clear();
  }
}
