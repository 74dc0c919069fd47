import { Logger } from '@nestjs/common';
import type { RedisConfig } from '../../../config/config.js';
import { StoreAwayError } from '../../errors.js';
import { withTimeout } from '../../with-timeout.js';
import { prefixOf, schemaKey } from '../keys.js';
import { defaultBreaker } from './circuit-breaker.js';
import { driverFor } from './drivers/driver-for.js';
import { explain, mistakeBehind } from './drivers/explain-failure.js';
import {
  ONLY_SERVER,
  type BlockingConnection,
  type DriverEvents,
  type RedisCommands,
  type RedisDriver,
  type RedisSubscriber,
  type ServerNode,
} from './drivers/redis-driver.js';
import { ServerBreakers } from './server-breakers.js';

/** Interval of pings while a breaker is open; each new connection pings too. */
const PING_INTERVAL_MS = 500;
/** Tenants that are tried to find one on a given server: even a master with one slot has one of them. */
const MAX_TRIED = 200_000;

/** Connections of this replica to a Redis of any kind, with a circuit breaker in front of each server. */
export class RedisConnections {
  readonly #logger = new Logger('Redis');
  readonly #driver: RedisDriver;
  readonly breakers: ServerBreakers;
  readonly #lostListeners: ((server: string) => void)[] = [];
  readonly #timeoutListeners: DriverEvents['timeout'][] = [];
  readonly #readyListeners = new Set<() => void>();
  #isClosing = false;
  #wasReady: boolean | undefined;
  #failure: Error | undefined;
  readonly #pingTimers = new Map<string, NodeJS.Timeout>();
  /** Tenants that nobody has, by the server that holds their keys. */
  readonly #tenants = new Map<string, string>();

  /** `logsState`: false if the caller reports the state. */
  constructor(
    readonly config: RedisConfig,
    private readonly logsState = true,
  ) {
    this.breakers = new ServerBreakers(config.breaker ?? defaultBreaker);
    this.breakers.onChange((server, state, before) => {
      const where = server === ONLY_SERVER ? '' : ` of ${server}`;
      if (this.logsState) this.#logger.warn(`circuit breaker${where}: ${before} -> ${state}`);
      if (state === 'open') this.#pingLater(server);
      else if (state === 'half-open') this.#notifyReady();
    });
    this.#driver = driverFor(config, {
      changed: () => {
        this.#noteState();
        if (!this.isReady) return;
        for (const [server, state] of this.breakers.states) if (state === 'open') void this.#pingBreaker(server);
        this.#notifyReady();
      },
      lost: (server) => {
        if (!this.#isClosing) this.breakers.of(server).failed();
        for (const listener of this.#lostListeners) listener(server);
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
    for (const timer of this.#pingTimers.values()) clearTimeout(timer);
    await this.#driver.close();
  }

  /**
   * A ready connection to the server that holds `key`, in rotation. `atOnce`: for a batch, which is written without waiting for other
   * commands of this turn.
   * @throws StoreAwayError if there is none.
   */
  command(key: string, atOnce = false): RedisCommands {
    const breaker = this.breakers.of(this.#driver.serverOf(key));
    if (breaker.state === 'open') throw new StoreAwayError();
    try {
      return this.#driver.commands(key, atOnce);
    } catch (error) {
      // A driver throws only if no connection is ready.
      breaker.failed();
      throw error;
    }
  }

  /** Reports that a call about a key was answered. */
  answered(key: string): void {
    this.breakers.of(this.#driver.serverOf(key)).succeeded();
  }

  /** Address for logs and reports. */
  get address(): string {
    return this.#driver.address;
  }

  /** There is a connection to some server. */
  get isReady(): boolean {
    return this.#driver.isReady;
  }

  /** Names of the servers that hold keys. */
  get servers(): readonly string[] {
    return this.#driver.servers;
  }

  /** Server that holds the keys of a tenant now. */
  serverOf(tenant: string): string {
    return this.serverOfKey(prefixOf(this.config.namespace, tenant));
  }

  /** Server that holds a key now. On a Cluster the prefix of a tenant counts as one of its keys. */
  serverOfKey(key: string): string {
    return this.#driver.serverOf(key);
  }

  /** Commands may be sent to the server: there is a connection, and the breaker lets them through. */
  isUsable(server: string): boolean {
    return this.#driver.isReadyFor(server) && this.breakers.of(server).state !== 'open';
  }

  /** Resolves when commands about a key may be sent, or after `withinMs`. */
  async ready(key: string, withinMs: number): Promise<void> {
    const isUsable = () => this.isUsable(this.serverOfKey(key));
    if (isUsable()) return;
    let stop = (): void => undefined;
    const ready = new Promise<void>((resolve) => {
      stop = this.onReady(() => {
        if (isUsable()) resolve();
      });
    });
    await withTimeout(ready, withinMs, () => undefined);
    stop();
  }

  /** Calls back when commands may be sent again to a server that was away. Returns a function that stops it. */
  onReady(listener: () => void): () => void {
    this.#readyListeners.add(listener);
    return () => this.#readyListeners.delete(listener);
  }

  /** Whether the server answers and holds keys, even while its breaker is open. Ends by the timeout of a command. */
  async ping(server: string): Promise<boolean> {
    try {
      const key = schemaKey(prefixOf(this.config.namespace, this.tenantOn(server)));
      await this.#driver.ping(key);
      return this.serverOfKey(key) === server;
    } catch {
      // The driver itself reports a lost connection to the breaker.
      return false;
    }
  }

  /** A tenant that nobody has, whose keys the server holds. @throws StoreAwayError if it holds no keys. */
  tenantOn(server: string): string {
    const known = this.#tenants.get(server);
    if (known !== undefined && this.serverOf(known) === server) return known;
    for (let n = 0; n < MAX_TRIED; n++) {
      const tenant = `.ping-${n}`;
      if (this.serverOf(tenant) !== server) continue;
      this.#tenants.set(server, tenant);
      return tenant;
    }
    throw new StoreAwayError();
  }

  #notifyReady(): void {
    for (const listener of this.#readyListeners) listener();
  }

  /** Pings for an open breaker: on each new connection, and after its pause. */
  async #pingBreaker(server: string): Promise<void> {
    if (!this.servers.includes(server)) return this.breakers.forget(server);
    const breaker = this.breakers.of(server);
    if (breaker.state !== 'open') return this.#notifyReady();
    if (breaker.pausesForMs > 0) return this.#pingLater(server);
    if (await this.ping(server)) breaker.answered();
    else this.#pingLater(server);
  }

  #pingLater(server: string): void {
    clearTimeout(this.#pingTimers.get(server));
    if (this.#isClosing) return;
    const soon = Math.max(this.breakers.of(server).pausesForMs, PING_INTERVAL_MS);
    this.#pingTimers.set(server, setTimeout(() => void this.#pingBreaker(server), soon).unref());
  }

  /** Calls back when a command connection to a server is lost. Its commands under way may still arrive. */
  onLost(listener: (server: string) => void): void {
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

  /** The servers that hold keys, also those that are away. @throws StoreUnavailableError */
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
