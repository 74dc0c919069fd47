import type { Board } from './board.js';
import type { Commit, Outcome } from './commit.js';
import { DurabilityUnavailableError } from './errors.js';
import type { ConflictDetail, ConflictPage } from './conflicts.js';
import type { Moving } from './moving/moving.js';
import type { VersionRecord, WorkflowRecord } from './records/workflow-meta.js';
import type { TaskQueues } from './task-queues.js';

export type SortKey = 'updatedAt' | '-updatedAt' | 'createdAt' | '-createdAt';

/** Which workflows; every member given must hold. */
export interface Filter {
  readonly idPrefix?: string;
  /** Indexed fields and their text, as `IndexValues` holds it. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Exclusive bounds. */
  readonly updatedAfterMs?: number;
  readonly updatedBeforeMs?: number;
}

export interface ListQuery {
  readonly filter: Filter;
  readonly sort: SortKey;
  readonly limit: number;
  readonly includeState: boolean;
  /** Where the page before this one ended; as the engine gave it. */
  readonly after?: ListPosition;
}

/**
 * A place in a listing: behind the workflow with this sort time and id.
 * Newest first, a workflow that is written while a client pages moves to the front, past the reader. So once the walk
 * down has ended, a `rising` walk follows it: upwards through what was written since `sinceMs`, the newest time that the
 * first page saw. It shows a moved workflow (perhaps a second time) and nothing on an unchanged set.
 */
export interface ListPosition {
  readonly atMs: number;
  readonly id: string;
  readonly sinceMs?: number;
  readonly rising?: boolean;
}

/** `state` is there when the query asked for it. A page may be shorter than its limit (large states) and not be the last. */
export interface ListPage {
  readonly items: readonly (Omit<WorkflowRecord, 'state'> & { readonly state?: string })[];
  readonly next: ListPosition | undefined;
}

export interface VersionPage {
  /** Newest first, the current version included. */
  readonly versions: readonly VersionRecord[];
  readonly nextBefore: number | null;
}

export type VersionLookup =
  | { readonly found: 'version'; readonly version: VersionRecord & { readonly state: string } }
  /** The version is no longer kept; `oldest` is the oldest that is. */
  | { readonly found: 'pruned'; readonly oldest: number }
  | { readonly found: 'no-version' }
  | { readonly found: 'no-workflow' };

/** State of the store, for health and operators. No secrets. */
export interface StorageReport {
  readonly reachable: boolean;
  readonly latencyMs: number | null;
  /** Loss after a crash of the store: 'none', 'at most 1 s', 'everything', … */
  readonly durability: string;
  /** Each a sentence for the operator; empty when all is well. */
  readonly warnings: readonly string[];
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** 'gone': a failover has lost the write. */
export type Confirmation = 'confirmed' | 'unconfirmed' | 'gone';

/** Metrics of an engine. */
export interface EngineObserver {
  command(name: string, seconds: number, outcome: 'ok' | 'refused' | 'failed'): void;
  written(count: number): void;
  read(count: number): void;
  expired(count: number): void;
  conflict(): void;
  /** A commit was repeated: after a lost answer, or because another writer came first. */
  retried(why: 'lost-answer' | 'conflict'): void;
}

export const silentObserver: EngineObserver = {
  command() {},
  written() {},
  read() {},
  expired() {},
  conflict() {},
  retried() {},
};

/** Settings of every engine. */
export interface EngineOptions {
  /** Time to live of a new workflow whose writer said 'keep', and of an adopted one without any. */
  readonly defaultTtlMs: number;
  readonly maxStateBytes: number;
  /** Earlier versions kept per workflow, by count and by bytes of their states; 0 keeps none. */
  readonly historyLimit: number;
  readonly historyMaxBytes: number;
  readonly tasks: TaskOptions;
  readonly feed?: FeedOptions;
}

/** Limits of a tenant's feed; engines may keep somewhat more. */
export interface FeedOptions {
  readonly mostEvents: number;
  readonly maxAgeMs: number;
}

export const DEFAULT_FEED: FeedOptions = { mostEvents: 100_000, maxAgeMs: 24 * 60 * 60 * 1000 };

export interface TaskOptions {
  /** Open tasks of one queue. */
  readonly mostOpen: number;
  /** How long done and cancelled tasks are kept with their results. */
  readonly resultMs: number;
  /** How long progress events are kept after the end of the task. */
  readonly progressMs: number;
  /** Dead tasks are kept so long, and so many of a queue. */
  readonly deadMs: number;
  readonly mostDead: number;
}

/** Subject of a hint. */
export type Topic = `workflow ${string}` | `queue ${string}` | `task ${string}` | `board ${string}` | 'feed';

/** One thing that happened, as the feed shows it. */
export interface FeedEvent {
  /** Unique and sortable within the tenant; see event-id.ts. */
  readonly id: string;
  readonly type: string;
  /**
   * What it is about: of a workflow `id`, `version` and `inc` (its end by time has the id alone); of a task `id`, `queue` and perhaps
   * `workflow`; of a message `channel` and `payload`, which is JSON text.
   */
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * The only door to stored data, and `commit` the only way anything changes. Correct means: passes test/contract.
 *
 * Common to all methods: nothing of one tenant is visible to another; an expired workflow is absent everywhere, swept or not;
 * @throws StoreUnavailableError when the store cannot answer.
 */
export abstract class Engine {
  /** Where answers come from now. */
  abstract readonly storage: 'redis' | 'memory' | 'detached';
  abstract readonly tasks: TaskQueues;
  /** Records as they are, out of this store and into it. */
  abstract readonly moving: Moving;

