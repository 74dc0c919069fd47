import type { Once } from './commit.js';
import type { Claim, ClaimedTask, TaskDetail, TaskRecord, TaskStep } from './task.js';
import { MINUTE_MS } from './limits.js';
import type { QueueFields, QueueRate, QueueTotal } from './records/queue-fields.js';

export interface Claimed {
  readonly tasks: readonly ClaimedTask[];
  /** How long until something may become ready by itself; null when nothing will. */
  readonly nextDueInMs: number | null;
  readonly isPaused: boolean;
}

export interface Stepped {
  readonly task: TaskRecord;
  /** Of a progress event. */
  readonly eventId?: string;
  /** The step had been done before, under the same key. */
  readonly replayed: boolean;
}

export interface QueueRecord extends QueueFields {
  readonly name: string;
  readonly totals: Readonly<Record<QueueTotal, number>>;
  /** How many of each in the last minute, about. */
  readonly perMinute: Readonly<Record<QueueRate, number>>;
  /** Workers that have asked for tasks lately, and how many tasks each has in hand. */
  readonly workers: readonly { readonly name: string; readonly seenAtMs: number; readonly leased: number }[];
}

/** From what was counted in this minute and in the one before it, by how much of this one is over. */
export function perMinute(before: number, current: number, now: number): number {
  const left = 1 - (now % MINUTE_MS) / MINUTE_MS;
  return Math.round((before * left + current) * 10) / 10;
}

export interface ProgressEvent {
  /** Counts from 1. */
  readonly id: number;
  readonly atMs: number;
  readonly event: string;
}

export interface Progress {
  readonly events: readonly ProgressEvent[];
  /** The task has ended, so no more will follow. */
  readonly isOver: boolean;
  /** Oldest that is still kept; null without any. */
  readonly oldest: number | null;
}

/** The dead tasks that something was done to. */
export interface Chosen {
  readonly ids: readonly string[];
  readonly replayed: boolean;
}

export interface ReplayOptions {
  readonly resetAttempts: boolean;
  /** The tasks become ready one after the other within this time. */
  readonly spreadMs: number;
}

/** Which dead tasks. */
export type DeadSelection = { readonly ids: readonly string[] } | { readonly max: number };

/**
 * Tasks in queues, beside the parts of a commit that end (`ack`), create (`enqueue`) and claim (`claim`) them. Correct means: passes
 * test/contract. Each step is atomic and happens once, like a commit.
 *
 * Common to all methods: a task whose time is over is absent; @throws StoreUnavailableError when the store cannot answer.
 */
export abstract class TaskQueues {
  /**
   * Leases the first tasks of the queue. A claim whose key is known gives the same tasks and tokens again, as far as the leases
   * are still its own, until they would have ended without being renewed; otherwise it is a new one. Tasks that have become due, and those whose lease has run out, are put right on the way.
   */
  abstract claim(tenant: string, claim: Claim, key: string): Promise<Claimed>;

  /**
   * @throws TaskNotFoundError @throws LeaseLostError when the token is not that of the current delivery; nothing has changed.
   * @throws TaskCancelledError when the task was cancelled under the holder; @throws TaskEndedError when a task to be cancelled has ended.
   */
  abstract step(tenant: string, step: TaskStep, once: Once): Promise<Stepped>;

  abstract find(tenant: string, id: string): Promise<TaskDetail | undefined>;

  /** Tasks that name the workflow: open ones, newest first, then ended ones that are still kept, last ended first. */
  abstract listOfWorkflow(tenant: string, workflowId: string, limit: number): Promise<readonly TaskRecord[]>;

  /** The last ended first. */
  abstract listDead(tenant: string, queue: string, limit: number): Promise<readonly TaskDetail[]>;

  /** Dead tasks become ready again, or delayed over `spreadMs`. */
  abstract replayDead(
    tenant: string,
    queue: string,
    which: DeadSelection,
    options: ReplayOptions,
    once: Once,
  ): Promise<Chosen>;

  /** Removes dead tasks with everything that belongs to them. */
  abstract purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once): Promise<Chosen>;

  /** A paused queue takes tasks in and gives none out. */
  abstract pause(tenant: string, queue: string, isPaused: boolean): Promise<void>;

  /** In the order of their names. */
  abstract listQueues(tenant: string): Promise<readonly string[]>;

  /** A queue nobody has used is empty. */
  abstract findQueue(tenant: string, name: string): Promise<QueueRecord>;

  /** Events behind `after`, oldest first; undefined when there is no such task. */
  abstract readProgress(tenant: string, id: string, after: number, limit: number): Promise<Progress | undefined>;
}
