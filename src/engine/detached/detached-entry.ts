import type { EditRecipe, KnownOutcome, Once, Outcome, Patch, Put, Touch } from '../commit.js';
import type { Cause, VersionName, WorkflowMeta, WorkflowRecord } from '../records/workflow-meta.js';
import type { Message, NewTask } from '../task.js';

/** A version in the store. */
export interface StoredVersion extends VersionName {
  readonly incarnation: string;
  /**
   * Names of versions that this one follows, newest first, as far as this replica has seen them. If the store is at one
   * of them, it has lost what came after it, and nothing else was written there.
   */
  readonly follows?: readonly string[];
  /** Outcomes of the commits of this replica that made this version and those before it, newest first. */
  readonly outcomes?: readonly KnownOutcome[];
}

/**
 * Base of a detached write. An earlier write of the same outage is named by its commit, since its version is
 * provisional until the drain.
 */
export type Base =
  | ({ readonly on: 'version' } & StoredVersion)
  | { readonly on: 'commit'; readonly n: number; readonly etag: string | null }
  /** No workflow: the service generated the id for this write. */
  | { readonly on: 'absent' }
  /** This replica did not know whether the workflow exists. */
  | { readonly on: 'unknown' };

/** Patch with the recipe of its edit, if there is one. */
export type JournaledPatch = Omit<Patch, 'edit' | 'expect'> & { readonly cause: Cause; readonly recipe?: EditRecipe };

interface OnBase {
  readonly base: Base;
  /** The client set a condition, which the base met. */
  readonly isConditional: boolean;
}

/** Part of a commit for one workflow, and its result on this replica. */
export type DetachedPart = OnBase &
  (
    | { readonly is: 'put'; readonly put: Omit<Put, 'expect'>; readonly after: WorkflowMeta }
    | {
        readonly is: 'patch';
        readonly patch: JournaledPatch;
        readonly after: WorkflowRecord;
        readonly changed: readonly string[] | null;
      }
    | { readonly is: 'touch'; readonly touch: Omit<Touch, 'expect'>; readonly after: WorkflowRecord }
    | { readonly is: 'delete'; readonly id: string }
  );

/** Commit that was acknowledged while the store was unreachable. Plain data for the journal. */
export interface DetachedEntry {
  /** Counts from 1, in the order of acceptance. */
  readonly n: number;
  readonly tenant: string;
  readonly atMs: number;
  /** Once key: a second drain of the entry has no effect. */
  readonly once: Once;
  readonly parts: readonly DetachedPart[];
  readonly enqueue: readonly NewTask[];
  readonly publish: readonly Message[];
  readonly cancelTasksOf: readonly string[];
  /** Answer to the client. */
  readonly outcome: Omit<Outcome, 'replayed'>;
}

/** Result in the store of a detached write, or of its base. */
export type Fate =
  /** This version. `isExact`: it has the acknowledged state, and is the version after the base. */
  | ({ readonly is: 'version'; readonly isExact: boolean } & StoredVersion)
  /** No workflow. */
  | { readonly is: 'deleted' }
  /** Another state: the write was kept as a conflict. */
  | { readonly is: 'conflict' };

export function idOf(part: DetachedPart): string {
  return part.is === 'delete' ? part.id : part.after.id;
}

/** State that the part wrote, if any. */
export function stateOf(part: DetachedPart): string | undefined {
  return part.is === 'touch' ? undefined : recordAfter(part)?.state;
}

/** Workflow after the part; undefined after a delete. */
export function recordAfter(part: DetachedPart): WorkflowRecord | undefined {
  if (part.is === 'delete') return undefined;
  return part.is === 'put' ? { ...part.after, state: part.put.state } : part.after;
}

/** Estimate of a record's size beside its texts. */
const OVERHEAD_BYTES = 500;

/** Estimate of the size of an outcome of a commit. */
export const OUTCOME_BYTES = 500;

/** Size estimate in bytes. */
export function sizeOf({ parts, enqueue, publish }: Pick<DetachedEntry, 'parts' | 'enqueue' | 'publish'>): number {
  let bytes = OVERHEAD_BYTES;
  for (const part of parts) {
    bytes += OVERHEAD_BYTES + (stateOf(part)?.length ?? 0);
    if (part.base.on === 'version') bytes += OUTCOME_BYTES * (part.base.outcomes?.length ?? 0);
    if (part.is === 'patch') bytes += (part.patch.recipe?.args ?? []).reduce((sum, arg) => sum + arg.length, 0);
  }
  for (const { payload, headers } of enqueue) bytes += OVERHEAD_BYTES + payload.length + headers.length;
  for (const { payload } of publish) bytes += OVERHEAD_BYTES + payload.length;
  return bytes;
}
