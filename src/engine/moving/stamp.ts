import { createHash } from 'node:crypto';
import type { TaskRecord } from '../task.js';
import type { Moved, MovedQueue, MovedTask, MovedWorkflow } from './moved.js';

/**
 * A short text that is another one whenever the record is: cheap to list, so that two stores can be compared without reading their
 * states. scripts/modules/moving.lua makes the same from what is in Redis.
 */
export function stampOf(record: Moved): string {
  switch (record.kind) {
    case 'workflow':
      return workflowStamp(record, record.history.length);
    case 'task':
      return taskStamp(record);
    case 'queue':
      return queueStamp(record);
  }
}

type StampedWorkflow = Pick<MovedWorkflow, 'incarnation' | 'version' | 'updatedAtMs' | 'ttlMs' | 'deadlineMs'>;

/** The deadline last, for it alone moves without a write: see `coreOf`. */
export function workflowStamp(
  { incarnation, version, updatedAtMs, ttlMs, deadlineMs }: StampedWorkflow,
  historyCount: number,
): string {
  return `${incarnation}-${version} ${updatedAtMs} ${ttlMs ?? '-'} ${historyCount} ${deadlineMs ?? '-'}`;
}

/** The stamp of a workflow without its deadline, which tasks that come and go take away and give back. */
export function coreOf(stamp: string): string {
  const end = stamp.lastIndexOf(' ');
  return end < 0 ? stamp : stamp.slice(0, end);
}

export function queueStamp({ isPaused }: Pick<MovedQueue, 'isPaused'>): string {
  return isPaused ? 'paused' : 'open';
}

/** Everything about a task that changes. */
export type StampedTask = Omit<
  MovedTask,
  'kind' | 'headers' | 'payload' | 'result' | 'failures' | 'events' | 'dedupeKey' | 'isTimed'
>;

/** What a task shows of itself but its id; null where there is nothing. In the order of OUTSIDE in scripts/modules/tasks.lua. */
export function shownFields(task: Omit<TaskRecord, 'id'>): readonly (string | number | null)[] {
  return [
    task.queue,
    task.status,
    task.priority,
    task.attempt,
    task.maxAttempts,
    task.releases,
    task.replays,
    task.workflowId,
    task.createdAtMs,
    task.readyAtMs,
    task.dueAtMs,
    task.expiresAtMs,
    task.leaseEndsAtMs,
    task.worker,
    task.cancelRequested ? '1' : null,
    task.reason,
    task.endedAtMs,
  ];
}

export function taskStamp(task: StampedTask): string {
  const fields = [
    ...shownFields(task),
    task.token,
    task.place,
    task.startedAtMs,
    task.progress,
    task.keptUntilMs,
    task.dedupedUntilMs,
    task.heldLeaseMs,
  ];
  return createHash('sha1')
    .update(fields.map((field) => field ?? '').join('\n'))
    .digest('hex');
}

/** When something last happened to a task, as far as it shows. */
export function lastMomentOf({ createdAtMs, readyAtMs, startedAtMs, endedAtMs }: StampedTask): number {
  return Math.max(createdAtMs, readyAtMs ?? 0, startedAtMs ?? 0, endedAtMs ?? 0);
}
