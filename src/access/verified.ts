import type { BlockList } from 'node:net';
import type { Listener } from '../engine/engine.js';
import type { Caller } from '../http/caller.js';
import type { HoldingTimes } from './held.js';
import type { KnownTenant } from './tenants/tenant-records.js';

/** Result of the verification of a token. */
export interface Verified {
  readonly caller: Caller;
  /** Absent for operators, who belong to no tenant. */
  readonly tenant?: KnownTenant;
  /** Addresses from which the token is accepted; absent is any. */
  readonly addresses?: BlockList;
  /** The token is not accepted after this time: its own end, or the end of a secret that was replaced. */
  readonly endsAtMs: number;
}

/** Verifies tokens of one kind. */
export interface TokenSource {
  /** @throws ServiceError with 401, 403 or 503 */
  verify(token: string): Promise<Verified>;
  /** Calls `listener` when the token may have changed; returns the function that stops. */
  watch(token: string, listener: Listener): () => void;
  /** Times for which a token is held; by default those of keys. */
  readonly times?: HoldingTimes;
}