  /** Which store served a request that started at `startedAt` (performance.now()). */
  storageSince(_startedAt: number): string {
    return this.storage;
  }

  /** Undefined when the workflow was never created, was deleted, or has expired. */
  abstract find(tenant: string, id: string): Promise<WorkflowRecord | undefined>;

  /** One answer for each id, in order. */
  abstract findMany(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]>;

  /**
   * Ordered by the sort time, then by id in the same direction. On an unchanged set, following `next` shows every workflow
   * exactly once; on a changing one, every workflow that was there throughout at least once.
   */
  abstract list(tenant: string, query: ListQuery): Promise<ListPage>;

  abstract count(tenant: string, filter: Filter): Promise<number>;

  /** Undefined when there is no such workflow. `before` is an exclusive version number. */
  abstract listVersions(
    tenant: string,
    id: string,
    page: { readonly limit: number; readonly before?: number; readonly includeState: boolean },
  ): Promise<VersionPage | undefined>;

  abstract findVersion(tenant: string, id: string, version: number): Promise<VersionLookup>;

  /**
   * Checks everything, then writes everything, in one atomic step. Order of the checks: known `once` key, sizes, the lease of `ack`, then
   * the expectations of puts, patches, deletes and touches, then the limits of the queues.
   * @throws LeaseLostError, TaskCancelledError or TaskNotFoundError for `ack`; QueueFullError; TooManyTasksError.
   * @throws IdempotencyMismatchError when the key is known with another fingerprint.
   * @throws VersionConflictError when an expectation does not hold; WorkflowNotFoundError when a part without expectation needs a workflow
   * that is not there. @throws StateTooLargeError, and whatever an edit throws. After any of these nothing has changed.
   * @throws ConflictNotFoundError for a conflict record to be resolved that does not exist; nothing has changed.
   * @throws KeptAsConflictError when the key is that of a commit that was kept as a conflict.
   * @throws StoreFullError; nothing has changed.
   * @throws OutcomeUnknownError when the answer was lost and could not be found again.
   */
  abstract commit(tenant: string, commit: Commit): Promise<Outcome>;

  /**
   * Outcome of a commit with this key, if it was applied. Read before anything else for a request with a client's key.
   * Only a repeated commit gives a claimed task again.
   * @throws IdempotencyMismatchError when the key is known with another fingerprint.
   */
  abstract findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined>;

  /** Conflict records. `before` is exclusive. A workflow that does not exist has an empty page. */
  abstract listConflicts(
    tenant: string,
    id: string,
    page: { readonly limit: number; readonly before?: number },
  ): Promise<ConflictPage>;

  abstract findConflict(tenant: string, id: string, n: number): Promise<ConflictDetail | undefined>;

  /**
   * Calls `listener` soon after any write, delete or expiry of the workflow, whenever a task may have become ready in the queue, or
   * after any step of the task, after new notices on the board, or after any event of the feed, by any replica. A hint, at least once, possibly late: the
   * listener reads again. Returns how to stop.
   */
  abstract onChange(tenant: string, topic: Topic, listener: () => void): () => void;

  /**
   * What happened behind `after` (from the oldest that is kept without it), in order. Every version, delete and expiry of a workflow,
   * every transition of a task and every message is there once.
   * @throws FeedTrimmedError when events behind `after` may be gone already.
   * @throws FeedResetError when there is no such place in this feed: the store is another one, or lost its latest events.
   */
  abstract readFeed(tenant: string, after: string | undefined, limit: number): Promise<readonly FeedEvent[]>;

  /** End of the feed; reading behind it gives the events from now on, also while the feed is empty. */
  abstract lastEventId(tenant: string): Promise<string>;

  /** Empty if nothing was ever written to it. */
  abstract readBoard(tenant: string, board: string): Promise<Board>;

  /** Removes expired data, up to a limit; returns the number of workflows. Engines also sweep by themselves. */
  abstract sweep(): Promise<number>;

  abstract inspect(): Promise<StorageReport>;

  /** Why no replica can confirm a write; undefined if one can. */
  get unconfirmable(): string | undefined {
    return 'The embedded engine keeps one copy, on one disk';
  }

  /** Waits, for a bounded time, until a replica has what was written under a once key. @throws DurabilityUnavailableError */
  confirm(_tenant: string, _onceKey: string): Promise<Confirmation> {
    return Promise.reject(new DurabilityUnavailableError(this.unconfirmable ?? 'No replica can confirm it'));
  }
}
