import type { Once } from './commit.js';
import type { Claim, ClaimedTask, TaskDetail, TaskRecord, TaskStep } from './task.js';
import { MINUTE_MS } from './limits.js';
import type { QueueFields, QueueRate, QueueTotal } from './records/queue-fields.js';

export interface Claimed {
  readonly tasks: readonly ClaimedTask[];
  /** Time until a task may become ready by itself, or until the limit of the queue allows one; null if never. */
  readonly nextDueInMs: number | null;
  readonly isPaused: boolean;
}

export interface Stepped {
  readonly task: TaskRecord;
  /** Id of a progress event. */
  readonly eventId?: string;
  /** The step had been done before, under the same key. */
  readonly replayed: boolean;
}

export interface QueueRecord extends QueueFields {
  readonly name: string;
  readonly totals: Readonly<Record<QueueTotal, number>>;
  /** Approximate counts of the last minute. */
  readonly perMinute: Readonly<Record<QueueRate, number>>;
  /** Workers with a recent claim, and the number of tasks leased to each. */
  readonly workers: readonly { readonly name: string; readonly seenAtMs: number; readonly leased: number }[];
}

export interface QueueQuery {
  /** Only names that start with this; '' for all. */
  readonly prefix: string;
  /** Only names after this one. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Ordered by name. A page may be shorter than its limit: queues with many leased tasks take more work. */
export interface QueuePage {
  readonly queues: readonly QueueRecord[];
  /** Names of queues on this page whose keys hold something else. */
  readonly unreadable: readonly string[];
  /** Name after which the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

const DAY_MS = 86_400_000;

/** Time after which the name of a queue without tasks ends; no ended task of the queue is kept longer for its result. */
export function queueIdleMs(resultMs: number): number {
  return Math.max(DAY_MS, resultMs);
}

/**
 * Sliding rate over the last 60 s: the count of this minute, plus the part of the previous minute's count that falls
 * into the 60 s.
 */
export function perMinute(before: number, current: number, now: number): number {
  const left = 1 - (now % MINUTE_MS) / MINUTE_MS;
  return Math.round((before * left + current) * 10) / 10;
}

export interface ProgressEvent {
  /** Number of the event within its task, from 1. */
  readonly id: number;
  readonly atMs: number;
  readonly event: string;
}

export interface Progress {
  readonly events: readonly ProgressEvent[];
  /** The task has ended; no more events follow. */
  readonly isOver: boolean;
  /** Id of the oldest kept event; null without any. */
  readonly oldest: number | null;
}

/** Dead tasks that were replayed or purged. */
export interface Chosen {
  readonly ids: readonly string[];
  readonly replayed: boolean;
}

export interface ReplayOptions {
  readonly resetAttempts: boolean;
  /** Time over which the tasks become ready, one after the other. */
  readonly spreadMs: number;
}

export type DeadSelection = { readonly ids: readonly string[] } | { readonly max: number };

/**
 * Tasks in queues. Commits also end (`ack`), create (`enqueue`) and claim (`claim`) tasks.
 * Each step is atomic and happens once, like a commit. Correct means: passes test/contract.
 *
 * Common to all methods: a task past its retention is absent. No read shows a task as leased after the end of its lease:
 * the read ends the lease first, as a claim does, unless the store refuses writes. Pages of queues are left to the sweep.
 * @throws StoreUnavailableError when the store cannot answer.
 */
export abstract class TaskQueues {
  /**
   * Leases the first tasks of the queue, after handling due tasks and expired leases, and at most as many as `pace`
   * allows. Fewer, but at least one, if their payloads would have more than PAGE_BYTES together; the others stay ready.
   * A known key returns the same tasks and tokens, without those whose lease was lost. If all were lost, the claim is a
   * new one.
   * The key is kept until the leases would have ended without renewal.
   */
  abstract claim(tenant: string, claim: Claim, key: string): Promise<Claimed>;

  /**
   * @throws TaskNotFoundError
   * @throws LeaseLostError when the token is not that of the current delivery; nothing has changed.
   * @throws TaskCancelledError when the leased task was cancelled.
   * @throws TaskEndedError when a task to be cancelled has ended.
   */
  abstract step(tenant: string, step: TaskStep, once: Once): Promise<Stepped>;

  abstract find(tenant: string, id: string): Promise<TaskDetail | undefined>;

  /** Tasks of the workflow: open ones, newest first; then kept ended ones, last ended first. */
  abstract listOfWorkflow(tenant: string, workflowId: string, limit: number): Promise<readonly TaskRecord[]>;

  /** Dead tasks, last ended first; as many as have at most PAGE_BYTES of payloads together, but at least one. */
  abstract listDead(tenant: string, queue: string, limit: number): Promise<readonly TaskDetail[]>;

  /** Makes dead tasks ready again, or delayed over `spreadMs`. */
  abstract replayDead(
    tenant: string,
    queue: string,
    which: DeadSelection,
    options: ReplayOptions,
    once: Once,
  ): Promise<Chosen>;

  /** Removes dead tasks with everything that belongs to them. */
  abstract purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once): Promise<Chosen>;

  /** A paused queue accepts tasks and leases none. */
  abstract pause(tenant: string, queue: string, isPaused: boolean): Promise<void>;

  /** One page of the queues. The work is that of the page, however many queues there are. */
  abstract listQueues(tenant: string, query: QueueQuery): Promise<QueuePage>;

  /** An unknown queue is empty. */
  abstract findQueue(tenant: string, name: string): Promise<QueueRecord>;

  /** Events after `after`, oldest first; undefined if the task does not exist. */
  abstract readProgress(tenant: string, id: string, after: number, limit: number): Promise<Progress | undefined>;
}
