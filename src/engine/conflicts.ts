import type { About } from './records/workflow-meta.js';
import type { Message, NewTask } from './task.js';

/** Base of a detached write, as conflict records show it. */
export type ConflictBase =
  | { readonly kind: 'version'; readonly etag: string }
  /** Created while detached. absent: the id was new; unknown: the store may have it. */
  | { readonly kind: 'absent' | 'unknown' }
  /** An earlier write of the same outage. */
  | { readonly kind: 'detached'; readonly etag: string };

/** A write that was acknowledged while the store was unreachable and met a newer state when it was drained. */
export interface ConflictRecord {
  readonly id: string;
  /** Number of the record, from 1 per workflow. */
  readonly n: number;
  /** The acknowledged write: a state, a delete, or tasks and messages without a workflow. */
  readonly is: 'state' | 'delete' | 'tasks';
  /** The acknowledged tag; null if it is no state. */
  readonly etag: string | null;
  readonly base: ConflictBase;
  readonly about: About;
  readonly writtenAtMs: number;
  readonly keptAtMs: number;
  /** Expiry of the record; null is never. */
  readonly untilMs: number | null;
  /** Deadline that the workflow would have; null is never. */
  readonly deadlineMs: number | null;
  /** Code of the refusal. */
  readonly reason: string;
  /** Tasks and messages of the same commit, on the record of its first workflow. */
  readonly enqueue: readonly NewTask[];
  readonly publish: readonly Message[];
  /** Workflows whose open tasks the commit cancelled, on the same record; absent if there are none. */
  readonly cancelTasksOf?: readonly string[];
}

export interface ConflictQuery {
  readonly limit: number;
  /** Exclusive. */
  readonly before?: number;
  readonly includeState?: boolean;
}

export interface ConflictDetail extends ConflictRecord {
  /** Undefined if the write is no state. */
  readonly state: string | undefined;
}

/** A record to keep. `keepMs` null means no expiry. */
export interface NewConflict {
  readonly record: Omit<ConflictRecord, 'n' | 'keptAtMs' | 'untilMs'>;
  readonly keepMs: number | null;
  readonly state: string | undefined;
}

export interface ConflictPage {
  /**
   * Newest first; `state` is set if the query asks for it. A page shorter than its limit is not always the last:
   * records and states of a page have at most PAGE_BYTES.
   */
  readonly conflicts: readonly (ConflictRecord & { readonly state?: string | undefined })[];
  readonly nextBefore: number | null;
}
