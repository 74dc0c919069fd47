import type { JsonNode } from '../json/document.js';
import type { BoardChange } from './board.js';
import type { About, Cause, WorkflowMeta } from './records/workflow-meta.js';
import type { Ack, Claim, ClaimedTask, Message, NewTask, TaskRecord } from './task.js';

/**
 * Condition for a part of a commit; absent means none.
 * `etags` hold the tags as clients send them, quotes included. `incarnation` asks for the same life of the id, whatever its version.
 */
export type Expect =
  | { readonly version: number }
  | { readonly etags: readonly string[] }
  | { readonly exists: boolean }
  | { readonly incarnation: string };

/** Milliseconds from the commit on; null is never; 'keep' leaves the deadline as it is (for a new workflow: the default). */
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
  /** Absent if the edit cannot be repeated elsewhere; then its result is kept instead. */
  readonly recipe?: EditRecipe;
  apply(document: JsonNode, at: Date): { readonly document: JsonNode; readonly changed: readonly string[] | null };
}

/** An edit as plain data, to be repeated in another process at another time. */
export interface EditRecipe {
  readonly kind: string;
  readonly args: readonly string[];
}

/** Changes a state atomically against all other writers; without `expect` no other writer makes it fail. The workflow must exist. */
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
 * Makes a commit happen once. The engine keeps the outcome under `key` for `keepMs`, written in the same atomic step
 * as the effect; a commit whose key is known changes nothing and gives the kept outcome again.
 * Every commit has one: the client's Idempotency-Key (digested), or a key the caller made before its first attempt, so that
 * a retry after a lost answer is safe.
 */
export interface Once {
  readonly key: string;
  /** Digest of the request body; a known key with another fingerprint is a mistake of the client. */
  readonly fingerprint: string;
  readonly keepMs: number;
  /** Text of the caller, kept and returned with the outcome. */
  readonly memo?: string;
  /** Keep the states that patches produced, if small. The states of puts are in the request. */
  readonly keepStates?: boolean;
  /** The key is made of the lease token of `ack`: the outcome may be derived from the task for as long as that is kept. */
  readonly isLease?: true;
  /** Store the outcome even where it could be derived. */
  readonly mustStore?: true;
  /** Second key of the outcome, for any body: a lease token acknowledges once. */
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
  /** Change of a board of the service. */
  readonly board?: BoardChange;
  /** Workflows whose open tasks are cancelled, also those in the hands of workers. */
  readonly cancelTasksOf?: readonly string[];
  /** Conflict records that the commit resolves; each must exist. */
  readonly resolves?: readonly ConflictName[];
  /** Set for a commit that was acknowledged while the store was unreachable. */
  readonly drained?: Drained;
  /** Next task for the worker that ends one. */
  readonly claim?: Claim;
}

/** Names a conflict record: the n-th of a workflow. */
export interface ConflictName {
  readonly id: string;
  readonly n: number;
}

/**
 * A commit that was acknowledged before the store has it: it shortens no deadline and ignores the limits of queues.
 * `recovered`, by id: the store had lost versions up to this one, so the next is counted from there.
 */
export interface Drained {
  readonly recovered?: Readonly<Record<string, number>>;
}

export type Part = 'ack' | 'puts' | 'patches' | 'deletes' | 'touches' | 'enqueue';

export interface CommittedWorkflow extends WorkflowMeta {
  readonly created: boolean;
  /** Result of a patch. On a replay only if `Once.keepStates` asked for it. */
  readonly state?: string;
}

export interface Enqueued {
  /** As it was when the commit was done. */
  readonly task: TaskRecord;
  /** The task existed before, under its id or its dedupe key. */
  readonly isDuplicate: boolean;
}

export interface Outcome {
  /** The commit had been applied before; this is its outcome. */
  readonly replayed: boolean;
  /** One entry for each put, then patch, then touch, in the order of the commit. */
  readonly workflows: readonly CommittedWorkflow[];
  /** One entry for each task to be enqueued, in order. */
  readonly tasks?: readonly Enqueued[];
  /** One for each message, in order. */
  readonly eventIds?: readonly string[];
  /** The claimed task; on a replay only while the lease is still the caller's. */
  readonly next?: ClaimedTask;
  readonly memo?: string;
}

/** How long the outcome of a commit without a client's key is kept: longer than any retry of it can take. */
export const RETRY_WINDOW_MS = 30_000;
