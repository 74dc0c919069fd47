import type { ScriptClient } from '../../scripts/redis-script.js';

/** What the engine sends besides its scripts. Every kind of Redis answers in the same shapes. */
export interface RedisCommands extends ScriptClient {
  ping(): Promise<string>;
  get(key: string): Promise<string | null>;
  set(key: string, value: string, unit: 'PX', ms: number): Promise<unknown>;
  set(key: string, value: string, when: 'NX'): Promise<unknown>;
  hset(key: string, field: string, value: string): Promise<unknown>;
  zadd(key: string, score: number, member: string): Promise<unknown>;
  zrange(key: string, start: string, stop: string): Promise<string[]>;
  publish(channel: string, message: string): Promise<unknown>;
}

/** Hears what is published. After a loss it subscribes again by itself and says that it is ready. */
export interface RedisSubscriber {
  readonly isReady: boolean;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  onMessage(listener: (channel: string, message: string) => void): void;
  onReady(listener: () => void): void;
}

/** One server that holds keys, for questions about itself. */
export interface ServerNode {
  readonly address: string;
  /** Any command; an error is a rejection with the words of the server. */
  ask(command: string, ...args: string[]): Promise<unknown>;
}

/** What a driver says of itself as it happens. */
export interface DriverEvents {
  /** It may have become ready, or be so no longer. */
  changed(): void;
  /** A connection was lost: what it had under way may still arrive. */
  lost(): void;
  /** Why it could not connect; for the log. */
  failed(error: Error): void;
}

/**
 * One way to talk to a Redis. What all of them promise: nothing waits in a hidden queue, nothing is sent a second time unless it is
 * certain that it was not carried out, and every command ends by a deadline.
 */
export interface RedisDriver {
  /** Where it is, for the log; no secrets. */
  readonly address: string;
  readonly isReady: boolean;
  /** Settles when the first attempt to connect is over, however it went. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** `atOnce`: what is sent need not wait for other commands of this turn. @throws StoreAwayError when nothing is ready. */
  commands(atOnce?: boolean): RedisCommands;
  /** Whether there is a `subscriber` at all; where there is none, whoever waits has to look for himself. */
  readonly canSubscribe: boolean;
  subscriber(): RedisSubscriber | undefined;
  /** All servers that hold keys; only those that answer to somebody. @throws StoreUnavailableError */
  nodes(): Promise<readonly ServerNode[]>;
  /**
   * A connection of its own to the server that holds `key`, for what blocks a connection. Undefined where there are no connections.
   * Closed by the driver.
   */
  blocking(key: string): Promise<BlockingConnection | undefined>;
}

export interface BlockingConnection {
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}
