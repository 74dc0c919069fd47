import { Logger } from '@nestjs/common';
import type { RedisConfig } from '../../../config/config.js';
import { StoreAwayError } from '../../errors.js';
import { withTimeout } from '../../with-timeout.js';
import { CircuitBreaker, defaultBreaker } from './circuit-breaker.js';
import { driverFor } from './drivers/driver-for.js';
import { explain, mistakeBehind } from './drivers/explain-failure.js';
import type {
  BlockingConnection,
  DriverEvents,
  RedisCommands,
  RedisDriver,
  RedisSubscriber,
  ServerNode,
} from './drivers/redis-driver.js';

/** Interval of pings while the breaker is open; each new connection pings too. */
const PING_INTERVAL_MS = 500;

/** Connections of this replica to a Redis of any kind, with the circuit breaker in front. */
export class RedisConnections {
  readonly #logger = new Logger('Redis');
  readonly #driver: RedisDriver;
  readonly breaker: CircuitBreaker;
  readonly #lostListeners: (() => void)[] = [];
  readonly #timeoutListeners: DriverEvents['timeout'][] = [];
  readonly #readyListeners = new Set<() => void>();
  #isClosing = false;
  #wasReady: boolean | undefined;
  #failure: Error | undefined;
  #pingTimer: NodeJS.Timeout | undefined;

  /** `logsState`: false if the caller reports the state. */
  constructor(
    readonly config: RedisConfig,
    private readonly logsState = true,
  ) {
    this.breaker = new CircuitBreaker(config.breaker ?? defaultBreaker);
    this.breaker.onChange((state, before) => {
      if (this.logsState) this.#logger.warn(`circuit breaker: ${before} -> ${state}`);
      if (state === 'open') this.#pingLater();
      else if (state === 'half-open') this.#notifyReady();
    });
    this.#driver = driverFor(config, {
      changed: () => {
        this.#noteState();
        if (this.isReady) void this.#pingBreaker();
      },
      lost: () => {
        if (!this.#isClosing) this.breaker.failed();
        for (const listener of this.#lostListeners) listener();
      },
      timeout: (as) => {
        for (const listener of this.#timeoutListeners) listener(as);
      },
      failed: (error) => (this.#failure = error),
    });
  }

  /** Resolves when the first attempt of each connection has succeeded or failed. */
  open(): Promise<void> {
    return this.#driver.open();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#pingTimer);
    await this.#driver.close();
  }

  /**
   * A ready connection, in rotation. `atOnce`: for a batch, which is written without waiting for other commands of this turn.
   * @throws StoreAwayError if there is none.
   */
  command(atOnce = false): RedisCommands {
    if (this.breaker.state === 'open') throw new StoreAwayError();
    try {
      return this.#driver.commands(atOnce);
    } catch (error) {
      // A driver throws only if no connection is ready.
      this.breaker.failed();
      throw error;
    }
  }

  /** Address for logs and reports. */
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

  /** Resolves when commands may be sent, or after `withinMs`. */
  async ready(withinMs: number): Promise<void> {
    if (this.isUsable) return;
    let stop = (): void => undefined;
    const ready = new Promise<void>((resolve) => (stop = this.onReady(resolve)));
    await withTimeout(ready, withinMs, () => undefined);
    stop();
  }

  /** Calls back when commands may be sent again. Returns a function that stops it. */
  onReady(listener: () => void): () => void {
    this.#readyListeners.add(listener);
    return () => this.#readyListeners.delete(listener);
  }

  /** Whether Redis answers, even while the breaker is open. Ends by the timeout of a command. */
  async ping(): Promise<boolean> {
    try {
      await this.#driver.commands().ping();
      return true;
    } catch {
      // The driver itself reports a lost connection to the breaker.
      return false;
    }
  }

  #notifyReady(): void {
    for (const listener of this.#readyListeners) if (this.isUsable) listener();
  }

  /** Pings for an open breaker: on each new connection, and after its pause. */
  async #pingBreaker(): Promise<void> {
    if (this.breaker.state !== 'open') return this.#notifyReady();
    if (this.breaker.pausesForMs > 0) return this.#pingLater();
    if (await this.ping()) this.breaker.answered();
    else this.#pingLater();
  }

  #pingLater(): void {
    clearTimeout(this.#pingTimer);
    if (this.#isClosing) return;
    const soon = Math.max(this.breaker.pausesForMs, PING_INTERVAL_MS);
    this.#pingTimer = setTimeout(() => void this.#pingBreaker(), soon).unref();
  }

  /** Calls back when a command connection is lost. Its commands under way may still arrive. */
  onLost(listener: () => void): void {
    this.#lostListeners.push(listener);
  }

  /** Calls back when the timer of an answer was due; see DriverEvents. */
  onTimeout(listener: DriverEvents['timeout']): void {
    this.#timeoutListeners.push(listener);
  }

  get canSubscribe(): boolean {
    return this.#driver.canSubscribe;
  }

  /** Opened on first use; undefined if the driver has no subscriptions. */
  subscriber(): RedisSubscriber | undefined {
    return this.#driver.subscriber();
  }

  /** The servers that hold keys. @throws StoreUnavailableError */
  nodes(): Promise<readonly ServerNode[]> {
    return this.#driver.nodes();
  }

  /** Connection for blocking commands to the server that holds `key`; undefined if the driver has no connections. */
  blocking(key: string): Promise<BlockingConnection | undefined> {
    return this.#driver.blocking(key);
  }

  /** Known cause of the outage, for the operator. */
  async whyAway(): Promise<string> {
    return explain(this.config, this.#failure);
  }

  /** The mistake in the settings that keeps this replica from Redis, if it is one. */
  async mistake(): Promise<string | undefined> {
    return mistakeBehind(this.config, this.#failure);
  }

  #noteState(): void {
    const { isReady } = this;
    if (this.#isClosing || isReady === this.#wasReady) return;
    this.#wasReady = isReady;
    if (isReady) this.#failure = undefined;
    if (!this.logsState) return;
    if (isReady) this.#logger.log(`connected to ${this.address}`);
    else void this.#logOutage();
  }

  async #logOutage(): Promise<void> {
    const why = await this.whyAway();
    if (this.isReady || this.#isClosing) return;
    this.#logger.error(`cannot reach ${this.address}${why === '' ? '' : ` (${why})`}; retrying`);
  }
}
