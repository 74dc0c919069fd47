import type { JsonNode } from '../json/document.js';
import type { BoardChange } from './board.js';
import type { About, Cause, WorkflowMeta } from './records/workflow-meta.js';
import type { Ack, Claim, ClaimedTask, Message, NewTask, TaskRecord } from './task.js';

/**
 * What must be true of a workflow for its part to go through; absent means anything goes.
 * `etags` hold the tags as clients send them, quotes included. `incarnation` asks for the same life of the id, whatever its version.
 */
export type Expect =
  | { readonly version: number }
  | { readonly etags: readonly string[] }
  | { readonly exists: boolean }
  | { readonly incarnation: string };

/** Milliseconds from the commit on; null is never; 'keep' leaves the deadline as it is (for a new workflow: the policy). */
export type Ttl = number | null | 'keep';

/** Text of each indexed field that the state carries: `{ status: 'generating' }`. */
export type IndexValues = Readonly<Record<string, string>>;

/** Writes a state whole: creates the workflow or makes its next version. */
export interface Put {
  readonly id: string;
  /** The service made the id for this commit, so that no other workflow can have it. */
  readonly isNewId?: boolean;
  readonly expect?: Expect;
  /** Used when this put creates the workflow. Chosen by the caller, so that an engine draws no random numbers. */
  readonly incarnation: string;
  readonly state: string;
  readonly index: IndexValues;
  readonly ttl: Ttl;
  readonly about: About;
}

/**
 * A change of the state that is worked out from the state itself. An engine may call `apply` more than once for one commit
 * (each time on the state that is current then), so it must be pure; what it throws refuses the commit.
 */
export interface Edit {
  readonly cause: Cause;
  /** Absent: the edit cannot be made again elsewhere, so where that is needed only what it came to is remembered. */
  readonly recipe?: EditRecipe;
  apply(document: JsonNode, at: Date): { readonly document: JsonNode; readonly changed: readonly string[] | null };
}

/** An edit as plain data, from which it can be made again: in another process, at another time. */
export interface EditRecipe {
  readonly kind: string;
  readonly args: readonly string[];
}

/** Changes a state atomically against all other writers; without `expect` it always lands. The workflow must exist. */
export interface Patch {
  readonly id: string;
  readonly expect?: Expect;
  readonly edit: Edit;
  readonly ttl: Ttl;
  readonly by: string;
  readonly note?: string;
  readonly taskId?: string;
}

/** Removes a workflow with its history. It must exist. */
export interface Delete {
  readonly id: string;
  readonly expect?: Expect;
}

/** Moves the deadline and nothing else: version and `updatedAt` stay. The workflow must exist. */
export interface Touch {
  readonly id: string;
  readonly expect?: Expect;
  readonly ttl: Ttl;
}

/**
 * What makes a commit happen once. The engine keeps the outcome under `key` for `keepMs`, written in the same atomic step
 * as the effect; a commit whose key is known changes nothing and gives the kept outcome again.
 * Every commit has one: the client's Idempotency-Key (digested), or a key the caller made before its first attempt, so that
 * a retry after a lost answer is safe.
 */
export interface Once {
  readonly key: string;
  /** Digest of the request body; a known key with another fingerprint is a mistake of the client. */
  readonly fingerprint: string;
  readonly keepMs: number;
  /** Kept with the outcome and returned with it: what the caller needs to give the same answer again. */
  readonly memo?: string;
  /** Whether the states that patches produced are kept too, if they are small; puts need not, their state is in the request. */
  readonly keepStates?: boolean;
  /** It is made of the lease token of `ack`: whoever knows that may be told the outcome for as long as the task is kept, if not longer. */
  readonly isLease?: true;
  /** The outcome must be found under the key, even if it could be told without. */
  readonly isKept?: true;
  /** Another key under which the outcome is found, whatever the body: a lease token acknowledges once. */
  readonly alias?: string;
}

/** One step, all or nothing. A workflow is named at most once. At most 50 of each list, and 100 tasks. */
export interface Commit {
  readonly once: Once;
  /** Makes a task done. Its lease is checked before anything else. */
  readonly ack?: Ack;
  readonly puts?: readonly Put[];
  readonly patches?: readonly Patch[];
  readonly deletes?: readonly Delete[];
  readonly touches?: readonly Touch[];
  /** Tasks of a known id or dedupe key are not created again. */
  readonly enqueue?: readonly NewTask[];
  readonly publish?: readonly Message[];
  /** Of what the service keeps for itself. */
  readonly board?: BoardChange;
  /** Workflows whose open tasks are cancelled, also those in the hands of workers. */
  readonly cancelTasksOf?: readonly string[];
  /** Conflict records that are done with; each must be there. */
  readonly settles?: readonly ConflictName[];
  /** Accepted earlier, while the store was away. Absent for all others. */
  readonly drained?: Drained;
  /** The next task for the worker that has just finished one. */
  readonly claim?: Claim;
}

/** Names a conflict record: the n-th of a workflow. */
export interface ConflictName {
  readonly id: string;
  readonly n: number;
}

/**
 * What is different about a commit that was acknowledged before it comes to the store: it shortens no deadline and finds room in any
 * queue. `recovered`, by id: the store had lost versions up to this one, so the next is counted from there.
 */
export interface Drained {
  readonly recovered?: Readonly<Record<string, number>>;
}

export type Part = 'ack' | 'puts' | 'patches' | 'deletes' | 'touches' | 'enqueue';

export interface CommittedWorkflow extends WorkflowMeta {
  readonly created: boolean;
  /** What a patch produced. On a replay only when `Once.keepStates` asked for it. */
  readonly state?: string;
}

export interface Enqueued {
  /** As it was when the commit was done. */
  readonly task: TaskRecord;
  /** It was there before, under its id or its dedupe key. */
  readonly isDuplicate: boolean;
}

export interface Outcome {
  /** The commit had been applied before; this is what came of it then. */
  readonly replayed: boolean;
  /** One entry for each put, then patch, then touch, in the order of the commit. */
  readonly workflows: readonly CommittedWorkflow[];
  /** One entry for each task to be enqueued, in order. */
  readonly tasks?: readonly Enqueued[];
  /** One for each message, in order. */
  readonly eventIds?: readonly string[];
  /** What was claimed; on a replay only while the lease is still the caller's. */
  readonly next?: ClaimedTask;
  readonly memo?: string;
}

/** How long the outcome of a commit without a client's key is kept: longer than any retry of it can take. */
export const RETRY_WINDOW_MS = 30_000;
