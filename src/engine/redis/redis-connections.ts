import { Logger } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import type { RedisConfig } from '../../config/config.js';
import { StoreAwayError } from '../errors.js';
import { CircuitBreaker, usualBreaker } from './circuit-breaker.js';

/** How often an open breaker asks whether Redis is there again, beside each time that a connection comes up. */
const ASKED_EACH_MS = 500;

/**
 * All connections of this replica. Options after experiments with cut, hung and half-open connections: nothing waits in a hidden
 * queue, nothing is sent a second time by the driver, and every command ends by a deadline.
 */
export class RedisConnections {
  readonly #logger = new Logger('Redis');
  readonly #commands: Redis[];
  readonly breaker: CircuitBreaker;
  readonly #lostListeners: (() => void)[] = [];
  readonly #readyListeners = new Set<() => void>();
  readonly #options: ReturnType<typeof optionsOf>;
  #subscriber: Redis | undefined;
  #turn = 0;
  #isClosing = false;
  #wasReady: boolean | undefined;
  #asking: NodeJS.Timeout | undefined;

  constructor(readonly config: RedisConfig) {
    this.#options = optionsOf(config);
    this.breaker = new CircuitBreaker(config.breaker ?? usualBreaker);
    this.breaker.onChange((state, before) => {
      this.#logger.warn(`circuit breaker: ${before} -> ${state}`);
      if (state === 'open') this.#askLater();
      else if (state === 'half-open') this.#tellReady();
    });
    this.#commands = Array.from({ length: config.maxConnections - 1 }, () => this.#connection());
  }

  /** Tries to connect all; settles when the first attempt of each is over, however it went. */
  async open(): Promise<void> {
    await Promise.allSettled(this.#commands.map((client) => client.connect()));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#asking);
    for (const client of [...this.#commands, this.#subscriber]) {
      if (client === undefined) continue;
      // A server that is away cannot say goodbye.
      if (client.status === 'ready') await client.quit().catch(() => undefined);
      client.disconnect();
    }
  }

  /** A connection that is ready, in turn. @throws StoreAwayError when there is none. */
  command(): Redis {
    const { length } = this.#commands;
    if (this.breaker.state === 'open') throw new StoreAwayError();
    for (let i = 0; i < length; i++) {
      const client = this.#commands[(this.#turn = (this.#turn + 1) % length)] as Redis;
      if (client.status !== 'ready') continue;
      this.#gatherWrites(client);
      return client;
    }
    this.breaker.failed();
    throw new StoreAwayError();
  }

  /**
   * Lets the commands of one turn of the event loop leave in one system call: under load that is a fifth of the cost of a
   * request. Nothing waits for another's answer, and what is written goes out before the turn ends.
   */
  #gatherWrites({ stream }: Redis): void {
    if (stream.writableCorked > 0) return;
    stream.cork();
    setImmediate(() => stream.uncork());
  }

  get isReady(): boolean {
    return this.#commands.some(({ status }) => status === 'ready');
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
    const client = this.#commands.find(({ status }) => status === 'ready');
    if (client === undefined) return false;
    try {
      await client.ping();
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

  /** The connection for subscriptions, opened when first asked for. */
  subscriber(): Redis {
    if (this.#subscriber === undefined) {
      // Silence is normal here, so no deadline for the socket; after a loss the client subscribes again by itself.
      const { socketTimeout: _none, ...options } = this.#options;
      this.#subscriber = new Redis({ ...options, enableOfflineQueue: true, maxRetriesPerRequest: null });
      this.#subscriber.on('error', () => undefined);
      this.#subscriber.connect().catch(() => undefined);
    }
    return this.#subscriber;
  }

  #connection(): Redis {
    const client = new Redis(this.#options);
    // What went wrong shows in what the commands answer; the change of state is logged once, below.
    client.on('error', () => undefined);
    client.on('ready', () => {
      this.#noteState();
      void this.#ask();
    });
    client.on('close', () => {
      this.#noteState();
      if (!this.#isClosing) this.breaker.failed();
      for (const listener of this.#lostListeners) listener();
    });
    return client;
  }

  #noteState(): void {
    if (this.#isClosing || this.isReady === this.#wasReady) return;
    this.#wasReady = this.isReady;
    const { host, port } = this.config;
    if (this.isReady) this.#logger.log(`connected to ${host}:${port}`);
    else this.#logger.error(`cannot reach ${host}:${port}; trying again`);
  }
}

function optionsOf(config: RedisConfig) {
  return {
    host: config.host,
    port: config.port,
    db: config.db,
    ...(config.username !== undefined && { username: config.username }),
    ...(config.password !== undefined && { password: config.password }),
    ...(config.tls && { tls: { servername: config.host } }),
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // The deadline of every command: answers come in the order of the commands, so a connection that says nothing for so long
    // has answered none of them. It is given up, since later commands would fare no better. (A timer for each command, which
    // the client offers too, would add nothing but its cost.)
    socketTimeout: config.commandTimeoutMs,
    connectTimeout: config.connectTimeoutMs,
    keepAlive: 5000,
    enableReadyCheck: true,
    maxLoadingRetryTime: 1000,
    retryStrategy: (attempt: number) => Math.min(25 * 2 ** Math.min(attempt - 1, 10), 500) + Math.random() * 50,
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (1 as const) : false),
  } satisfies RedisOptions;
}
