import { Logger } from '@nestjs/common';
import type { RedisConfig } from '../../config/config.js';
import { driverFor } from './drivers/driver-for.js';
import { explain } from './drivers/explain-failure.js';
import type {
  BlockingConnection,
  RedisCommands,
  RedisDriver,
  RedisSubscriber,
  ServerNode,
} from './drivers/redis-driver.js';

/** All connections of this replica, whatever the kind of Redis: who is told when they come and go. */
export class RedisConnections {
  readonly #logger = new Logger('Redis');
  readonly #driver: RedisDriver;
  readonly #lostListeners: (() => void)[] = [];
  readonly #readyListeners = new Set<() => void>();
  #isClosing = false;
  #wasReady: boolean | undefined;
  #failure: Error | undefined;

  /** `silent`: whoever asks says himself how it went. */
  constructor(
    readonly config: RedisConfig,
    private readonly log: 'silent' | 'spoken' = 'spoken',
  ) {
    this.#driver = driverFor(config, {
      changed: () => this.#noteState(),
      lost: () => this.#lostListeners.forEach((listener) => listener()),
      failed: (error) => (this.#failure = error),
    });
  }

  /** Tries to connect all; settles when the first attempt of each is over, however it went. */
  open(): Promise<void> {
    return this.#driver.open();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#driver.close();
  }

  /** A connection that is ready, in turn. @throws StoreUnavailableError when there is none. */
  command(): RedisCommands {
    return this.#driver.commands();
  }

  /** The same, for a call that has gathered what there is: Redis works on it while this turn goes on. */
  atOnce(): RedisCommands {
    return this.#driver.commands(true);
  }

  /** Where Redis is, in words for people. */
  get address(): string {
    return this.#driver.address;
  }

  get isReady(): boolean {
    return this.#driver.isReady;
  }

  /** Settles when a connection is ready or the time is over. */
  async ready(withinMs: number): Promise<void> {
    if (this.isReady) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#readyListeners.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.#readyListeners.add(done);
    });
  }

  /** Calls back whenever Redis can be used again after it could not. */
  onReady(listener: () => void): void {
    this.#readyListeners.add(listener);
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
      this.#readyListeners.forEach((listener) => listener());
    } else if (this.log === 'spoken') {
      void this.#tellAway();
    }
  }

  async #tellAway(): Promise<void> {
    const why = await this.whyAway();
    if (this.isReady || this.#isClosing) return;
    this.#logger.error(`cannot reach ${this.address}${why === '' ? '' : ` (${why})`}; answering 503 and trying again`);
  }
}
