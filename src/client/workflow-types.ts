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

/** An earlier version of a workflow, or the current one. */
export interface Version {
  readonly version: number;
  readonly etag: string;
  readonly updatedAt: string;
  /** Author: key, session or worker. */
  readonly by: string;
  readonly cause: string;
  readonly note?: string;
  readonly taskId?: string;
  /** JSON Pointers to the members that the write changed; null when unknown. */
  readonly changed: readonly string[] | null;
  readonly bytes: number;
  /** With `include: 'state'`. */
  readonly state?: unknown;
}

export interface VersionSelection {
  /** 'desc', by default: newest first. */
  readonly order?: 'desc' | 'asc';
  readonly limit?: number;
  /** Exclusive bounds of the version numbers. */
  readonly before?: number;
  readonly after?: number;
  readonly include?: 'state';
}

export interface VersionPage {
  readonly items: readonly Version[];
  /** `before` of the next page; null at the end, and with the order 'asc'. */
  readonly nextBefore: number | null;
  /** `after` of the next page; null at the end, and with the order 'desc'. */
  readonly nextAfter: number | null;
}

/** A write that was acknowledged while Redis was unreachable and could not become current. */
export interface Conflict {
  readonly n: number;
  readonly is: 'state' | 'delete' | 'tasks';
  readonly etag: string | null;
  readonly base: { readonly kind: 'version' | 'absent' | 'unknown' | 'detached'; readonly etag?: string };
  readonly by: string;
  readonly cause: string;
  readonly note?: string;
  readonly taskId?: string;
  readonly changed: readonly string[] | null;
  /** Code of the error that kept it from becoming current. */
  readonly reason: string;
  readonly writtenAt: string;
  readonly keptAt: string;
  readonly keptUntil: string | null;
  readonly expiresAt: string | null;
  readonly tasks: readonly { readonly id: string; readonly queue: string }[];
  /** With `include: 'state'`, if the write was a state. */
  readonly state?: unknown;
}

export interface ConflictPage {
  /** Newest first; perhaps fewer than the limit, also in a page that is not the last. */
  readonly items: readonly Conflict[];
  /** `before` of the next page. */
  readonly nextBefore: number | null;
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
