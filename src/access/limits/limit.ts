import { createHash } from 'node:crypto';
import type { Policy } from '../../config/policies.js';
import type { LimitCounts } from './limit-metrics.js';
import type { Lease } from './leases.js';

/** A policy that applies to a request, and the bucket that the request takes from. */
export interface Limit {
  readonly name: string;
  readonly policy: Policy;
  readonly lease: Lease;
  readonly counts: LimitCounts;
}

const DIGEST_CHARACTERS = 16;

/**
 * Name of a bucket. It has a digest of the subject, which is free text; the bucket of a whole tenant has no subject.
 */
export function bucketOf(policy: string, ...subject: readonly string[]): string {
  if (subject.length === 0) return `${policy}:`;
  const hash = createHash('sha256');
  for (const part of subject) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return `${policy}:${hash.digest('base64url').slice(0, DIGEST_CHARACTERS)}`;
}
