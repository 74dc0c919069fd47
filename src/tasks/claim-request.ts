import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { isName, NAME_RULE } from '../engine/names.js';
import { callerOf, queueNameOf } from '../http/caller.js';
import { InvalidHeaderError } from '../http/http-errors.js';
import { ObjectReader } from '../http/object-reader.js';
import { shortDigest } from '../short-digest.js';
import { LEASE_MS } from './new-task.js';
import type { WaitingClaim } from './waiting-claims.js';

const MOST_CLAIMED = 50;
const LONGEST_WAIT_MS = 30_000;
const CLAIM_ID = /^[\x21-\x7e]{1,255}$/;

/** A token is the only proof of a lease, so it must not be guessed. */
export function newToken(): string {
  return randomBytes(18).toString('base64url');
}

export interface ClaimRequest extends WaitingClaim {
  readonly waitMs: number;
}

/** From body and `Claim-Id` header; a claim without one gets a name of its own. */
export function claimRequestOf(request: FastifyRequest): ClaimRequest {
  const queue = queueNameOf(request);
  const claimId = claimIdOf(request);
  return ObjectReader.read(
    request,
    (body) => {
      const max = body.integer('max', { min: 1, max: MOST_CLAIMED }) ?? 1;
      return {
        claim: {
          queue,
          worker: body.string('worker', NAME_RULE, isName) ?? callerOf(request).by,
          leaseMs: body.integer('leaseMs', LEASE_MS),
          tokens: Array.from({ length: max }, newToken),
        },
        key: `claim:${shortDigest(queue, claimId ?? newToken())}`,
        waitMs: body.integer('waitMs', { min: 0, max: LONGEST_WAIT_MS }) ?? 0,
      };
    },
    true,
  );
}

function claimIdOf({ headers }: FastifyRequest): string | undefined {
  const given = headers['claim-id'];
  if (given === undefined) return undefined;
  const id = String(given);
  if (!CLAIM_ID.test(id)) throw new InvalidHeaderError('Claim-Id', 'must be 1 to 255 visible ASCII characters');
  return id;
}
