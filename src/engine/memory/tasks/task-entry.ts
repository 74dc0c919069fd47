import { CLAIMED, namesWith, recordOf } from '../../records/task-fields.js';
import { makerOf } from '../../records/maker-of.js';
import { isOpen, type ClaimedTask, type StoredTask, type TaskDetail, type TaskRecord } from '../../task.js';
import type { StoredText } from '../journal/text-store.js';

/** All data of one task. Immutable, like `Entry`. */
export interface TaskEntry extends StoredTask {
  readonly payload: StoredText | undefined;
  readonly result: StoredText | undefined;
  /** Number of the commit that made this entry; see `Entry`. */
  readonly commit: number;
}

const copyOf = makerOf<StoredTask, TaskEntry>(
  [...namesWith('kind'), 'payload', 'result', 'commit'],
  (name) => `from.${name}`,
);

/** Makes every entry. Spreads of an entry are fast, because it has every member from the start. */
export function entryOf(
  task: StoredTask,
  payload: StoredText | undefined,
  result: StoredText | undefined,
  commit: number,
): TaskEntry {
  return { ...copyOf(task), payload, result, commit };
}

export function* textsOfTask(entry: TaskEntry | undefined): Generator<StoredText> {
  if (entry?.payload !== undefined) yield entry.payload;
  if (entry?.result !== undefined) yield entry.result;
}

/** Bytes that the task takes of its queue, as `bytesOf` counts them. */
export function bytesIn({ headers, payload }: TaskEntry): number {
  return payload === undefined ? 0 : Buffer.byteLength(headers) + payload.length;
}

/** An open task holds its workflow. */
export function holdsWorkflow(entry: TaskEntry): boolean {
  return entry.workflowId !== null && isOpen(entry.status);
}

export function isLeasedUnder(entry: TaskEntry | undefined, token: string | undefined): entry is TaskEntry {
  return entry?.status === 'leased' && entry.token === token;
}

export function isLeaseOver({ status, leaseEndsAtMs }: TaskRecord, now: number): boolean {
  return status === 'leased' && leaseEndsAtMs !== null && leaseEndsAtMs <= now;
}

export function detailOf(entry: TaskEntry): TaskDetail {
  const { failures, payload, result } = entry;
  const headers = payload === undefined ? '{}' : entry.headers;
  return { ...recordOf(entry), headers, failures, payload: payload?.toString(), result: result?.toString() };
}

const copyClaimed = makerOf<TaskEntry, ClaimedTask>([...CLAIMED, 'payload', 'headers'], (name) => `from.${name}`);

/** A leased task, for the worker that holds it. */
export function claimedOf(entry: TaskEntry): ClaimedTask {
  return { ...copyClaimed(entry), payload: entry.payload?.toString() ?? 'null' };
}
