import type { Once } from '../engine/commit.js';
import type { OnceRequest } from '../http/idempotency.js';
import { shortDigest } from '../engine/short-digest.js';

/**
 * The end of a delivery happens once for its lease token. A worker that lost the answer repeats the request and gets it, with or
 * without an Idempotency-Key.
 */
export function onceForLease(
  { once, keyed, renamed }: OnceRequest,
  kind: string,
  id: string,
  token: string,
  keepMs: number,
): Once {
  const own = leaseOnce(kind, id, token, keepMs);
  if (keyed) return { ...once, alias: own.key };
  if (renamed === undefined) return own;
  // Confirmation by a replica looks for the once key, so it must be stored.
  renamed(own.key);
  return { ...own, mustStore: true };
}

/** For a request without a key. */
export function leaseOnce(kind: string, id: string, token: string, keepMs: number): Once {
  return { key: `${kind}:${shortDigest(id, token)}`, fingerprint: '', keepMs, isLease: true };
}
