import type { Policies, Policy } from './policies.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface TlsConfig {
  /** Certificates of a private authority, as PEM; undefined: the ones of Node. */
  readonly ca: string | undefined;
  readonly rejectUnauthorized: boolean;
  /** Name that the certificate of the server must carry; undefined: the host that is connected to. */
  readonly servername: string | undefined;
}

/** Kinds of Redis besides a single server. */
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
  /** Undefined for a single server at `host` and `port`. */
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
  /** Timeout of a command. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Timeout of a write that waits for the confirmation of a replica. */
  readonly confirmTimeoutMs?: number;
  /** Behaviour while Redis is unreachable. */
  readonly fallback: 'memory' | 'none';
  /** Circuit breaker around Redis. */
  readonly breaker?: {
    readonly isEnabled: boolean;
    readonly failureThreshold: number;
    readonly successThreshold: number;
    readonly timeoutMs: number;
  };
  /** Serve although Redis may evict live state. */
  readonly allowEviction: boolean;
  /** Upgrade data of an earlier schema at the start. */
  readonly upgrades?: boolean;
}

/** Issuer whose tokens are accepted, and how its tokens are read. */
export interface JwtConfig {
  readonly issuer: string;
  /** A token is for one of these. */
  readonly audiences: readonly string[];
  /** Address of the public keys; undefined: by the discovery document of the issuer. */
  readonly jwksUrl: string | undefined;
  /** The claim that names the tenant: its name, or a JSON Pointer. */
  readonly tenantClaim: string;
}

export interface LimitsConfig {
  /** Policy for requests without a valid credential, by address; undefined means no limit. */
  readonly ip?: Policy;
  /** Policies of every tenant, by name; the record of a tenant overrides them. */
  readonly byDefault: Policies;
  readonly headers: 'both' | 'draft' | 'legacy' | 'none';
}

/** The settings, read once at start and valid. Also the injection token. */
export abstract class Config {
  abstract readonly host: string;
  abstract readonly port: number;
  abstract readonly storage: 'redis' | 'memory';
  abstract readonly redis: RedisConfig | undefined;
  /** Limits of a detached replica. */
  abstract readonly detached: {
    /** Bytes of held copies. */
    readonly cacheBytes: number;
    /** Bytes of accepted writes that wait for Redis. */
    readonly maxBytes: number;
    /** Ready also before the first contact with Redis. */
    readonly isReadyWithoutRedis: boolean;
  };
  /** Directory of the journal of the embedded engine; undefined: in memory only. */
  abstract readonly dataDir: string | undefined;
  abstract readonly workflowTtlMs: number | null;
  /** JSON Pointers of the indexed fields. */
  abstract readonly workflowIndex: readonly string[];
  abstract readonly historyLimit: number;
  abstract readonly historyMaxBytes: number;
  abstract readonly maxStateBytes: number;
  /** Limits and retention of tasks. */
  abstract readonly tasks: {
    readonly maxOpen: number;
    readonly maxBytes: number;
    readonly resultMs: number;
    readonly progressMs: number;
    readonly deadMs: number;
    readonly maxDead: number;
    /** Time after which a due task that was not claimed expires, if it has no `expiresAt`. */
    readonly waitLimitMs: number;
  };
  abstract readonly routing: {
    /** A JSON list, or the path of a file with one; undefined is the default agents. Parsed in src/routing. */
    readonly agents: string | undefined;
    /** A status that an agent has reported is ignored after this time. */
    readonly statusTtlMs: number;
  };
  /** Bearer token of the operator. */
  abstract readonly adminToken: string | undefined;
  /** Present with JWT_ISSUER. */
  abstract readonly jwt: JwtConfig | undefined;
  abstract readonly access: {
    /** Serve requests without a credential. */
    readonly isOpen: boolean;
    /** True if ACCESS is set. */
    readonly isGiven: boolean;
    /** Time after which a verified credential is verified again. */
    readonly cacheTtlMs: number;
    /** Time for which a verified credential is accepted while the store is unreachable. */
    readonly offlineTtlMs: number;
  };
  /** Keys, as hexadecimal digits, that seal and open what must not be readable where it is kept. */
  abstract readonly encryption: {
    /** Seals and opens; undefined: nothing can be sealed or opened. */
    readonly key: string | undefined;
    /** Open what was sealed earlier. */
    readonly oldKeys: readonly string[];
  };
  abstract readonly limits: LimitsConfig;
  /** Read again on SIGHUP. */
  abstract readonly envFile: string;
  /** Limits of the feed and of its listeners. */
  abstract readonly feed: {
    readonly maxEvents: number;
    readonly maxAgeMs: number;
    readonly maxListeners: number;
    /** Bytes buffered for one client. */
    readonly bufferBytes: number;
    readonly totalBufferBytes: number;
  };
  abstract readonly webSocket: {
    /** Second port with WebSockets at its root, beside /ws of the main port. */
    readonly port: number | undefined;
  };
  abstract readonly web: {
    /** Pages of other origins that may use the service; '*' for all. */
    readonly origins: readonly string[];
    /** Names of the service, besides loopback names. */
    readonly allowedHosts: readonly string[];
    /** Addresses and ranges of proxies whose headers are trusted. */
    readonly trustedProxies: readonly string[];
    /** Undefined means plain HTTP. */
    readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  };
  /** Serve the pages of examples/. */
  abstract readonly examples: boolean;
  abstract readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  abstract readonly logFormat: 'pretty' | 'json';
  /** Time within which a request, and its headers, must arrive. */
  abstract readonly requestTimeoutMs: number;
  /** Of each port. */
  abstract readonly maxConnections: number;
  abstract readonly answerBufferBytes: number;
  abstract readonly bodyBufferBytes: number;
  abstract readonly headersTimeoutMs: number;
  /** After SIGTERM: time to serve on while not ready, and time for the whole shutdown. */
  abstract readonly shutdownDelayMs: number;
  abstract readonly shutdownTimeoutMs: number;
}
