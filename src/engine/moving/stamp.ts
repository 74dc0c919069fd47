import { createHash } from 'node:crypto';
import type { Board } from '../board.js';
import { versionNameOf } from '../records/workflow-meta.js';
import { fieldText, namesWith, type FieldsWith } from '../records/task-fields.js';
import type { Moved, MovedQueue, MovedWorkflow } from './moved.js';

/**
 * A short text that changes with the record. Stores are compared by stamps, without reading their states.
 * src/engine/redis/scripts/moving/modules/moving.lua makes the same stamps in Redis.
 */
export function stampOf(record: Moved): string {
  switch (record.kind) {
    case 'workflow':
      return workflowStamp(record, record.history.length);
    case 'task':
      return taskStamp(record);
    case 'queue':
      return queueStamp(record);
    case 'board':
      return boardStamp(record);
  }
}

type StampedWorkflow = Pick<
  MovedWorkflow,
  'incarnation' | 'version' | 'check' | 'updatedAtMs' | 'ttlMs' | 'deadlineMs'
>;

/** The deadline comes last, because it alone changes without a write; see `coreOf`. */
export function workflowStamp(
  { incarnation, version, check, updatedAtMs, ttlMs, deadlineMs }: StampedWorkflow,
  historyCount: number,
): string {
  return `${incarnation}-${versionNameOf({ version, check })} ${updatedAtMs} ${ttlMs ?? '-'} ${historyCount} ${deadlineMs ?? '-'}`;
}

/** The stamp of a workflow without its deadline, which open tasks remove and ended tasks restore. */
export function coreOf(stamp: string): string {
  const end = stamp.lastIndexOf(' ');
  return end < 0 ? stamp : stamp.slice(0, end);
}

export function queueStamp({ isPaused }: Pick<MovedQueue, 'isPaused'>): string {
  return isPaused ? 'paused' : 'open';
}

/** Same result as current_stamp in src/engine/redis/scripts/moving/move-board.lua. */
export function boardStamp({ counts, notices, entries }: Board): string {
  const lines = [
    ...Object.entries(counts)
      .map(([name, count]) => `count ${name} ${count}`)
      .sort(byBytes),
    ...notices.map(({ name, untilMs, text }) => `notice ${name} ${untilMs} ${text}`).sort(byBytes),
    ...entries.map((entry) => `entry ${entry}`),
  ];
  return createHash('sha1').update(lines.join('\n')).digest('hex');
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Fields of a task that change. */
export type StampedTask = FieldsWith<'stamp'>;
const STAMPED = namesWith('stamp');

/** Same result as `stamp` in src/engine/redis/scripts/task-fields-lua.ts. */
export function taskStamp(task: StampedTask): string {
  return createHash('sha1')
    .update(STAMPED.map((name) => fieldText(task[name])).join('\n'))
    .digest('hex');
}

/** Latest time that a task records. */
export function lastMomentOf({ createdAtMs, readyAtMs, startedAtMs, endedAtMs }: StampedTask): number {
  return Math.max(createdAtMs, readyAtMs ?? 0, startedAtMs ?? 0, endedAtMs ?? 0);
}
