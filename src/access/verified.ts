import type { BlockList } from 'node:net';
import type { Listener } from '../engine/engine.js';
import type { Caller } from '../http/caller.js';
import type { HoldingTimes } from './held.js';
import type { KnownTenant } from './tenants/tenant-records.js';

/** What a token was found to be. */
export interface Verified {
  readonly caller: Caller;
  /** Absent for operators, who belong to none. */
  readonly tenant?: KnownTenant;
  /** Addresses from which it is accepted; absent is any. */
  readonly addresses?: BlockList;
  /** It is not used after that, whatever the store says: its own end, or that of a secret which was replaced. */
  readonly endsAtMs: number;
}

/** Finds out whose tokens of one kind are. */
export interface TokenSource {
  /** @throws ServiceError with 401, 403 or 503 */
  verify(token: string): Promise<Verified>;
  /** Calls `listener` when the token may have changed; returns the function that stops. */
  watch(token: string, listener: Listener): () => void;
  /** Other than those of keys. */
  readonly times?: HoldingTimes;
}
