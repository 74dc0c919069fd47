/** How to reach Redis. Present exactly when `storage` is 'redis'. */
export interface RedisConfig {
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: boolean;
  /** Prefix of every key, without the colon; empty for none. */
  readonly namespace: string;
  /** All connections of this replica together: one reads the feed, the others carry commands. At least 2. */
  readonly maxConnections: number;
  /** A command without an answer for so long has failed. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** What to do while Redis is away. */
  readonly fallback: 'none';
  /** Serve although Redis may evict live state. */
  readonly allowEviction: boolean;
}

/** What tasks are bounded by. */
export interface TasksConfig {
  readonly mostOpen: number;
  readonly resultMs: number;
  readonly progressMs: number;
  readonly deadMs: number;
  readonly mostDead: number;
  /** From being due to being too late, for tasks that do not say. */
  readonly waitLimitMs: number;
}

/** Of the feed and of those who follow it. */
export interface FeedConfig {
  readonly mostEvents: number;
  readonly maxAgeMs: number;
  readonly mostListeners: number;
  /** Waiting for one client. */
  readonly bufferBytes: number;
}

export interface WebSocketConfig {
  /** Where they are served at the root, beside /ws of the usual port. */
  readonly port: number | undefined;
  /** Other hosts' pages that may open them; '*' for all. */
  readonly origins: readonly string[];
}

/** Everything that can be set from outside, read once at the start and valid. Also the injection token. */
export abstract class Config {
  abstract readonly host: string;
  abstract readonly port: number;
  abstract readonly storage: 'redis' | 'memory';
  abstract readonly redis: RedisConfig | undefined;
  /** Where the embedded engine keeps its journal; undefined keeps everything in memory only. */
  abstract readonly dataDir: string | undefined;
  abstract readonly workflowTtlMs: number;
  /** JSON Pointers of the indexed fields. */
  abstract readonly workflowIndex: readonly string[];
  abstract readonly historyLimit: number;
  abstract readonly historyMaxBytes: number;
  abstract readonly maxStateBytes: number;
  abstract readonly tasks: TasksConfig;
  abstract readonly feed: FeedConfig;
  abstract readonly webSocket: WebSocketConfig;
  /** The pages of examples/ are served. */
  abstract readonly examples: boolean;
  abstract readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  abstract readonly logFormat: 'pretty' | 'json';
  /** How long a request may take to arrive: all of it, and its headers alone. */
  abstract readonly requestTimeoutMs: number;
  abstract readonly headersTimeoutMs: number;
  /** After SIGTERM: how long the service stays up while unready, and how long all of the shutdown may take. */
  abstract readonly shutdownDelayMs: number;
  abstract readonly shutdownTimeoutMs: number;
}
