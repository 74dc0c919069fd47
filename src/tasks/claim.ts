import { randomBytes } from 'node:crypto';
import { shortDigest } from '../engine/short-digest.js';
import type { Pace } from '../engine/task.js';
import type { ClaimRequest } from './queue.dto.js';
import type { WaitingClaim } from './waiting-claims.js';

/** Unguessable, since the token is the only proof of a lease. */
export function newToken(): string {
  return randomBytes(18).toString('base64url');
}

/** A claim without a Claim-Id gets a random one. */
export function claimOf(
  queue: string,
  { max, leaseMs, worker }: ClaimRequest,
  by: string,
  { claimId = newToken(), pace }: { readonly claimId?: string | undefined; readonly pace?: Pace | undefined } = {},
): WaitingClaim {
  return {
    claim: { queue, worker: worker ?? by, leaseMs, tokens: Array.from({ length: max }, newToken), pace },
    key: `claim:${shortDigest(queue, claimId)}`,
  };
}
