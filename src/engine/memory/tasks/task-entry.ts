import { isOpen, type ClaimedTask, type TaskDetail, type TaskFailure, type TaskRecord } from '../../task.js';
import type { StoredText } from '../journal/text-store.js';

/** Everything about one task. Never changed, only replaced, like an `Entry`. */
export interface TaskEntry extends TaskRecord {
  readonly headers: string;
  readonly payload: StoredText | undefined;
  readonly result: StoredText | undefined;
  readonly failures: readonly TaskFailure[];
  readonly backoffMs: readonly number[];
  readonly leaseMs: number;
  readonly limitMs: number | null;
  /** Its score among the ready ones; kept while it is delayed or leased, for it may come back to it. */
  readonly place: number;
  /** Of the last delivery, until the task is claimed again, given back or ended. */
  readonly token: string | null;
  readonly startedAtMs: number | null;
  /** How long it was leased last; what is renewed without saying for how long is renewed for so long. */
  readonly heldLeaseMs: number | null;
  /** Until when it is known after its end. */
  readonly keptUntilMs: number | null;
  /** Until when its dedupe key is kept; null without one. */
  readonly dedupedUntilMs: number | null;
  /** Its maker said until when it is worth starting; the others wait for as long as the service lets them. */
  readonly isTimed: boolean;
  readonly dedupeKey: string | null;
  /** Progress events so far. */
  readonly progress: number;
  /** The commit that made this entry; see `Entry`. */
  readonly commit: number;
}

export function* textsOfTask(entry: TaskEntry | undefined): Generator<StoredText> {
  if (entry?.payload !== undefined) yield entry.payload;
  if (entry?.result !== undefined) yield entry.result;
}

/** Whether the task still stands for its workflow. */
export function holdsWorkflow(entry: TaskEntry): boolean {
  return entry.workflowId !== null && isOpen(entry.status);
}

export function recordOf(entry: TaskEntry): TaskRecord {
  return {
    id: entry.id,
    queue: entry.queue,
    status: entry.status,
    priority: entry.priority,
    attempt: entry.attempt,
    maxAttempts: entry.maxAttempts,
    releases: entry.releases,
    replays: entry.replays,
    workflowId: entry.workflowId,
    createdAtMs: entry.createdAtMs,
    readyAtMs: entry.readyAtMs,
    dueAtMs: entry.dueAtMs,
    expiresAtMs: entry.expiresAtMs,
    leaseEndsAtMs: entry.leaseEndsAtMs,
    worker: entry.worker,
    cancelRequested: entry.cancelRequested,
    reason: entry.reason,
    endedAtMs: entry.endedAtMs,
  };
}

export function detailOf(entry: TaskEntry): TaskDetail {
  const { failures, payload, result } = entry;
  const headers = payload === undefined ? '{}' : entry.headers;
  return { ...recordOf(entry), headers, failures, payload: payload?.toString(), result: result?.toString() };
}

/** A leased task as its holder sees it. */
export function claimedOf(entry: TaskEntry): ClaimedTask {
  return {
    id: entry.id,
    queue: entry.queue,
    token: entry.token ?? '',
    leaseEndsAtMs: entry.leaseEndsAtMs ?? 0,
    priority: entry.priority,
    attempt: entry.attempt,
    maxAttempts: entry.maxAttempts,
    workflowId: entry.workflowId,
    createdAtMs: entry.createdAtMs,
    payload: entry.payload?.toString() ?? 'null',
    headers: entry.headers,
  };
}

/** It has ended so long ago that it is only still there because nobody has swept. */
export function isForgotten({ keptUntilMs }: TaskEntry, now: number): boolean {
  return keptUntilMs !== null && keptUntilMs <= now;
}
