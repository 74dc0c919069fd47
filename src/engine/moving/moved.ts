import type { About, WorkflowMeta } from '../records/workflow-meta.js';
import type { ProgressEvent } from '../task-queues.js';
import type { TaskFailure, TaskRecord } from '../task.js';

/** What can be moved from one store to another. */
export type Kind = 'queue' | 'workflow' | 'task';

/** An earlier version, whole. */
export interface MovedVersion {
  readonly version: number;
  readonly updatedAtMs: number;
  readonly deadlineMs: number | null;
  readonly about: About;
  readonly state: string;
}

/** A workflow with everything that belongs to it but its tasks. */
export interface MovedWorkflow extends WorkflowMeta {
  readonly kind: 'workflow';
  /** What the last writer asked for; null is never. */
  readonly ttlMs: number | null;
  readonly about: About;
  /** JSON text, exactly as the client wrote it. */
  readonly state: string;
  /** Newest first. */
  readonly history: readonly MovedVersion[];
}

/** A task with everything that belongs to it. */
export interface MovedTask extends TaskRecord {
  readonly kind: 'task';
  /** '{}' once the payload is gone. */
  readonly headers: string;
  readonly payload: string | null;
  readonly result: string | null;
  readonly failures: readonly TaskFailure[];
  readonly backoffMs: readonly number[];
  readonly leaseMs: number;
  readonly limitMs: number | null;
  /** Where it stands among the ready ones of its queue. */
  readonly place: number;
  readonly token: string | null;
  readonly startedAtMs: number | null;
  readonly heldLeaseMs: number | null;
  readonly keptUntilMs: number | null;
  readonly dedupedUntilMs: number | null;
  readonly dedupeKey: string | null;
  /** Its maker said until when it is worth starting. */
  readonly isTimed: boolean;
  /** Progress events so far, of which `events` are those that are still kept. */
  readonly progress: number;
  readonly events: readonly ProgressEvent[];
}

export interface MovedQueue {
  readonly kind: 'queue';
  readonly id: string;
  readonly isPaused: boolean;
}

export type Moved = MovedWorkflow | MovedTask | MovedQueue;
