import type { ScriptClient } from '../../scripts/redis-script.js';

/** Commands besides scripts. Every kind of Redis answers in the same shapes. */
export interface RedisCommands extends ScriptClient {
  ping(): Promise<string>;
  get(key: string): Promise<string | null>;
  set(key: string, value: string, unit: 'PX', ms: number): Promise<unknown>;
  set(key: string, value: string, when: 'NX'): Promise<unknown>;
  hset(key: string, field: string, value: string): Promise<unknown>;
  zadd(key: string, score: number, member: string): Promise<unknown>;
  zrange(key: string, start: string, stop: string): Promise<string[]>;
  publish(channel: string, message: string): Promise<unknown>;
  /** Absent in a driver that gives values as text only. */
  mgetBuffer?(...keys: string[]): Promise<(Buffer | null)[]>;
  /** Servers before Redis 7 do not know it. Absent in a driver that has no use for it. */
  pexpiretime?(key: string): Promise<number>;
}

/** Pub/sub. After a loss the subscriber subscribes again and reports that it is ready. */
export interface RedisSubscriber {
  readonly isReady: boolean;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  onMessage(listener: (channel: string, message: string) => void): void;
  onReady(listener: () => void): void;
}

/** One server that holds keys. */
export interface ServerNode {
  readonly address: string;
  /** Any command. An error reply rejects with the message of the server. */
  ask(command: string, ...args: string[]): Promise<unknown>;
}

/** Name of the server that holds all keys, where there is only one. */
export const ONLY_SERVER = '';

/** Events of a driver. */
export interface DriverEvents {
  /** The readiness may have changed. */
  changed(): void;
  /** A connection to this server was lost, or was refused. Its commands under way may still arrive. */
  lost(server: string): void;
  /**
   * The timer of an answer was due. 'late': only because the event loop was held; the answer may still come. 'lost': the
   * connection is given up.
   */
  timeout(as: 'late' | 'lost'): void;
  /** A connection failed; for the log. */
  failed(error: Error): void;
}

/**
 * Connections to one kind of Redis.
 * Guarantees of all drivers: commands are not queued while there is no connection; a command is sent again only if it
 * was certainly not carried out; every command ends by a deadline.
 */
export interface RedisDriver {
  /** For the log, without secrets. */
  readonly address: string;
  /** Commands may be sent to some server. */
  readonly isReady: boolean;
  /** Names of the servers that hold keys: the masters of a Cluster, else ONLY_SERVER. */
  readonly servers: readonly string[];
  /** Name of the server that holds a key now. */
  serverOf(key: string): string;
  /** Commands may be sent to this server. */
  isReadyFor(server: string): boolean;
  /** Resolves when the first attempt to connect has succeeded or failed. */
  open(): Promise<void>;
  close(): Promise<void>;
  /**
   * For commands about keys on the server that holds `key`. `atOnce`: write without waiting for other commands of this turn.
   * @throws StoreAwayError if there is no connection to that server.
   */
  commands(key: string, atOnce?: boolean): RedisCommands;
  /** Resolves if the server that holds `key` answers. Looks for that server anew, and connects, if need be. */
  ping(key: string): Promise<unknown>;
  /** False if there is no pub/sub; then waiting requests poll. */
  readonly canSubscribe: boolean;
  subscriber(): RedisSubscriber | undefined;
  /** All servers that hold keys. @throws StoreUnavailableError */
  nodes(): Promise<readonly ServerNode[]>;
  /**
   * Connection for blocking commands to the server that holds `key`. Undefined if the driver has no connections. The driver closes it.
   */
  blocking(key: string): Promise<BlockingConnection | undefined>;
}

export interface BlockingConnection {
  /** Closes the connection. The next command opens one anew. */
  renew(): void;
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}
