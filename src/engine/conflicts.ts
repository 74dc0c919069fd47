import type { About } from './records/workflow-meta.js';
import type { Message, NewTask } from './task.js';

/** What a detached write was made on, as conflict records show it. */
export type ConflictBase =
  | { readonly kind: 'version'; readonly etag: string }
  /** Created there: the id was new, or nobody could say whether it was. */
  | { readonly kind: 'absent' | 'unknown' }
  /** An earlier write of the same outage. */
  | { readonly kind: 'detached'; readonly etag: string };

/** A write that was acknowledged while the store was away and met a newer state when it came back. Kept apart from its state. */
export interface ConflictRecord {
  readonly id: string;
  /** Counts from 1 per workflow. */
  readonly n: number;
  /** What was acknowledged: a state, or that the workflow is gone. */
  readonly is: 'state' | 'delete';
  /** As it was given out; null for a delete. */
  readonly etag: string | null;
  readonly base: ConflictBase;
  readonly about: About;
  readonly writtenAtMs: number;
  readonly keptAtMs: number;
  /** When the record ends; null is never. */
  readonly untilMs: number | null;
  /** When the workflow would have ended; null is never. */
  readonly deadlineMs: number | null;
  /** Why it could not become current: the code of the refusal. */
  readonly reason: string;
  /** What the same commit would have enqueued and published; with the first of its workflows. */
  readonly enqueue: readonly NewTask[];
  readonly publish: readonly Message[];
}

export interface ConflictDetail extends ConflictRecord {
  /** Undefined for a delete. */
  readonly state: string | undefined;
}

export interface ConflictPage {
  /** Newest first. A page may be shorter than its limit and not be the last. */
  readonly conflicts: readonly ConflictRecord[];
  readonly nextBefore: number | null;
}
