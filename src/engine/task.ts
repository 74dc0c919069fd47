import { PLACES_PER_PRIORITY } from './limits.js';
import {
  namesWith,
  nothingIn,
  pick,
  TASK_FIELDS,
  type FieldsWith,
  type StoredTask,
  type TaskFailure,
  type TaskRecord,
  type TaskStatus,
} from './records/task-fields.js';

export type { StoredTask, TaskFailure, TaskRecord, TaskStatus };

/** Statuses of a task that somebody still has to do; such a task keeps its workflow from expiring. */
export function isOpen(status: TaskStatus): boolean {
  return status === 'ready' || status === 'delayed' || status === 'leased';
}

type Given = FieldsWith<'given'>;
type Optional = { readonly [N in keyof Given as null extends Given[N] ? N : never]?: Given[N] | undefined };
type Required = { readonly [N in keyof Given as null extends Given[N] ? never : N]: Given[N] };

/** A task to be put into a queue: what its maker gives. The engine never looks into payload and headers; both are JSON text. */
export interface NewTask extends Required, Optional {
  readonly id: string;
  readonly payload: string;
  readonly headers: string;
  readonly start: { readonly delayMs: number } | { readonly atMs: number };
  /** When it is not worth starting any more. */
  readonly expires: { readonly atMs: number } | { readonly afterDueMs: number };
  /** While the key is kept, another task with it is not created. */
  readonly dedupe?: { readonly key: string; readonly keepMs: number };
}

/** Names of the fields that the maker of a task gives. */
export const GIVEN = namesWith('given');
const EMPTY = Object.fromEntries(
  Object.entries(TASK_FIELDS).map(([name, field]) => [name, nothingIn(field)]),
) as unknown as StoredTask;

/** A task as it begins. Its place in the queue is the engine's to give. */
export function begunTask(task: NewTask, now: number): StoredTask {
  const { id, headers, start, expires, dedupe } = task;
  const dueAtMs = 'atMs' in start ? start.atMs : now + start.delayMs;
  const isDelayed = dueAtMs > now;
  return {
    ...EMPTY,
    ...pick(GIVEN, task),
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
  /** The last ones, oldest first. */
  readonly failures: readonly TaskFailure[];
}

/** A task in the hands of a worker. The token is the only proof of it, and is new for every delivery. */
export interface ClaimedTask extends Omit<FieldsWith<'claimed'>, 'token' | 'leaseEndsAtMs'> {
  readonly token: string;
  readonly leaseEndsAtMs: number;
  readonly payload: string;
  readonly headers: string;
}

export interface Claim {
  readonly queue: string;
  readonly worker: string;
  /** Undefined: what each task says. */
  readonly leaseMs: number | undefined;
  /** One for each task that may be claimed; chosen by the caller, so that an engine draws no random numbers. */
  readonly tokens: readonly string[];
}

/** What makes a task done: the token of its current lease, and the result as JSON text. */
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

/** What happens to one task outside of a commit. */
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
      /** Instead of the back-off. */
      readonly retryAfterMs?: number;
      /** What the back-off is multiplied with, so that tasks that failed together do not come back together. */
      readonly jitter: number;
    }
  | { readonly kind: 'release'; readonly id: string; readonly token: string }
  /** A leased task is only asked to stop, unless forced. */
  | { readonly kind: 'cancel'; readonly id: string; readonly reason: string | undefined; readonly isForced: boolean };

/** The part of a place that says when, among those of its priority. */
export function sequenceOf(place: number): number {
  return place % PLACES_PER_PRIORITY;
}
