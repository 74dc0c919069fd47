import type { Board } from './board.js';
import type { Take, Taken } from './bucket.js';
import type { Commit, Outcome } from './commit.js';
import { DurabilityUnavailableError } from './errors.js';
import type { ConflictDetail, ConflictPage, ConflictQuery } from './conflicts.js';
import type { Moving } from './moving/moving.js';
import type { VersionRecord, WorkflowMeta, WorkflowRecord } from './records/workflow-meta.js';
import type { TaskQueues } from './task-queues.js';

/** `id` is the order of the bytes of the ids. */
export type SortKey = 'updatedAt' | '-updatedAt' | 'createdAt' | '-createdAt' | 'id' | '-id';

/** Order of an index, in both directions. */
export type Order = 'updated' | 'created' | 'ids';

export const ORDERS: Readonly<Record<SortKey, Order>> = {
  updatedAt: 'updated',
  '-updatedAt': 'updated',
  createdAt: 'created',
  '-createdAt': 'created',
  id: 'ids',
  '-id': 'ids',
};

export const SORT_KEYS = Object.keys(ORDERS) as readonly SortKey[];

/** Selects workflows that match every given member. */
export interface Filter {
  readonly idPrefix?: string;
  /** Indexed fields and their text, as in `IndexValues`. */
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
  /** `next` of the page before, unchanged. */
  readonly after?: ListPosition;
}

/**
 * Position in a listing: after the workflow with this sort time and id. In the order of the ids, the time is 0.
 * A list with the newest first can miss workflows: a workflow that is written between two pages moves to the front. So
 * after the last page the list goes on with a `rising` walk: it lists, oldest first, all workflows written since
 * `sinceMs`, the newest time of the first page. A workflow may appear a second time. If nothing was written, there is
 * no such page.
 */
export interface ListPosition {
  readonly atMs: number;
  readonly id: string;
  readonly sinceMs?: number;
  readonly rising?: boolean;
}

/** `state` is set if the query asks for it. A page shorter than its limit (large states) is not always the last. */
export interface ListPage {
  readonly items: readonly (Omit<WorkflowRecord, 'state'> & { readonly state?: string })[];
  readonly next: ListPosition | undefined;
}

export interface VersionQuery {
  /** 'desc', by default: newest first. */
  readonly order?: 'asc' | 'desc';
  readonly limit: number;
  /** Exclusive bounds of the version numbers, in either order. */
  readonly before?: number;
  readonly after?: number;
  readonly includeState: boolean;
}

/** A page shorter than its limit (large states) is not always the last. */
export interface VersionPage {
  /** The current version included. */
  readonly versions: readonly VersionRecord[];
  /** `before` of the next page, newest first; null at the end, and in a page that is oldest first. */
  readonly nextBefore: number | null;
  /** `after` of the next page, oldest first; null at the end, and in a page that is newest first. */
  readonly nextAfter: number | null;
}

/** Names one version of one life of a workflow, as its ETag does. */
export type VersionRef = Pick<WorkflowMeta, 'id' | 'incarnation' | 'version' | 'check'>;

export type VersionLookup =
  | { readonly found: 'version'; readonly version: VersionRecord & { readonly state: string } }
  /** The version is no longer kept; `oldest` is the oldest kept one. */
  | { readonly found: 'pruned'; readonly oldest: number }
  | { readonly found: 'no-version' }
  | { readonly found: 'no-workflow' };

