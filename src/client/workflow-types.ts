import type { ClaimedTask, NewTask } from './task-types.js';

export interface Workflow {
  readonly id: string;
  readonly version: number;
  readonly etag: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly expiresAt: string | null;
  readonly state: unknown;
}

export interface PutOptions {
  /** Seconds; null for no expiry; 'keep' for the current deadline; the default of the service when absent. */
  readonly ttlSeconds?: number | null | 'keep';
  /** Milliseconds, in place of `ttlSeconds`. */
  readonly ttlMs?: number;
  /** Write only if this is the current version. */
  readonly ifMatch?: string;
}

export type Expect = { readonly version: number } | { readonly etag: string } | { readonly exists: boolean };

interface Write extends Omit<PutOptions, 'ifMatch'> {
  readonly id: string;
  readonly expect?: Expect;
}

/** The parts of one atomic step: all or nothing. */
export interface Commit {
  readonly ack?: { readonly taskId: string; readonly leaseToken: string; readonly result?: unknown };
  readonly puts?: readonly (Write & { readonly state: unknown })[];
  readonly patches?: readonly (Write & { readonly merge?: unknown; readonly patch?: readonly object[] })[];
  readonly deletes?: readonly { readonly id: string; readonly expect?: Expect }[];
  readonly enqueue?: readonly (NewTask & { readonly queue: string })[];
  readonly publish?: readonly { readonly channel: string; readonly type: string; readonly payload?: unknown }[];
  readonly claimNext?: { readonly queue: string; readonly worker?: string; readonly leaseMs?: number };
}

export interface Committed {
  readonly workflows: readonly { readonly id: string; readonly version: number; readonly etag: string }[];
  readonly taskIds: readonly string[];
  readonly eventIds: readonly string[];
  readonly next: Omit<ClaimedTask, 'payloadText'> | null;
}
