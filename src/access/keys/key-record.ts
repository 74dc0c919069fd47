import type { Rate } from '../../engine/bucket.js';
import { maskOf, ROLES, type Role, type Scope } from '../scopes.js';

/** Record of a key in the store, without the secret. Times are milliseconds since 1970. */
export interface KeyRecord {
  /** Author of the key's changes in the history. */
  readonly name: string;
  /** A role; null if the key has single scopes. */
  readonly role: Role | null;
  readonly scopes: readonly Scope[] | null;
  /** Person for whom the key acts. */
  readonly user: string | null;
  /** Addresses and ranges from which the key is accepted; null is any. */
  readonly ips: readonly string[] | null;
  readonly limit: Rate | null;
  /** JSON text that the owner of the key has given. */
  readonly metadata: string | null;
  /** Digests of the secrets, newest first. After a rotation the earlier secret is accepted until a given time. */
  readonly digests: readonly SecretDigest[];
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  readonly createdAtMs: number;
  readonly createdBy: string;
  /** Beginning of the token, by which people recognise it. */
  readonly start: string;
}

export interface SecretDigest {
  /** SHA-256 of the whole token, in hex. */
  readonly sha256: string;
  readonly untilMs: number | null;
}

export const KEY_PREFIX = 'key:';

export function maskOfKey({ role, scopes }: Pick<KeyRecord, 'role' | 'scopes'>): number {
  return role === null ? maskOf(scopes ?? []) : ROLES[role];
}