/** State of the store, for health checks and operators. Contains no secrets. */
export interface StorageReport {
  readonly reachable: boolean;
  readonly latencyMs: number | null;
  /** Loss after a crash of the store: 'none', 'at most 1 s', 'everything', … */
  readonly durability: string;
  /** The store was never reached, neither by this process nor by the one before it with this journal. */
  readonly wasNeverReached?: boolean;
  /** The store answers reads but refuses every write, whatever it is. A full store still accepts some. */
  readonly refusesWrites?: boolean;
  /** Sentences for the operator; empty when all is well. */
  readonly warnings: readonly string[];
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** 'gone': a failover lost the write. */
export type Confirmation = 'confirmed' | 'unconfirmed' | 'gone';

/** Metrics of an engine. */
export interface EngineObserver {
  command(name: string, seconds: number, outcome: 'ok' | 'refused' | 'failed'): void;
  written(count: number): void;
  read(count: number): void;
  expired(count: number): void;
  conflict(): void;
  /** A commit was repeated after a lost answer, or after a conflict with another writer. */
  retried(why: 'lost-answer' | 'conflict'): void;
  /** Clocks of the servers of the store, against that of this process. */
  clocks(all: readonly { readonly address: string; readonly role: string; readonly aheadMs: number }[]): void;
  /** How far the time of the store is ahead of the clock of its server, which is behind. */
  timeAhead(ms: number): void;
}

export const silentObserver: EngineObserver = {
  command() {},
  written() {},
  read() {},
  expired() {},
  conflict() {},
  retried() {},
  clocks() {},
  timeAhead() {},
};

/** Settings of every engine. */
export interface EngineOptions {
  /** Time to live of a new workflow with ttl 'keep', and of an adopted one without any. */
  readonly defaultTtlMs: number | null;
  readonly maxStateBytes: number;
  /** Earlier versions kept per workflow, by count and by bytes of their states; 0 keeps none. */
  readonly historyLimit: number;
  readonly historyMaxBytes: number;
  readonly tasks: TaskOptions;
  readonly feed?: FeedOptions;
}

/** Limits of a tenant's feed; engines may keep slightly more. */
export interface FeedOptions {
  readonly maxEvents: number;
  readonly maxAgeMs: number;
}

export const DEFAULT_FEED: FeedOptions = { maxEvents: 100_000, maxAgeMs: 24 * 60 * 60 * 1000 };

export interface TaskOptions {
  /** Maximum open tasks of one queue. */
  readonly maxOpen: number;
  /**
   * Maximum bytes of headers and payloads of the open tasks of one queue, and of its dead ones. An empty queue takes a
   * task of any size, and the last dead task stays.
   */
  readonly maxBytes: number;
  /** Retention of done and cancelled tasks with their results. */
  readonly resultMs: number;
  /** Retention of progress events after the end of the task. */
  readonly progressMs: number;
  /** Retention of dead tasks, and their maximum number per queue. */
  readonly deadMs: number;
  readonly maxDead: number;
}

/** Subject of a hint. */
export type Topic = `workflow ${string}` | `queue ${string}` | `task ${string}` | `board ${string}` | 'feed';

/**
 * Reason of a call of a listener.
 * changed: a replica has changed something.
 * missed: changes until now may have been missed, because the subscription has just begun or was interrupted.
 * poll: there are no subscriptions, so the call is repeated every few seconds. A listener whose answer may be slightly
 * outdated ignores polls, so that many listeners cost nothing.
 */
export type Hint = 'changed' | 'missed' | 'poll';
export type Listener = (hint: Hint) => void;

/** Progress of the erasure of a tenant. */
export interface Erased {
  /** Records or keys removed by this call. */
  readonly removed: number;
  /** Nothing was left when the call ended. */
  readonly isDone: boolean;
}

/** One event of a tenant's feed. */
export interface FeedEvent {
  /** Unique and sortable within the tenant; see event-id.ts. */
  readonly id: string;
  readonly type: string;
  /**
   * Of a workflow: `id`, `version`, `inc` and `check`, if there is one; an expiry has `id` alone.
   * Of a task: `id`, `queue`, perhaps `workflow`.
   * Of a message: `channel` and `payload`, which is JSON text.
   */
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * The only access to stored data. Apart from `moving`, workflows change only through `commit`.
 * Correct means: passes test/contract.
 *
 * Common to all methods: data of one tenant is invisible to others. An expired workflow is absent, swept or not.
 * @throws StoreUnavailableError when the store cannot answer.
 */
export abstract class Engine {
  /** Current source of answers. */
  abstract readonly storage: 'redis' | 'memory' | 'detached';
  abstract readonly tasks: TaskQueues;
  /** Moves records unchanged to and from other stores. */
  abstract readonly moving: Moving;

  /** Store that served a request of the tenant, or of none, that started at `startedAt` (performance.now()). */
  storageSince(_startedAt: number, _tenant?: string): string {
    return this.storage;
  }

  /** Undefined if the workflow was never created, was deleted, or has expired. */
  abstract find(tenant: string, id: string): Promise<WorkflowRecord | undefined>;

  /** One answer for each id, in order. */
  abstract findMany(tenant: string, ids: readonly string[]): Promise<(WorkflowRecord | undefined)[]>;

  /**
   * Ordered by the sort time, then by id in the same direction. If nothing changes, following `next` shows every
   * workflow exactly once. Otherwise every workflow that exists throughout is shown at least once.
   */
  abstract list(tenant: string, query: ListQuery): Promise<ListPage>;

  abstract count(tenant: string, filter: Filter): Promise<number>;

  /** Undefined when there is no such workflow. */
  abstract listVersions(tenant: string, id: string, query: VersionQuery): Promise<VersionPage | undefined>;

