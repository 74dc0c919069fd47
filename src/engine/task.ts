import { PLACES_PER_PRIORITY } from './limits.js';
export type TaskStatus = 'ready' | 'delayed' | 'leased' | 'done' | 'dead' | 'cancelled';

/** Statuses of a task that somebody still has to do; such a task keeps its workflow from expiring. */
export function isOpen(status: TaskStatus): boolean {
  return status === 'ready' || status === 'delayed' || status === 'leased';
}

/** A task to be put into a queue. The engine never looks into payload and headers; both are JSON text. */
export interface NewTask {
  readonly id: string;
  readonly queue: string;
  readonly payload: string;
  readonly headers: string;
  /** 0 to 9; lower ones go first. */
  readonly priority: number;
  readonly start: { readonly delayMs: number } | { readonly atMs: number };
  /** Deliveries, of which the last one that fails or expires ends in the dead list. */
  readonly maxAttempts: number;
  /** After the first, second, … failed delivery; the last one goes on. */
  readonly backoffMs: readonly number[];
  /** When the claim does not say. */
  readonly leaseMs: number;
  /** From a delivery to its end; leases are not extended beyond. */
  readonly limitMs: number | null;
  /** When it is not worth starting any more. */
  readonly expires: { readonly atMs: number } | { readonly afterDueMs: number };
  /** While the key is kept, another task with it is not created. */
  readonly dedupe?: { readonly key: string; readonly keepMs: number };
  readonly workflowId?: string;
}

/** What is known of a task apart from payload, result and errors. */
export interface TaskRecord {
  readonly id: string;
  readonly queue: string;
  readonly status: TaskStatus;
  readonly priority: number;
  /** Deliveries so far, without those that were released. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly releases: number;
  /** How often it came back from the dead list. */
  readonly replays: number;
  readonly workflowId: string | null;
  readonly createdAtMs: number;
  /** Since when it is ready; null otherwise. */
  readonly readyAtMs: number | null;
  /** When it becomes ready; only while delayed. */
  readonly dueAtMs: number | null;
  readonly expiresAtMs: number;
  /** Only while leased. */
  readonly leaseEndsAtMs: number | null;
  /** Who has it, or had it last. */
  readonly worker: string | null;
  readonly cancelRequested: boolean;
  /** Why it was cancelled, or what killed it: a code. */
  readonly reason: string | null;
  readonly endedAtMs: number | null;
}

/** One failed delivery; `message` is cut to what is worth keeping. */
export interface TaskFailure {
  readonly code: string;
  readonly message: string;
  readonly attempt: number;
  readonly atMs: number;
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
export interface ClaimedTask {
  readonly id: string;
  readonly queue: string;
  readonly token: string;
  readonly leaseEndsAtMs: number;
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly workflowId: string | null;
  readonly createdAtMs: number;
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
