import type { CommittedWorkflow, Outcome, Part } from '../../commit.js';
import {
  ConflictNotFoundError,
  IdempotencyMismatchError,
  LeaseLostError,
  QueueFullError,
  TaskCancelledError,
  TaskNotFoundError,
  TooManyTasksError,
  VersionConflictError,
  WorkflowNotFoundError,
  type FailedPart,
} from '../../errors.js';
import { MAX_CANCELLED } from '../../limits.js';
import { pickMeta, type WorkflowRecord } from '../../records/workflow-meta.js';
import type { ServiceError } from '../../../service-error.js';
import { listOf, textOf, unexpected } from '../scripts/reply.js';
import { claimedOf, enqueuedOf } from '../tasks/task-replies.js';
import { committedOf, foundOf } from '../workflows/workflow-replies.js';
import { replayOf } from './outcomes.js';

/** Answer of commit.lua or end.lua to a plan. */
export type Verdict =
  | { readonly is: 'done'; readonly done: Done }
  /** The plan's only once key is known. */
  | { readonly is: 'replayed'; readonly outcome: Outcome }
  /** Several once keys, of which `keys` are known; nothing was written. */
  | { readonly is: 'known'; readonly keys: readonly string[] }
  /** `current`: the workflow of a conflict, if it was asked for and no other program has written it. */
  | { readonly is: 'refused'; readonly error: ServiceError; readonly current?: WorkflowRecord | undefined }
  /** Answer to a plan that only checks. */
  | { readonly is: 'fine' }
  /** A touch or a task names a workflow whose value another program wrote; the value must be adopted first. */
  | { readonly is: 'adopt'; readonly id: string };

/** Results of a plan. */
export type Done = Pick<Outcome, 'tasks' | 'eventIds' | 'next'> & { readonly workflows: readonly CommittedWorkflow[] };

export function verdictOf(reply: readonly unknown[]): Verdict {
  const [word, first, second] = reply;
  switch (word) {
    case 'done':
      return { is: 'done', done: doneOf(reply) };
    case 'replayed':
      return { is: 'replayed', outcome: { ...replayOf(textOf(first)), ...nextOf(second) } };
    case 'known':
      return { is: 'known', keys: reply.slice(1).map(textOf) };
    case 'fine':
      return { is: 'fine' };
    case 'adopt':
      return { is: 'adopt', id: textOf(first) };
    default:
      return refusalOf(reply);
  }
}

function doneOf(reply: readonly unknown[]): Done {
  const [, first, made, events, claimed] = reply;
  // A reply to a plan without tasks has only workflows.
  if (!Array.isArray(first)) return { workflows: reply.slice(1).map(committedOf) };
  const tasks = listOf(made).map(enqueuedOf);
  const eventIds = listOf(events).map(textOf);
  return {
    workflows: first.map(committedOf),
    ...(tasks.length > 0 && { tasks }),
    ...(eventIds.length > 0 && { eventIds }),
    ...nextOf(claimed),
  };
}

function nextOf(claimed: unknown): Pick<Outcome, 'next'> {
  const [next] = claimed === undefined ? [] : listOf(claimed).map(claimedOf);
  return next === undefined ? {} : { next };
}

const ACK: FailedPart = { part: 'ack', index: 0 };

function refusalOf([word, ...rest]: readonly unknown[]): Verdict {
  const id = () => textOf(rest[0]);
  const refused = (error: ServiceError, current?: WorkflowRecord): Verdict => ({ is: 'refused', error, current });
  switch (word) {
    case 'mismatch':
      return refused(new IdempotencyMismatchError());
    case 'conflict': {
      const [, part, index, line, state] = rest;
      const found = typeof line === 'string' ? foundOf(id(), line) : undefined;
      const current = found && pickMeta(found);
      const error = new VersionConflictError(partOf(part, index), id(), current);
      // The state of another program may be no JSON.
      const isReadable = found?.kind === 'ours' && typeof state === 'string';
      return refused(error, current && isReadable ? { ...current, state } : undefined);
    }
    case 'missing':
      return refused(new WorkflowNotFoundError(id(), partOf(rest[1], rest[2])));
    case 'no-conflict':
      return refused(new ConflictNotFoundError({ id: id(), n: Number(rest[1]) }));
    case 'unknown':
      return refused(new TaskNotFoundError(id(), ACK));
    case 'cancelled':
      return refused(new TaskCancelledError(id(), ACK));
    case 'lost':
      return refused(new LeaseLostError(id(), ACK));
    case 'full':
      return refused(
        new QueueFullError(id(), Number(rest[1]), rest[3] === 'bytes' ? 'bytes' : 'tasks', partOf('enqueue', rest[2])),
      );
    case 'too-many':
      return refused(new TooManyTasksError(id(), MAX_CANCELLED));
    default:
      return unexpected();
  }
}

function partOf(part: unknown, index: unknown): FailedPart {
  return { part: textOf(part) as Part, index: Number(index) };
}
