import type { JsonText } from './json-text.js';

export type TaskStatus = 'ready' | 'delayed' | 'leased' | 'done' | 'dead' | 'cancelled';

export interface NewTask {
  /** Any JSON value, or its text. */
  readonly payload: unknown;
  readonly id?: string | undefined;
  /** 0 to 9, lower ones first; 5 when absent. */
  readonly priority?: number | undefined;
  readonly delayMs?: number | undefined;
  readonly runAt?: string | undefined;
  readonly maxAttempts?: number | undefined;
  readonly backoffMs?: readonly number[] | undefined;
  readonly leaseMs?: number | undefined;
  /** Time from a delivery to its end. */
  readonly deadlineMs?: number | undefined;
  readonly expiresAt?: string | undefined;
  /** For 24 hours, the queue accepts no other task with this key. */
  readonly dedupeKey?: string | undefined;
  readonly workflowId?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface Task {
  readonly id: string;
  readonly queue: string;
  readonly status: TaskStatus;
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly releases: number;
  readonly replays: number;
  readonly workflowId: string | null;
  readonly createdAt: string;
  readonly readyAt: string | null;
  readonly dueAt: string | null;
  readonly expiresAt: string;
  readonly leaseExpiresAt: string | null;
  readonly worker: string | null;
  readonly cancelRequested: boolean;
  /** Why the task was cancelled or died. */
  readonly reason: string | null;
  readonly endedAt: string | null;
  /** Set when a task with this id or dedupe key existed already. */
  readonly duplicate?: true;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly attempt: number;
  readonly at: string;
}

export interface TaskDetail extends Task {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload?: unknown;
  readonly result?: unknown;
  readonly failures: readonly Failure[];
}

/** Proof that a worker has the task. */
export interface Lease {
  readonly id: string;
  readonly leaseToken: string;
}

export interface ClaimedTask extends Lease {
  readonly queue: string;
  readonly leaseExpiresAt: string;
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly workflowId: string | null;
  readonly createdAt: string;
  readonly payload: unknown;
  /** The payload exactly as it was enqueued. */
  readonly payloadText: JsonText;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Claim {
  /** New for each claim; the same when a claim is retried because its answer was lost. */
  readonly claimId: string;
  readonly worker: string;
  readonly max?: number;
  readonly leaseMs?: number;
  readonly waitMs?: number;
}

export interface TaskError {
  readonly code: string;
  readonly message: string;
  readonly retryable?: boolean;
}

export interface ProgressEvent {
  readonly id: number;
  readonly at: string;
  readonly event: unknown;
}

export interface Queue {
  readonly name: string;
  readonly paused: boolean;
  readonly depth: { readonly ready: number; readonly delayed: number; readonly leased: number; readonly dead: number };
  /** Bytes of headers and payloads of the ready, delayed and leased tasks. */
  readonly bytes: number;
  /** The same of the dead tasks. */
  readonly deadBytes: number;
  readonly oldestReadyAgeMs: number | null;
  readonly nextDueInMs: number | null;
  /** Number of workers that claimed within the last minute. */
  readonly pollers: number;
  readonly rates: { readonly enqueuedPerMinute: number; readonly completedPerMinute: number };
  readonly totals: Readonly<Record<'enqueued' | 'claimed' | 'completed' | 'retried' | 'died' | 'cancelled', number>>;
  readonly lastEventId: string | null;
  readonly workers: readonly { readonly name: string; readonly lastSeenAt: string; readonly leased: number }[];
}

export interface QueuePage {
  readonly items: readonly Queue[];
  /** Names of queues of this page whose keys in Redis another program has replaced. */
  readonly unreadable: readonly string[];
  /** Null at the end. */
  readonly nextCursor: string | null;
}

/** Selects dead tasks; without members, the oldest hundred. */
export type DeadSelection = { readonly ids: readonly string[] } | { readonly max?: number };
