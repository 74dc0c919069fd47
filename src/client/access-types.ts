export type RoleName = 'reader' | 'worker' | 'writer' | 'admin' | 'operator';

/** Identity and rights of the caller. */
export interface WhoAmI {
  readonly tenant: string;
  readonly kind: 'open' | 'operator' | 'key' | 'user';
  readonly name: string;
  readonly keyId: string | null;
  readonly user: string | null;
  readonly role: string | null;
  readonly scopes: readonly string[];
  readonly expiresAt: string | null;
  /** Names of the limits that apply to its requests. */
  readonly policies: readonly string[];
}

export interface KeyLimit {
  readonly limit: number;
  readonly windowMs?: number | undefined;
  readonly burst?: number | undefined;
}

export interface NewKey {
  readonly name: string;
  /** `writer` when neither role nor scopes are given. */
  readonly role?: RoleName | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** Makes a repeat safe: the second request is refused with ALREADY_EXISTS. */
  readonly id?: string | undefined;
  readonly user?: string | undefined;
  readonly ttlSeconds?: number | undefined;
  readonly ips?: readonly string[] | undefined;
  readonly limit?: KeyLimit | undefined;
  readonly metadata?: unknown;
  /** SHA-256 of a token that was made elsewhere, as hex. */
  readonly sha256?: string | undefined;
}

/** A key, without its secret. */
export interface Key {
  readonly id: string;
  readonly tenant: string | null;
  readonly name: string;
  readonly role: RoleName | null;
  readonly scopes: readonly string[];
  readonly user: string | null;
  readonly ips: readonly string[] | null;
  readonly limit: KeyLimit | null;
  readonly metadata: unknown;
  readonly start: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly oldSecretUntil: string | null;
  readonly lastUsedAt: string | null;
}

/** A key with its token, which cannot be read again. */
export interface MadeKey extends Key {
  /** Absent when its digest was given. */
  readonly key?: string;
}

export interface LimitView {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly per: string;
  readonly mode: 'enforce' | 'shadow';
  readonly remaining: number | null;
}

export interface LimitTake {
  readonly cost?: number | undefined;
  readonly key?: string | undefined;
  /** Time to wait until the cost is there. */
  readonly waitMs?: number | undefined;
}

export interface LimitTaken {
  readonly allowed: boolean;
  readonly remaining: number;
  readonly retryAfterMs: number;
}

/** Limits by name; null removes a limit of the settings. docs/limits.md has the format. */
export type Policies = Readonly<Record<string, Readonly<Record<string, unknown>> | null>>;

export interface TenantChange {
  readonly status?: 'active' | 'suspended' | undefined;
  /** Replaces all limits of the tenant. */
  readonly limits?: unknown;
}

export interface Tenant {
  readonly name: string;
  readonly status: 'active' | 'suspended' | 'erasing';
  readonly limits: Policies;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  /** Number of workflows that remain during an erasure. */
  readonly left?: number;
}