  abstract findVersion(tenant: string, id: string, version: number): Promise<VersionLookup>;

  /**
   * States of exactly these versions, in order: never that of another version with the same number. Undefined for one
   * that is not kept any more. Shorter than `versions` if the states have more than `maxBytes`; the first state is there
   * whatever its size.
   */
  abstract findStates(
    tenant: string,
    versions: readonly VersionRef[],
    maxBytes: number,
  ): Promise<readonly (string | undefined)[]>;

  /**
   * Checks everything, then writes everything, in one atomic step. Order of the checks: known `once` key, sizes,
   * lease of `ack`, expectations of puts, patches, deletes and touches, limits of the queues.
   * After any error except OutcomeUnknownError, nothing has changed.
   * @throws LeaseLostError, TaskCancelledError or TaskNotFoundError for `ack`; QueueFullError; TooManyTasksError.
   * @throws IdempotencyMismatchError when the key is known with another fingerprint.
   * @throws VersionConflictError when an expectation does not hold.
   * @throws WorkflowNotFoundError when a part without expectation needs a workflow that does not exist.
   * @throws StateTooLargeError, and any error of an edit.
   * @throws ConflictNotFoundError when a conflict record to resolve does not exist.
   * @throws KeptAsConflictError when the commit with this key was kept as a conflict.
   * @throws StoreFullError
   * @throws OutcomeUnknownError when the answer was lost and could not be found again.
   */
  abstract commit(tenant: string, commit: Commit): Promise<Outcome>;

  /**
   * Outcome of a commit with this key, if it was applied. A request with a client's key reads it first.
   * Only a repeated commit returns a claimed task again.
   * @throws IdempotencyMismatchError when the key is known with another fingerprint.
   */
  abstract findOutcome(tenant: string, key: string, fingerprint: string): Promise<Outcome | undefined>;

  /** Conflict records. An unknown workflow has an empty page. */
  abstract listConflicts(tenant: string, id: string, query: ConflictQuery): Promise<ConflictPage>;

  abstract findConflict(tenant: string, id: string, n: number): Promise<ConflictDetail | undefined>;

  /**
   * Calls `listener` soon after a change by any replica. Workflow: write, delete or expiry. Queue: a task may be ready.
   * Task: any step. Board: new notices. Feed: any event.
   * A hint comes at least once, possibly late; the listener reads again. Returns the function that unsubscribes.
   */
  abstract onChange(tenant: string, topic: Topic, listener: Listener): () => void;

  /**
   * Events after `after`, or from the oldest kept event without it, in order. Every version, delete and expiry of a
   * workflow, every transition of a task and every message occurs once.
   * @throws FeedTrimmedError when events after `after` may no longer be kept.
   * @throws FeedResetError when `after` is not in this feed: the store is another one, or lost its latest events.
   */
  abstract readFeed(tenant: string, after: string | undefined, limit: number): Promise<readonly FeedEvent[]>;

  /** End of the feed, also of an empty one. Reading after it gives later events only. */
  abstract lastEventId(tenant: string): Promise<string>;

  /** Empty if the board was never written. */
  abstract readBoard(tenant: string, board: string): Promise<Board>;

  /**
   * Takes tokens from several buckets in one step, from each independently of the others; see bucket.ts.
   * Buckets are not data: they are not moved and not served while detached, and they are full after a restart of the
   * embedded engine.
   */
  abstract take(tenant: string, takes: readonly Take[]): Promise<readonly Taken[]>;

  /**
   * Removes all data of a tenant and of its hidden tenants, about `limit` records in each call. The caller repeats the
   * call until it is done, also after a crash.
   * All replicas must refuse the tenant before the first call: the erasure does not stop writes, and later writes stay.
   * Writes that a replica accepted while the store was unreachable are dropped instead of drained; see erasure.ts.
   * @throws Error for the default tenant and hidden ones
   */
  abstract erase(tenant: string, limit: number): Promise<Erased>;

  /** Removes expired data, up to a limit. Returns the number of workflows. Engines also sweep by themselves. */
  abstract sweep(): Promise<number>;

  abstract inspect(): Promise<StorageReport>;

  /** Reason why no replica can confirm a write; undefined if one can. */
  get unconfirmable(): string | undefined {
    return 'The embedded engine keeps one copy, on one disk';
  }

  /**
   * Waits, with a timeout, until a replica of the store has the write with this once key.
   * @throws DurabilityUnavailableError
   */
  confirm(_tenant: string, _onceKey: string): Promise<Confirmation> {
    return Promise.reject(new DurabilityUnavailableError(this.unconfirmable ?? 'No replica can confirm it'));
  }
}
