import { randomUUID } from 'node:crypto';
import type { JsonNode } from '../json/document.js';
import type { BoardChange } from './board.js';
import type { About, Cause, WorkflowMeta } from './records/workflow-meta.js';
import type { Ack, Claim, ClaimedTask, Message, NewTask, TaskRecord } from './task.js';

/**
 * Condition for a part of a commit; absent means none.
 * `etags` are tags as clients send them, quotes included. `incarnation` accepts any version of that incarnation.
 */
export type Expect =
  | { readonly version: number }
  | { readonly etags: readonly string[] }
  | { readonly exists: boolean }
  | { readonly incarnation: string };

/** Milliseconds from the commit on; null is never; 'keep' keeps the deadline (for a new workflow: the default). */
export type Ttl = number | null | 'keep';

/** Text of each indexed field that the state carries: `{ status: 'generating' }`. */
export type IndexValues = Readonly<Record<string, string>>;

/** Writes a state whole: creates the workflow or makes its next version. */
export interface Put {
  readonly id: string;
  /** The service made the id for this commit, so no other workflow has it. */
  readonly isNewId?: boolean;
  readonly expect?: Expect;
  /** Used if this put creates the workflow. Chosen by the caller: engines draw no random numbers. */
  readonly incarnation: string;
  readonly state: string;
  readonly index: IndexValues;
  readonly ttl: Ttl;
  readonly about: About;
}

/**
 * Computes a state from the current one. `apply` must be pure: an engine may call it more than once for one commit,
 * each time with the state that is current then. An error of `apply` refuses the commit.
 */
export interface Edit {
  readonly cause: Cause;
  /** Absent if the edit cannot be repeated elsewhere; its result is kept instead. */
  readonly recipe?: EditRecipe;
  apply(document: JsonNode, at: Date): EditResult;
}

export interface EditResult {
  readonly document: JsonNode;
  readonly changed: readonly string[] | null;
}

/** An edit as plain data, repeatable in another process. */
export interface EditRecipe {
  readonly kind: string;
  readonly args: readonly string[];
}

/** Changes a state atomically. Without `expect`, other writers never make it fail. The workflow must exist. */
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
 * as the effect. A commit with a known key changes nothing and returns the kept outcome.
 * Every commit has a key: the digest of the client's Idempotency-Key, or one that the caller makes before its first
 * attempt. So a retry after a lost answer is safe.
 */
export interface Once {
  readonly key: string;
  /** Digest of the request body. A known key with another fingerprint is refused. */
  readonly fingerprint: string;
  /** Absent: a key of the service itself, kept for the retry window of the store. */
  readonly keepMs?: number;
  /** Text of the caller, kept and returned with the outcome. */
  readonly memo?: string;
  /** The key is made of the lease token of `ack`. The outcome may be derived from the task while the task is kept. */
  readonly isLease?: true;
  /** Store the outcome even if it could be derived. */
  readonly mustStore?: true;
  /** Second key of the outcome, valid with any fingerprint, so that a lease token acknowledges only once. */
  readonly alias?: string;
}

/** One atomic step. Each workflow occurs at most once. Each list has at most 50 entries; 100 for tasks. */
export interface Commit {
  readonly once: Once;
  /** Makes a task done. Its lease is checked before anything else. */
  readonly ack?: Ack;
  readonly puts?: readonly Put[];
  readonly patches?: readonly Patch[];
  readonly deletes?: readonly Delete[];
  readonly touches?: readonly Touch[];
  /** A task with a known id or dedupe key is not created again. */
  readonly enqueue?: readonly NewTask[];
  readonly publish?: readonly Message[];
  /** Change of a board of the service. */
  readonly board?: BoardChange;
  /** Workflows whose open tasks are cancelled, leased ones included. */
  readonly cancelTasksOf?: readonly string[];
  /** Conflict records that the commit resolves; each must exist. */
  readonly resolves?: readonly ConflictName[];
  /** Set for a commit that was acknowledged while the store was unreachable. */
  readonly drained?: Drained;
  /** Claim of the next task, by the worker that ends one. */
  readonly claim?: Claim;
}

/** Names a conflict record: the n-th of a workflow. */
export interface ConflictName {
  readonly id: string;
  readonly n: number;
}

/**
 * A commit that was acknowledged before it reached the store. It shortens no deadline and ignores the limits of queues.
 * `recovered`: for each workflow id, the last version that the store lost. The next version follows that one.
 * `outcomes`: of the commits that come back with such a version. They are kept again, so that a repeat changes nothing.
 */
export interface Drained {
  readonly recovered?: Readonly<Record<string, number>>;
  readonly outcomes?: readonly KnownOutcome[];
}

/** Outcome of a commit that changed one workflow and nothing else, under the key of a client. */
export interface KnownOutcome {
  readonly once: Once;
  /** End of the key. */
  readonly untilMs: number;
  readonly workflow: CommittedWorkflow;
}

/** Undefined for a key that no client repeats, and for a commit that did more than change this workflow. */
export function knownOutcomeOf(
  { once, ack, claim, board, resolves, deletes = [], enqueue = [], publish = [], cancelTasksOf = [] }: Commit,
  workflows: readonly CommittedWorkflow[],
  nowMs: number,
): KnownOutcome | undefined {
  const [only, ...others] = workflows;
  if (once.keepMs === undefined || only === undefined) return undefined;
  const count = others.length + deletes.length + enqueue.length + publish.length + cancelTasksOf.length;
  if (count > 0 || (ack ?? claim ?? board ?? resolves) !== undefined) return undefined;
  return { once, untilMs: nowMs + once.keepMs, workflow: committedWorkflow(only, only.created) };
}

export type Part = 'ack' | 'puts' | 'patches' | 'deletes' | 'touches' | 'enqueue';

export interface CommittedWorkflow extends WorkflowMeta {
  readonly created: boolean;
  /** Result of a patch. Not on a replay: kept for a day, states would fill the store. */
  readonly state?: string;
}

export interface Enqueued {
  /** The task as of the commit. */
  readonly task: TaskRecord;
  /** The task existed before, under its id or its dedupe key. */
  readonly isDuplicate: boolean;
}

/** No spread: V8 is many times slower with a member after a spread. */
export function committedWorkflow(meta: WorkflowMeta, created: boolean, state?: string): CommittedWorkflow {
  const { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs } = meta;
  return state === undefined
    ? { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs, created }
    : { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs, created, state };
}

export interface Outcome {
  /** The commit had been applied before; this is its outcome. */
  readonly replayed: boolean;
  /** One entry for each put, then patch, then touch, in the order of the commit. */
  readonly workflows: readonly CommittedWorkflow[];
  /** One entry for each task to be enqueued, in order. */
  readonly tasks?: readonly Enqueued[];
  /** One id for each message, in order. */
  readonly eventIds?: readonly string[];
  /** The claimed task; on a replay only while the lease is still the caller's. */
  readonly next?: ClaimedTask;
  readonly memo?: string;
}

/** A key of the service itself, for a commit that no client repeats. Draw it once, before the first attempt. */
export function ownOnce(key: string = randomUUID()): Once {
  return { key, fingerprint: '' };
}

/** Least retention of an outcome under such a key. A store whose retries take longer keeps it longer. */
export const MIN_RETRY_WINDOW_MS = 30_000;
