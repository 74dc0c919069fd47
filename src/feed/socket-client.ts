import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { ServiceError } from '../service-error.js';
import type { Batch } from './event-view.js';
import type { Outlet } from './fan-out.js';
import type { CutReason } from './feed-metrics.js';
import type { Feeds, Following } from './feeds.js';
import { readMessage, type ClientMessage } from './socket-messages.js';

const MOST_SUBSCRIPTIONS = 100;
const MOST_MESSAGES_A_SECOND = 20;
/** Who does not even take the end of the connection by then is cut off. */
const LAST_WORD_MS = 2000;
/** Who is catching up and takes nothing for so long is cut off too. */
const PATIENCE_MS = 30_000;

/** Of RFC 6455 §7.4.1 and the IANA registry. */
export const CLOSE = { goingAway: 1001, unsupported: 1003, policy: 1008, tryAgainLater: 1013 } as const;

export interface SocketContext {
  readonly feeds: Feeds;
  readonly tenant: string;
  readonly mostBytes: number;
}

/** One WebSocket, and what it has subscribed to. */
export class SocketClient implements Outlet {
  live = 0;
  readonly #subscriptions = new Map<string, Following>();
  #lastId: string | undefined;
  #isAlive = true;
  #hasEnded = false;
  #second = 0;
  #messages = 0;

  constructor(
    private readonly webSocket: WebSocket,
    /** Under it: frames that are shared by all are written as they are. */
    private readonly socket: Duplex,
    private readonly context: SocketContext,
    onGone: () => void,
  ) {
    webSocket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    webSocket.on('pong', () => (this.#isAlive = true));
    // What is wrong with it ends it; there is nobody to be told.
    webSocket.on('error', () => undefined);
    webSocket.on('close', () => {
      this.#stop();
      onGone();
    });
  }

  deliver(batch: Batch): void {
    // A client that has said goodbye is told nothing more, though it is not gone yet.
    if (this.#hasEnded || this.webSocket.readyState !== this.webSocket.OPEN) return;
    if (this.socket.writableLength > this.context.mostBytes) return this.#cut('slow');
    this.#lastId = batch.lastId;
    this.socket.write(batch.frames);
  }

  async room(): Promise<boolean> {
    const isFull = () => this.socket.writableLength > this.context.mostBytes / 2;
    if (isFull() && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.socket.off('drain', done).off('close', done);
          resolve();
        };
        const timer = setTimeout(done, PATIENCE_MS);
        this.socket.on('drain', done).on('close', done);
      });
      if (isFull()) this.#cut('slow');
    }
    return !this.#hasEnded;
  }

  /** Asks whether it is still there; who has not answered the last time is not. */
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
    setTimeout(() => this.webSocket.terminate(), LAST_WORD_MS).unref();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#hasEnded) return;
    const second = Math.floor(performance.now() / 1000);
    this.#messages = second === this.#second ? this.#messages + 1 : 1;
    this.#second = second;
    if (isBinary) return this.end(CLOSE.unsupported, 'text only');
    if (this.#messages > MOST_MESSAGES_A_SECOND) return this.#cut('too-many-messages');
    const message = readMessage(data.toString());
    if ('code' in message) return this.#say({ type: 'error', ...message });
    if (message.type === 'ping') return this.#say({ type: 'pong' });
    if (message.type === 'subscribe') return this.#subscribe(message);
    this.#subscriptions.get(message.channel)?.stop();
    this.#subscriptions.delete(message.channel);
    this.#say({ type: 'unsubscribed', channel: message.channel });
  }

  #subscribe({ channel, filter, since }: Extract<ClientMessage, { type: 'subscribe' }>): void {
    const { feeds, tenant } = this.context;
    // A second time with a place starts over from there; without one nothing changes.
    if (this.#subscriptions.has(channel)) {
      if (since === undefined) return this.#say({ type: 'subscribed', channel });
      this.#subscriptions.get(channel)?.stop();
    } else if (this.#subscriptions.size >= MOST_SUBSCRIPTIONS) {
      const message = `at most ${MOST_SUBSCRIPTIONS} subscriptions`;
      return this.#say({ type: 'error', code: 'TOO_MANY_SUBSCRIPTIONS', message, channel });
    }
    let isStarted = false;
    const start = (id: string) => {
      if (!isStarted) this.#say({ type: 'subscribed', channel, id });
      isStarted = true;
    };
    const following = feeds.follow(tenant, {
      filter,
      since,
      outlet: this,
      onStart: start,
      onLoss: (loss, id) => {
        start(id);
        this.#say({ type: 'reset', channel, code: loss.code, ...loss.extensions, id });
      },
    });
    this.#subscriptions.set(channel, following);
    following.caughtUp.catch((error: unknown) => {
      following.stop();
      if (this.#subscriptions.get(channel) === following) this.#subscriptions.delete(channel);
      const code = error instanceof ServiceError ? error.code : 'INTERNAL_ERROR';
      const message = error instanceof ServiceError ? error.message : 'Something went wrong in the service';
      this.#say({ type: 'error', code, message, channel });
    });
  }

  #say(message: object): void {
    if (this.#hasEnded) return;
    // Its answers are bounded by what it may ask, but only if it takes them.
    if (this.socket.writableLength > this.context.mostBytes) return this.#cut('slow');
    this.webSocket.send(JSON.stringify(message));
  }

  #cut(reason: CutReason): void {
    if (this.#hasEnded) return;
    this.context.feeds.metrics.cut(reason);
    if (reason === 'slow') {
      this.webSocket.send(JSON.stringify({ type: 'resync', code: 'TOO_SLOW', id: this.#lastId ?? null }));
      this.end(CLOSE.tryAgainLater, 'too slow');
    } else {
      this.webSocket.send(
        JSON.stringify({
          type: 'error',
          code: 'TOO_MANY_MESSAGES',
          message: `at most ${MOST_MESSAGES_A_SECOND} a second`,
        }),
      );
      this.end(CLOSE.policy, 'too many messages');
    }
  }

  #stop(): void {
    this.#hasEnded = true;
    for (const following of this.#subscriptions.values()) following.stop();
    this.#subscriptions.clear();
  }
}
