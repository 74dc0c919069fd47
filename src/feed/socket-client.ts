import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { UnauthenticatedError } from '../access/access-errors.js';
import { PROBLEMS } from '../http/problems.js';
import { ServiceError, type ErrorCode } from '../service-error.js';
import { waitAtMost, withResolver } from '../waiting/wait-for-change.js';
import type { Batch } from './event-view.js';
import type { Outlet } from './fan-out.js';
import type { CutReason } from './feed-metrics.js';
import { TooManyListenersError } from '../waiting/listeners.js';
import type { Feeds, Subscription } from './feeds.js';
import type { SocketAccess } from './socket-access.js';
import { readClientMessage, type ClientMessage } from './socket-messages.js';

const MAX_SUBSCRIPTIONS = 100;
const MAX_MESSAGES_PER_SECOND = 20;
/** Time for the close handshake before the connection is terminated. */
const FLUSH_TIMEOUT_MS = 2000;
/** A client that reads nothing for this long while catching up is cut off. */
const STALL_TIMEOUT_MS = 30_000;

/** Time for the message with the credential. */
const AUTH_TIMEOUT_MS = 5000;

const FIRST_AUTH = 'The first message must be {"type":"auth","token":"…"}, or the upgrade must bring a credential';

/** Close codes of RFC 6455 §7.4.1 and the IANA registry. A refusal has 4000 plus the status of HTTP. */
export const CLOSE = {
  goingAway: 1001,
  unsupported: 1003,
  policy: 1008,
  tryAgainLater: 1013,
  unauthenticated: 4401,
  forbidden: 4403,
} as const;

export interface SocketContext {
  readonly feeds: Feeds;
  readonly access: SocketAccess;
  /** Less if there are many clients. */
  readonly maxBytes: () => number;
  /** Called when the caller is known, once. @throws TooManyListenersError */
  readonly enter: () => void;
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
  #hasEntered = false;
  /** Messages wait here while a credential is verified. */
  readonly #queue: ClientMessage[] = [];
  #isVerifying = false;
  #authTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly webSocket: WebSocket,
    /** The underlying connection, to which shared frames are written directly. */
    private readonly socket: Duplex,
    private readonly context: SocketContext,
    onGone: () => void,
  ) {
    context.access.begin((error) => this.#refuse(error));
    webSocket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    webSocket.on('pong', () => (this.#isAlive = true));
    // The library closes the connection after an error.
    webSocket.on('error', () => undefined);
    webSocket.on('close', () => {
      this.#stop();
      onGone();
    });
    if (context.access.caller === undefined) {
      const late = () =>
        this.#refuse(new UnauthenticatedError(`No credential came within ${AUTH_TIMEOUT_MS / 1000} s`));
      this.#authTimer = setTimeout(late, AUTH_TIMEOUT_MS).unref();
    } else this.#enter();
  }

  deliver(batch: Batch): void {
    // No frames may follow the start of the close handshake.
    if (this.#hasEnded || this.webSocket.readyState !== this.webSocket.OPEN) return;
    if (this.socket.writableLength > this.context.maxBytes()) return this.#cut('slow');
    this.#lastId = batch.lastId;
    this.socket.write(batch.frames);
  }

  async untilReady(): Promise<boolean> {
    const isFull = () => this.socket.writableLength > this.context.maxBytes() / 2;
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
    this.#queue.push(message);
    this.#handleAll();
  }

  #handleAll(): void {
    while (!this.#isVerifying && !this.#hasEnded) {
      const message = this.#queue.shift();
      if (message === undefined) return;
      this.#handle(message);
    }
  }

  #handle(message: ClientMessage): void {
    if (message.type === 'auth') return void this.#authenticate(message.token);
    const { caller } = this.context.access;
    if (caller === undefined) return this.#refuse(new UnauthenticatedError(FIRST_AUTH));
    if (message.type === 'ping') return this.#send({ type: 'pong' });
    if (message.type === 'subscribe') return this.#subscribe(message, caller.tenant);
    this.#subscriptions.get(message.channel)?.stop();
    this.#subscriptions.delete(message.channel);
    this.#send({ type: 'unsubscribed', channel: message.channel });
  }

  /** Also renews the credential, since a token can end before the connection does. */
  async #authenticate(token: string): Promise<void> {
    this.#isVerifying = true;
    const before = this.context.access.caller;
    try {
      const { tenant, by, expiresAtMs } = await this.context.access.authenticate(token);
      if (this.#hasEnded) return;
      if (before !== undefined && before.tenant !== tenant && this.#subscriptions.size > 0)
        return this.end(CLOSE.policy, 'another tenant');
      clearTimeout(this.#authTimer);
      this.#enter();
      const expiresAt = expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString();
      this.#send({ type: 'authenticated', tenant, by, expiresAt });
    } catch (error) {
      return this.#refuse(error);
    }
    this.#isVerifying = false;
    this.#handleAll();
  }

  #enter(): void {
    if (this.#hasEntered) return;
    this.#hasEntered = true;
    try {
      this.context.enter();
    } catch (error) {
      if (!(error instanceof TooManyListenersError)) throw error;
      this.end(CLOSE.tryAgainLater, 'too many listeners');
    }
  }

  /** Sends the reason and closes the connection. */
  #refuse(error: unknown): void {
    if (this.#hasEnded) return;
    this.context.feeds.metrics.cut('refused');
    const known = error instanceof ServiceError ? error : undefined;
    const code = known?.code ?? 'INTERNAL_ERROR';
    this.#send({ type: 'error', code, message: known?.message ?? 'Internal error' });
    this.end(closeCodeOf(code), code);
  }

  #subscribe({ channel, filter, since }: Extract<ClientMessage, { type: 'subscribe' }>, tenant: string): void {
    const { feeds } = this.context;
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
    if (this.socket.writableLength > this.context.maxBytes()) return this.#cut('slow');
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
    clearTimeout(this.#authTimer);
    this.context.access.end();
    for (const subscription of this.#subscriptions.values()) subscription.stop();
    this.#subscriptions.clear();
  }
}

function closeCodeOf(code: ErrorCode): number {
  const { status } = PROBLEMS[code];
  if (status === 401) return CLOSE.unauthenticated;
  return status === 429 || status >= 500 ? CLOSE.tryAgainLater : CLOSE.forbidden;
}
