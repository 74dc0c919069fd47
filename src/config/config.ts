export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface TlsConfig {
  /** Certificates of a private authority, as PEM; undefined trusts the ones Node knows. */
  readonly ca: string | undefined;
  readonly rejectUnauthorized: boolean;
  /** The name that the server's certificate must bear; undefined is the host it is reached by. */
  readonly servername: string | undefined;
}

/** Anything else than one server that speaks Redis' own protocol. */
export type RedisTopology =
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly Address[];
      readonly master: string;
      readonly username: string | undefined;
      readonly password: string | undefined;
    }
  | { readonly kind: 'cluster'; readonly nodes: readonly Address[] }
  | { readonly kind: 'rest'; readonly url: string; readonly token: string };

/** How to reach Redis. Present exactly when `storage` is 'redis'. */
export interface RedisConfig {
  /** Absent: one server, at `host` and `port`. */
  readonly topology?: RedisTopology;
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: TlsConfig | false;
  /** Prefix of every key, without the colon; empty for none. */
  readonly namespace: string;
  /** All connections of this replica together: one reads the feed, the others carry commands. At least 2. */
  readonly maxConnections: number;
  /** A command without an answer for so long has failed. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** How long a write that asks for it waits for a replica to confirm it. */
  readonly confirmTimeoutMs?: number;
  /** What to do while Redis is away. */
  readonly fallback: 'memory' | 'none';
  readonly breaker?: BreakerConfig;
  /** Serve although Redis may evict live state. */
  readonly allowEviction: boolean;
}

export interface RoutingConfig {
  /** A JSON list, or the path of a file with one; undefined is the default agents. Parsed in src/routing. */
  readonly agents: string | undefined;
  /** A status that an agent has reported is ignored after this time. */
  readonly statusTtlMs: number;
}

/** When to leave Redis alone. */
export interface BreakerConfig {
  readonly isEnabled: boolean;
  readonly failureThreshold: number;
  readonly successThreshold: number;
  readonly timeoutMs: number;
}

/** What a replica keeps for the time when Redis is away, in bytes. */
export interface DetachedConfig {
  /** Of workflows it has seen lately. */
  readonly cacheBytes: number;
  /** Of what was written meanwhile and waits for Redis. */
  readonly mostBytes: number;
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
  abstract readonly detached: DetachedConfig;
  /** Where the embedded engine keeps its journal; undefined keeps everything in memory only. */
  abstract readonly dataDir: string | undefined;
  abstract readonly workflowTtlMs: number;
  /** JSON Pointers of the indexed fields. */
  abstract readonly workflowIndex: readonly string[];
  abstract readonly historyLimit: number;
  abstract readonly historyMaxBytes: number;
  abstract readonly maxStateBytes: number;
  abstract readonly tasks: TasksConfig;
  abstract readonly routing: RoutingConfig;
  /** What administrators prove themselves with; undefined lets callers on the same machine in. */
  abstract readonly adminToken: string | undefined;
  /** Read again on SIGHUP. */
  abstract readonly envFile: string;
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
