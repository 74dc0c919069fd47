import type { Enqueued } from '../../commit.js';
import type { ClaimedTask, TaskDetail, TaskFailure, TaskRecord, TaskStatus } from '../../task.js';
import { listOf, textOf } from '../scripts/reply.js';

/** The fields of a task, in the order of OUTSIDE in tasks.lua. */
export function taskOf(fields: unknown): TaskRecord {
  const list = listOf(fields).map(textOf);
  const text = (at: number) => list[at] || null;
  const numberOrNull = (at: number) => (list[at] ? Number(list[at]) : null);
  return {
    id: textOf(list[0]),
    queue: textOf(list[1]),
    status: textOf(list[2]) as TaskStatus,
    priority: Number(list[3]),
    attempt: Number(list[4]),
    maxAttempts: Number(list[5]),
    releases: Number(list[6]),
    replays: Number(list[7]),
    workflowId: text(8),
    createdAtMs: Number(list[9]),
    readyAtMs: numberOrNull(10),
    dueAtMs: numberOrNull(11),
    expiresAtMs: Number(list[12]),
    leaseEndsAtMs: numberOrNull(13),
    worker: text(14),
    cancelRequested: list[15] === '1',
    reason: text(16),
    endedAtMs: numberOrNull(17),
  };
}

/** ['1' when it was there before, fields] */
export function enqueuedOf(reply: unknown): Enqueued {
  const [isDuplicate, fields] = listOf(reply);
  return { task: taskOf(fields), isDuplicate: isDuplicate === '1' };
}

/** See claimed_of in task-claims.lua. */
export function claimedOf(reply: unknown): ClaimedTask {
  const [id, queue, token, ends, priority, attempt, maxAttempts, workflow, created, text] = listOf(reply);
  return {
    id: textOf(id),
    queue: textOf(queue),
    token: textOf(token),
    leaseEndsAtMs: Number(ends),
    priority: Number(priority),
    attempt: Number(attempt),
    maxAttempts: Number(maxAttempts),
    workflowId: textOf(workflow) || null,
    createdAtMs: Number(created),
    ...parcelOf(textOf(text)),
  };
}

/** [fields, headers and payload, result, failures]; undefined for a task that is not there. */
export function detailOf(reply: unknown): TaskDetail | undefined {
  if (reply === null || reply === undefined) return undefined;
  const [fields, text, result, failures] = listOf(reply);
  const parcel = textOf(text);
  return {
    ...taskOf(fields),
    ...(parcel === '' ? { headers: '{}', payload: undefined } : parcelOf(parcel)),
    result: typeof result === 'string' ? result : undefined,
    failures: listOf(failures).map(failureOf),
  };
}

/** Headers and payload travel and lie together: behind the length of the headers. */
export function parcel(headers: string, payload: string): string {
  return `${headers.length}\n${headers}${payload}`;
}

function parcelOf(text: string): { headers: string; payload: string } {
  const start = text.indexOf('\n') + 1;
  const end = start + Number(text.slice(0, start - 1));
  return { headers: text.slice(start, end), payload: text.slice(end) };
}

/** "<attempt> <time> <JSON of code and message>" */
function failureOf(entry: unknown): TaskFailure {
  const [, attempt, at, error] = /^(\d+) (\d+) (.*)$/s.exec(textOf(entry)) ?? [];
  const { code, message } = JSON.parse(error ?? '{}') as { code: string; message: string };
  return { code, message, attempt: Number(attempt), atMs: Number(at) };
}

/** Half a character cannot travel: as UTF-8 it is another one, and as an escape the scripts refuse it. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
