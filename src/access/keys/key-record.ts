import type { Rate } from '../../engine/bucket.js';
import { maskOf, ROLES, type Role, type Scope } from '../scopes.js';

/** What the store has of a key: never its secret. Times are milliseconds since 1970. */
export interface KeyRecord {
  /** Author in the history of what the key does. */
  readonly name: string;
  /** A role, or else single scopes. */
  readonly role: Role | null;
  readonly scopes: readonly Scope[] | null;
  /** Person for whom the key acts. */
  readonly user: string | null;
  /** Addresses and ranges from which it is accepted; null is any. */
  readonly ips: readonly string[] | null;
  readonly limit: Rate | null;
  /** JSON text of the owner. */
  readonly metadata: string | null;
  /** The newest first. After a rotation the one before it is accepted until a given time. */
  readonly digests: readonly SecretDigest[];
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  readonly createdAtMs: number;
  readonly createdBy: string;
  /** Beginning of the token, with which people recognise it. */
  readonly start: string;
}

export interface SecretDigest {
  /** Of the whole token, in hex. */
  readonly sha256: string;
  readonly untilMs: number | null;
}

export const KEY_PREFIX = 'key:';

export function maskOfKey({ role, scopes }: Pick<KeyRecord, 'role' | 'scopes'>): number {
  return role === null ? maskOf(scopes ?? []) : ROLES[role];
}
