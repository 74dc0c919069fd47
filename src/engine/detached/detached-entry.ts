import type { EditRecipe, Once, Outcome, Patch, Put, Touch } from '../commit.js';
import type { Cause, WorkflowMeta, WorkflowRecord } from '../records/workflow-meta.js';
import type { Message, NewTask } from '../task.js';

/**
 * What a detached write was made on. An earlier write of the same outage is named by its commit and not by its version: that
 * version exists nowhere but here, and what the store makes of it shows only when it is drained.
 */
export type Base =
  | { readonly on: 'version'; readonly incarnation: string; readonly version: number }
  | { readonly on: 'commit'; readonly n: number; readonly etag: string | null }
  /** The service made the id for this write. */
  | { readonly on: 'absent' }
  /** Nobody could say whether there was one. */
  | { readonly on: 'unknown' };

/** An edit and how it got in: as its recipe where it has one. */
export type JournaledPatch = Omit<Patch, 'edit' | 'expect'> & { readonly cause: Cause; readonly recipe?: EditRecipe };

interface OnBase {
  readonly base: Base;
  /** The client said what it must meet. What it met is the base. */
  readonly isConditional: boolean;
}

/** What a commit does to one workflow, and what that came to here. */
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

/** One commit that was acknowledged while the store was away. Plain data, as the journal keeps it. */
export interface DetachedEntry {
  /** Its place in the order, from 1. */
  readonly n: number;
  readonly tenant: string;
  readonly atMs: number;
  /** Its key makes it happen once, however often it is drained. */
  readonly once: Once;
  readonly parts: readonly DetachedPart[];
  readonly enqueue: readonly NewTask[];
  readonly publish: readonly Message[];
  readonly cancelTasksOf: readonly string[];
  /** What was answered. */
  readonly outcome: Omit<Outcome, 'replayed'>;
}

/** What became of an entry's write to one workflow. */
export type Fate =
  /** It is this version now. `isExact`: just what was acknowledged, on just what it was based on. */
  | { readonly is: 'version'; readonly incarnation: string; readonly version: number; readonly isExact: boolean }
  | { readonly is: 'deleted' }
  /** Kept as a conflict. */
  | { readonly is: 'conflict' };

export function idOf(part: DetachedPart): string {
  switch (part.is) {
    case 'put':
      return part.put.id;
    case 'patch':
      return part.patch.id;
    case 'touch':
      return part.touch.id;
    case 'delete':
      return part.id;
  }
}

/** The state that it wrote; undefined for what writes none. */
export function stateOf(part: DetachedPart): string | undefined {
  if (part.is === 'put') return part.put.state;
  return part.is === 'patch' ? part.after.state : undefined;
}

/** The state that it left, whoever wrote it. */
export function stateAfter(part: DetachedPart): string | undefined {
  return part.is === 'touch' ? part.after.state : stateOf(part);
}

const SMALL = 500;

/** About how many bytes it takes. */
export function sizeOf({ parts, enqueue, publish }: Pick<DetachedEntry, 'parts' | 'enqueue' | 'publish'>): number {
  let bytes = SMALL;
  for (const part of parts) {
    bytes += SMALL + (stateOf(part)?.length ?? 0);
    if (part.is === 'patch') bytes += (part.patch.recipe?.args ?? []).reduce((sum, arg) => sum + arg.length, 0);
  }
  for (const { payload, headers } of enqueue) bytes += SMALL + payload.length + headers.length;
  for (const { payload } of publish) bytes += SMALL + payload.length;
  return bytes;
}
