import { setTimeout as sleep } from 'node:timers/promises';
import type { CommittedWorkflow, ConflictName, Enqueued, Outcome, Part } from '../../commit.js';
import {
  ConflictNotFoundError,
  IdempotencyMismatchError,
  LeaseLostError,
  QueueFullError,
  StoreUnavailableError,
  TaskCancelledError,
  TaskNotFoundError,
  TooManyTasksError,
  VersionConflictError,
  WorkflowNotFoundError,
} from '../../errors.js';
import { pickMeta, type WorkflowRecord } from '../../records/workflow-meta.js';
import type { ClaimedTask } from '../../task.js';
import { endOf, requestOf, type Plan } from './commit-plan.js';
import { prefixOf } from '../keys.js';
import type { Requests } from './requests.js';
import { committedOf, foundOf } from './replies.js';
import { listOf, textOf } from '../scripts/reply.js';
import { replayOf } from './replay.js';
import { claimedOf, enqueuedOf } from '../tasks/task-replies.js';
import { MAX_CANCELLED } from '../../limits.js';

/** What the script said to a plan. */
export type Verdict =
  | {
      readonly is: 'done';
      readonly workflows: readonly CommittedWorkflow[];
      /** Undefined for a plan that is not about tasks. */
      readonly tasks: DoneWithTasks | undefined;
    }
  | { readonly is: 'replayed'; readonly outcome: Outcome }
  /** Several once keys, of which those at these places (from 0) are known. */
  | { readonly is: 'known'; readonly places: readonly number[] }
  | { readonly is: 'conflict'; readonly part: Part; readonly at: number; readonly current: WorkflowRecord | undefined }
  | { readonly is: 'missing'; readonly part: Part; readonly at: number }
  /** The one once key is known with another fingerprint. */
  | { readonly is: 'mismatch' }
  | { readonly is: 'fine' }
  /** The lease to be acknowledged is not the caller's. */
  | { readonly is: 'lost' | 'cancelled' | 'unknown' }
  | { readonly is: 'full'; readonly queue: string; readonly at: number }
  | { readonly is: 'too-many'; readonly id: string }
  /** A conflict record that is not there. */
  | { readonly is: 'settled'; readonly at: number }
  /** A value of another program stands in the way of a touch, or of a task that would hold it. */
  | { readonly is: 'adopt'; readonly id: string };

export interface DoneWithTasks {
  readonly enqueued: readonly Enqueued[];
  readonly eventIds: readonly string[];
  readonly next: ClaimedTask | undefined;
}

function doneWithTasks(tasks: unknown, eventIds: unknown, claimed: unknown): DoneWithTasks {
  return {
    enqueued: listOf(tasks).map(enqueuedOf),
    eventIds: listOf(eventIds).map(textOf),
    next: listOf(claimed).map(claimedOf)[0],
  };
}

/** Sends a plan, and says what came of it. */
export class Committer {
  constructor(
    private readonly requests: Requests,
    private readonly namespace: string,
  ) {}

  /** @throws StoreUnavailableError, StoreFullError: not applied. @throws OutcomeUnknownError */
  async send(tenant: string, plan: Plan): Promise<Verdict> {
    const end = endOf(plan);
    if (end !== undefined) return verdictOf(await this.requests.send(tenant, 'tasks', end));
    const room = plan.tasks === undefined ? 'workflows' : 'tasks';
    return verdictOf(await this.requests.send(tenant, room, requestOf(prefixOf(this.namespace, tenant), plan)));
  }
}

function verdictOf(reply: readonly unknown[]): Verdict {
  const [word, first, second, line, state] = reply;
  switch (word) {
    case 'done':
      if (!Array.isArray(first)) return { is: 'done', workflows: reply.slice(1).map(committedOf), tasks: undefined };
      return {
        is: 'done',
        workflows: first.map(committedOf),
        tasks: doneWithTasks(second, reply[3], reply[4]),
      };
    case 'replayed':
      return { is: 'replayed', outcome: { ...replayOf(textOf(first)), ...nextOf(second) } };
    case 'lost':
    case 'cancelled':
    case 'unknown':
      return { is: word };
    case 'full':
      return { is: 'full', queue: textOf(first), at: Number(second) };
    case 'too-many':
      return { is: 'too-many', id: textOf(first) };
    case 'mismatch':
      return { is: 'mismatch' };
    case 'settled':
      return { is: 'settled', at: Number(first) };
    case 'known':
      return { is: 'known', places: reply.slice(1).map((place) => Number(place) - 1) };
    case 'conflict': {
      const current = line === undefined || line === null ? undefined : pickMeta(foundOf('', line));
      const record = current && { ...current, state: typeof state === 'string' ? state : '' };
      return { is: 'conflict', part: textOf(first) as Part, at: Number(second), current: record };
    }
    case 'missing':
      return { is: 'missing', part: textOf(first) as Part, at: Number(second) };
    case 'fine':
      return { is: 'fine' };
    case 'adopt':
      return { is: 'adopt', id: textOf(first) };
    default:
      throw new StoreUnavailableError({ cause: new Error('a reply of Redis has an unexpected shape') });
  }
}

function nextOf(claimed: unknown): Pick<Outcome, 'next'> {
  const [next] = claimed === undefined ? [] : listOf(claimed).map(claimedOf);
  return next === undefined ? {} : { next };
}

/** What a verdict says when it says no. */
export type Refusal = Extract<
  Verdict,
  { is: 'conflict' | 'missing' | 'mismatch' | 'settled' | 'lost' | 'cancelled' | 'unknown' | 'full' | 'too-many' }
>;

export function isRefusal(verdict: Verdict): verdict is Refusal {
  return !['done', 'replayed', 'known', 'fine', 'adopt'].includes(verdict.is);
}

/** The refusal as the error it is; ids come from the commit. */
export function refusalOf(
  verdict: Refusal,
  ids: { workflow: string; task: string; mostOpen: number; settles?: readonly ConflictName[] | undefined },
): Error {
  switch (verdict.is) {
    case 'mismatch':
      return new IdempotencyMismatchError();
    case 'missing':
      return new WorkflowNotFoundError(ids.workflow, { part: verdict.part, index: verdict.at });
    case 'conflict': {
      const current = verdict.current && { ...verdict.current, id: ids.workflow };
      return new VersionConflictError({ part: verdict.part, index: verdict.at }, ids.workflow, current);
    }
    case 'unknown':
      return new TaskNotFoundError(ids.task, { part: 'ack', index: 0 });
    case 'cancelled':
      return new TaskCancelledError(ids.task, { part: 'ack', index: 0 });
    case 'lost':
      return new LeaseLostError(ids.task, { part: 'ack', index: 0 });
    case 'full':
      return new QueueFullError(verdict.queue, ids.mostOpen, { part: 'enqueue', index: verdict.at });
    case 'settled':
      return new ConflictNotFoundError(ids.settles?.[verdict.at] ?? { id: '', n: 0 });
    case 'too-many':
      return new TooManyTasksError(verdict.id, MAX_CANCELLED);
  }
}

/** After a lost round: enough for others to get ahead, too little to notice. */
export function jitter(round: number): Promise<void> {
  return sleep(Math.random() * Math.min(2 ** round, 32));
}
