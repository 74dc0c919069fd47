import type { About, WorkflowMeta } from '../records/workflow-meta.js';
import type { ProgressEvent } from '../task-queues.js';
import type { StoredTask } from '../task.js';

/** What can be moved from one store to another. */
export type RecordKind = 'queue' | 'workflow' | 'task';

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

/** A task with everything that belongs to it. Its headers are '{}' once the payload is gone. */
export interface MovedTask extends StoredTask {
  readonly kind: 'task';
  readonly payload: string | null;
  readonly result: string | null;
  /** Those of its progress events that are still kept. */
  readonly events: readonly ProgressEvent[];
}

export interface MovedQueue {
  readonly kind: 'queue';
  readonly id: string;
  readonly isPaused: boolean;
}

export type Moved = MovedWorkflow | MovedTask | MovedQueue;
