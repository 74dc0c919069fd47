import type { Board } from '../board.js';
import type { StoredMeta, WholeVersion } from '../records/workflow-meta.js';
import type { ProgressEvent } from '../task-queues.js';
import type { StoredTask } from '../task.js';

/** Kinds of records that can be moved from one store to another. */
export type RecordKind = 'queue' | 'board' | 'workflow' | 'task';

/** A complete version. The state is JSON text, exactly as the client wrote it. */
export type MovedVersion = WholeVersion<string>;

/** A workflow with everything that belongs to it except its tasks. */
export interface MovedWorkflow extends StoredMeta, MovedVersion {
  readonly kind: 'workflow';
  /** Newest first. */
  readonly history: readonly MovedVersion[];
}

/** A task with everything that belongs to it. `headers` is '{}' once the payload is removed. */
export interface MovedTask extends StoredTask {
  readonly kind: 'task';
  readonly payload: string | null;
  readonly result: string | null;
  /** Kept progress events. */
  readonly events: readonly ProgressEvent[];
}

export interface MovedQueue {
  readonly kind: 'queue';
  readonly id: string;
  readonly isPaused: boolean;
}

/** A board of the service, without expired notices. */
export interface MovedBoard extends Board {
  readonly kind: 'board';
  readonly id: string;
}

export type Moved = MovedWorkflow | MovedTask | MovedQueue | MovedBoard;

/** A record that is there and cannot be read, or a list of them. */
export interface Damaged {
  readonly kind: 'damaged';
  readonly of: RecordKind;
  /** Empty for a list: which records it had is not known. */
  readonly id: string;
  readonly message: string;
}

/** Kinds of which single records can be removed. */
export type RemovableKind = 'workflow' | 'task';
