import type { Rate } from './bucket.js';
import { PLACES_PER_PRIORITY } from './limits.js';
import {
  copierOf,
  namesWith,
  nothingIn,
  TASK_FIELDS,
  taskCopyOf,
  type FieldsWith,
  type StoredTask,
  type TaskFailure,
  type TaskRecord,
  type TaskStatus,
} from './records/task-fields.js';

export type { StoredTask, TaskFailure, TaskRecord, TaskStatus };

/** An open task keeps its workflow from expiring. */
export function isOpen(status: TaskStatus): boolean {
  return status === 'ready' || status === 'delayed' || status === 'leased';
}

type Given = FieldsWith<'given'>;
type Optional = { readonly [N in keyof Given as null extends Given[N] ? N : never]?: Given[N] | undefined };
type Required = { readonly [N in keyof Given as null extends Given[N] ? never : N]: Given[N] };

/** A task to enqueue. `payload` and `headers` are JSON text, which the engine never parses. */
export interface NewTask extends Required, Optional {
  readonly id: string;
  readonly payload: string;
  readonly headers: string;
  readonly start: { readonly delayMs: number } | { readonly atMs: number };
  /** A task that was not started by then ends as expired. */
  readonly expires: { readonly atMs: number } | { readonly afterDueMs: number };
  /** While the key is kept, no other task with it is created. */
  readonly dedupe?: { readonly key: string; readonly keepMs: number } | undefined;
}

/** Bytes that a task takes of its queue: its headers and its payload, each as JSON text in UTF-8. */
export function bytesOf({ headers, payload }: Pick<NewTask, 'headers' | 'payload'>): number {
  return Buffer.byteLength(headers) + Buffer.byteLength(payload);
}

/** Names of the fields that the maker of a task gives. */
export const GIVEN = namesWith('given');
const copyGiven = copierOf(GIVEN);
// Copied, because spreads of an object from `fromEntries` are slow.
const EMPTY = taskCopyOf(
  Object.fromEntries(
    Object.entries(TASK_FIELDS).map(([name, field]) => [name, nothingIn(field)]),
  ) as unknown as StoredTask,
);

/** A new task. The engine sets its place in the queue. */
export function begunTask(task: NewTask, now: number): StoredTask {
  const { id, headers, start, expires, dedupe } = task;
  const dueAtMs = 'atMs' in start ? start.atMs : now + start.delayMs;
  const isDelayed = dueAtMs > now;
  return {
    ...EMPTY,
    ...copyGiven(task),
    id,
    headers,
    status: isDelayed ? 'delayed' : 'ready',
    createdAtMs: now,
    readyAtMs: isDelayed ? null : now,
    dueAtMs: isDelayed ? dueAtMs : null,
    expiresAtMs: 'atMs' in expires ? expires.atMs : Math.max(now, dueAtMs) + expires.afterDueMs,
    dedupedUntilMs: dedupe === undefined ? null : now + dedupe.keepMs,
    isTimed: 'atMs' in expires,
    dedupeKey: dedupe?.key ?? null,
  };
}

export interface TaskDetail extends TaskRecord {
  readonly headers: string;
  /** Undefined once the task is done or cancelled. */
  readonly payload: string | undefined;
  readonly result: string | undefined;
  /** Last failures, oldest first. */
  readonly failures: readonly TaskFailure[];
}

/** A leased task. The token is the only proof of the lease, and is new for every delivery. */
export interface ClaimedTask extends Omit<FieldsWith<'claimed'>, 'token' | 'leaseEndsAtMs'> {
  readonly token: string;
  readonly leaseEndsAtMs: number;
  readonly payload: string;
  readonly headers: string;
}

/**
 * Limit of a queue: a bucket from which each claimed task takes a token; see bucket.ts. While it is empty, no task is
 * leased.
 */
export interface Pace {
  readonly bucket: string;
  readonly rate: Rate;
}

export interface Claim {
  readonly queue: string;
  readonly worker: string;
  /** Undefined: the `leaseMs` of each task. */
  readonly leaseMs: number | undefined;
  /** One for each task that may be claimed. Chosen by the caller: engines draw no random numbers. */
  readonly tokens: readonly string[];
  /** Limit of the queue. */
  readonly pace?: Pace | undefined;
}

/** Makes a task done. `token` is that of its current lease, `result` is JSON text. */
export interface Ack {
  readonly taskId: string;
  readonly token: string;
  readonly result: string;
}

/** A message for a channel of the feed; `payload` is JSON text. */
export interface Message {
  readonly channel: string;
  readonly type: string;
  readonly payload: string;
}

/** Change of one task outside of a commit. */
export type TaskStep =
  | { readonly kind: 'extend'; readonly id: string; readonly token: string; readonly leaseMs: number | undefined }
  | {
      readonly kind: 'progress';
      readonly id: string;
      readonly token: string;
      /** JSON text. */
      readonly event: string;
    }
  | {
      readonly kind: 'fail';
      readonly id: string;
      readonly token: string;
      readonly error: { readonly code: string; readonly message: string };
      readonly isRetryable: boolean;
      /** Replaces the back-off. */
      readonly retryAfterMs?: number;
      /** Factor of the back-off, so that tasks that failed together are not retried together. */
      readonly jitter: number;
    }
  | {
      readonly kind: 'release';
      readonly id: string;
      readonly token: string;
      /** Set by a service that could not deliver this lease: its release is refused if the lease was sent again since. */
      readonly redeliveries?: number;
    }
  /** Unless forced, a leased task is only asked to stop. */
  | { readonly kind: 'cancel'; readonly id: string; readonly reason: string | undefined; readonly isForced: boolean };

/** Sequence part of a place: the order within its priority. */
export function sequenceOf(place: number): number {
  return place % PLACES_PER_PRIORITY;
}
