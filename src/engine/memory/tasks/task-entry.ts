import { CLAIMED, pick, recordOf } from '../../records/task-fields.js';
import { isOpen, type ClaimedTask, type StoredTask, type TaskDetail } from '../../task.js';
import type { StoredText } from '../journal/text-store.js';

/** Everything about one task. Never changed, only replaced, like an `Entry`. */
export interface TaskEntry extends StoredTask {
  readonly payload: StoredText | undefined;
  readonly result: StoredText | undefined;
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

export function detailOf(entry: TaskEntry): TaskDetail {
  const { failures, payload, result } = entry;
  const headers = payload === undefined ? '{}' : entry.headers;
  return { ...recordOf(entry), headers, failures, payload: payload?.toString(), result: result?.toString() };
}

/** A leased task as its holder sees it. */
export function claimedOf(entry: TaskEntry): ClaimedTask {
  const fields = pick(CLAIMED, entry) as Omit<ClaimedTask, 'payload' | 'headers'>;
  return { ...fields, payload: entry.payload?.toString() ?? 'null', headers: entry.headers };
}

/** It has ended so long ago that it is only still there because nobody has swept. */
export function isForgotten({ keptUntilMs }: TaskEntry, now: number): boolean {
  return keptUntilMs !== null && keptUntilMs <= now;
}
