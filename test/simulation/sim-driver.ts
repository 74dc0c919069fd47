import {
  ONLY_SERVER,
  type BlockingConnection,
  type DriverEvents,
  type RedisCommands,
  type RedisDriver,
  type RedisSubscriber,
  type ServerNode,
} from '../../src/engine/redis/connection/drivers/redis-driver.js';
import { StoreAwayError } from '../../src/engine/errors.js';
import { SimConnection, type Network } from './sim-connection.js';
import type { Argument } from './sim-server.js';
import type { SimStore } from './sim-store.js';

/** Commands that a driver sends besides scripts. */
const NAMES = ['evalsha', 'eval', 'ping', 'get', 'set', 'hset', 'zadd', 'zrange', 'publish', 'pexpiretime'];

export interface SimDriverOptions {
  readonly lines: number;
  readonly timeoutMs: number;
}

/** Connections of one replica of the service to the simulated store. */
export class SimDriver implements RedisDriver {
  readonly address = 'simulated';
  readonly canSubscribe = true;
  readonly servers = [ONLY_SERVER];
  readonly #lines: SimConnection[];
  readonly #blocking: SimConnection;
  readonly #channels = new Set<string>();
  #listener: (channel: string, message: string) => void = () => undefined;
  #whenReady: () => void = () => undefined;
  #turn = 0;

  constructor(
    private readonly store: SimStore,
    network: Network,
    events: DriverEvents,
    { lines, timeoutMs }: SimDriverOptions,
  ) {
    const make = (isCommand: boolean) =>
      new SimConnection(store, network, timeoutMs, {
        ready: () => {
          this.#whenReady();
          if (isCommand) events.changed();
        },
        lost: () => {
          if (!isCommand) return;
          events.changed();
          events.lost(ONLY_SERVER);
        },
      });
    this.#lines = Array.from({ length: lines }, () => make(true));
    this.#blocking = make(false);
    store.drivers.add(this);
  }

  get isReady(): boolean {
    return this.#lines.some(({ isReady }) => isReady);
  }

  serverOf(): string {
    return ONLY_SERVER;
  }

  isReadyFor(): boolean {
    return this.isReady;
  }

  async ping(): Promise<unknown> {
    return this.commands().ping();
  }

  async open(): Promise<void> {
    for (const line of this.#lines) line.connect();
    this.#blocking.connect();
  }

  async close(): Promise<void> {
    this.store.drivers.delete(this);
    for (const line of [...this.#lines, this.#blocking]) line.close();
  }

  /** A connection still uses the former master, whose writes will be lost. */
  get usesFormer(): boolean {
    return this.#lines.some((line) => line.isReady && line.db !== this.store.master);
  }

  /** The process of this driver has died: nobody hears of anything any more. */
  kill(): void {
    this.store.drivers.delete(this);
    for (const line of [...this.#lines, this.#blocking]) line.kill();
  }

  /** Cuts connections; the last one is the blocking one. */
  cut(isCut: (line: number) => boolean): void {
    [...this.#lines, this.#blocking].forEach((line, i) => {
      if (isCut(i)) line.cut();
    });
  }

  cutAt(db: number): void {
    for (const line of [...this.#lines, this.#blocking]) if (line.db === db) line.cut();
  }

  commands(): RedisCommands {
    const line = this.#line();
    const send =
      (name: string) =>
      (...args: Argument[]) =>
        line.send([name.toUpperCase(), ...args]);
    const commands = Object.fromEntries(NAMES.map((name) => [name, send(name)]));
    const mgetBuffer = async (...keys: string[]) => {
      const values = (await line.send(['MGET', ...keys])) as (string | Buffer | null)[];
      return values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value));
    };
    return { isCluster: false, ...commands, mgetBuffer } as unknown as RedisCommands;
  }

  async nodes(): Promise<readonly ServerNode[]> {
    const line = this.#line();
    return [{ address: this.address, ask: (...command) => line.send(command) }];
  }

  async blocking(): Promise<BlockingConnection> {
    return { call: (...command) => this.#blocking.send(command), renew: () => undefined };
  }

  subscriber(): RedisSubscriber {
    const [line] = this.#lines;
    return {
      get isReady() {
        return line?.isReady === true;
      },
      subscribe: async (channel) => this.#channels.add(channel),
      unsubscribe: async (channel) => this.#channels.delete(channel),
      onMessage: (listener) => (this.#listener = listener),
      onReady: (listener) => (this.#whenReady = listener),
    };
  }

  hear(db: number, channel: string, message: string): void {
    if (!this.#channels.has(channel)) return;
    const [line] = this.#lines;
    this.store.time.after(this.store.time.random.below(5), () => {
      if (line?.isReady === true && line.db === db) this.#listener(channel, message);
    });
  }

  #line(): SimConnection {
    for (let i = 0; i < this.#lines.length; i++) {
      this.#turn = (this.#turn + 1) % this.#lines.length;
      const line = this.#lines[this.#turn];
      if (line?.isReady === true) return line;
    }
    throw new StoreAwayError();
  }
}
