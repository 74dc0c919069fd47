import { Logger } from '@nestjs/common';
import type { RedisConfig } from '../../../config/config.js';
import { StoreAwayError } from '../../errors.js';
import { CircuitBreaker, usualBreaker } from './circuit-breaker.js';
import { driverFor } from './drivers/driver-for.js';
import { explain } from './drivers/explain-failure.js';
import type {
  BlockingConnection,
  RedisCommands,
  RedisDriver,
  RedisSubscriber,
  ServerNode,
} from './drivers/redis-driver.js';

/** How often an open breaker asks whether Redis is there again, beside each time that a connection comes up. */
const ASKED_EACH_MS = 500;

/** All connections of this replica, whatever the kind of Redis: whether they are used, and who is told when they come and go. */
export class RedisConnections {
  readonly #logger = new Logger('Redis');
  readonly #driver: RedisDriver;
  readonly breaker: CircuitBreaker;
  readonly #lostListeners: (() => void)[] = [];
  readonly #readyListeners = new Set<() => void>();
  #isClosing = false;
  #wasReady: boolean | undefined;
  #failure: Error | undefined;
  #asking: NodeJS.Timeout | undefined;

  /** `silent`: whoever asks says himself how it went. */
  constructor(
    readonly config: RedisConfig,
    private readonly log: 'silent' | 'spoken' = 'spoken',
  ) {
    this.breaker = new CircuitBreaker(config.breaker ?? usualBreaker);
    this.breaker.onChange((state, before) => {
      if (this.log === 'spoken') this.#logger.warn(`circuit breaker: ${before} -> ${state}`);
      if (state === 'open') this.#askLater();
      else if (state === 'half-open') this.#tellReady();
    });
    this.#driver = driverFor(config, {
      changed: () => {
        this.#noteState();
        if (this.isReady) void this.#ask();
      },
      lost: () => {
        if (!this.#isClosing) this.breaker.failed();
        for (const listener of this.#lostListeners) listener();
      },
      failed: (error) => (this.#failure = error),
    });
  }

  /** Tries to connect all; settles when the first attempt of each is over, however it went. */
  open(): Promise<void> {
    return this.#driver.open();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#asking);
    await this.#driver.close();
  }

  /** A connection that is ready, in turn. @throws StoreAwayError when there is none. */
  command(): RedisCommands {
    return this.#commands(false);
  }

  /** The same, for a call that has gathered what there is: Redis works on it while this turn goes on. */
  atOnce(): RedisCommands {
    return this.#commands(true);
  }

  #commands(atOnce: boolean): RedisCommands {
    if (this.breaker.state === 'open') throw new StoreAwayError();
    try {
      return this.#driver.commands(atOnce);
    } catch (error) {
      // That there is none; a driver says nothing else here.
      this.breaker.failed();
      throw error;
    }
  }

  /** Where Redis is, in words for people. */
  get address(): string {
    return this.#driver.address;
  }

  get isReady(): boolean {
    return this.#driver.isReady;
  }

  /** Commands may be sent: there is a connection, and the breaker lets them through. */
  get isUsable(): boolean {
    return this.isReady && this.breaker.state !== 'open';
  }

  /** Settles when commands may be sent or the time is over. */
  async ready(withinMs: number): Promise<void> {
    if (this.isUsable) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        stop();
        resolve();
      };
      const stop = this.onReady(done);
      const timer = setTimeout(done, withinMs);
    });
  }

  /** Calls back whenever commands may be sent again. Returns how to stop. */
  onReady(listener: () => void): () => void {
    this.#readyListeners.add(listener);
    return () => this.#readyListeners.delete(listener);
  }

  /** Whether Redis answers, whatever the breaker says. Takes no longer than a command may. */
  async ping(): Promise<boolean> {
    try {
      await this.#driver.commands().ping();
      return true;
    } catch {
      // No answer is the answer; the loss of the connection is noted where it is noticed.
      return false;
    }
  }

  #tellReady(): void {
    for (const listener of this.#readyListeners) if (this.isUsable) listener();
  }

  /** An open breaker waits for a PING that is answered: on each new connection, and when its pause is over. */
  async #ask(): Promise<void> {
    if (this.breaker.state !== 'open') return this.#tellReady();
    if (this.breaker.pausesForMs > 0) return this.#askLater();
    if (await this.ping()) this.breaker.answered();
    else this.#askLater();
  }

  #askLater(): void {
    clearTimeout(this.#asking);
    if (this.#isClosing) return;
    const soon = Math.max(this.breaker.pausesForMs, ASKED_EACH_MS);
    this.#asking = setTimeout(() => void this.#ask(), soon).unref();
  }

  /** Calls back whenever a command connection was lost: what it had under way may still arrive. */
  onLost(listener: () => void): void {
    this.#lostListeners.push(listener);
  }

  get canSubscribe(): boolean {
    return this.#driver.canSubscribe;
  }

  /** For subscriptions, opened when first asked for; undefined where there are none. */
  subscriber(): RedisSubscriber | undefined {
    return this.#driver.subscriber();
  }

  /** The servers that hold keys. @throws StoreUnavailableError */
  nodes(): Promise<readonly ServerNode[]> {
    return this.#driver.nodes();
  }

  /** To the server that holds `key`, for what blocks a connection; undefined where there are no connections. */
  blocking(key: string): Promise<BlockingConnection | undefined> {
    return this.#driver.blocking(key);
  }

  /** Why it cannot be reached, as far as that is known; in words for the operator. */
  async whyAway(): Promise<string> {
    return explain(this.config, this.#failure);
  }

  #noteState(): void {
    if (this.#isClosing) return;
    const { isReady } = this;
    const isNews = isReady !== this.#wasReady;
    this.#wasReady = isReady;
    if (!isNews) return;
    if (isReady) {
      this.#failure = undefined;
      if (this.log === 'spoken') this.#logger.log(`connected to ${this.address}`);
    } else if (this.log === 'spoken') {
      void this.#tellAway();
    }
  }

  async #tellAway(): Promise<void> {
    const why = await this.whyAway();
    if (this.isReady || this.#isClosing) return;
    this.#logger.error(`cannot reach ${this.address}${why === '' ? '' : ` (${why})`}; trying again`);
  }
}
