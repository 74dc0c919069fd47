import type { Enqueued } from '../commit.js';
import type { ClaimedTask, TaskDetail, TaskFailure, TaskRecord, TaskStatus } from '../task.js';
import { listOf, textOf } from './replies.js';

/** Names and values in turn, as fields_of in tasks.lua gives them. */
export function namedOf(fields: unknown): ReadonlyMap<string, string> {
  const list = listOf(fields).map(textOf);
  const named = new Map<string, string>();
  for (let i = 0; i < list.length; i += 2) named.set(list[i] as string, list[i + 1] as string);
  return named;
}

export function taskOf(fields: unknown): TaskRecord {
  return recordOf(namedOf(fields));
}

function recordOf(named: ReadonlyMap<string, string>): TaskRecord {
  const text = (name: string) => named.get(name) ?? null;
  const number = (name: string) => Number(textOf(named.get(name)));
  const numberOrNull = (name: string) => (named.has(name) ? number(name) : null);
  return {
    id: textOf(named.get('id')),
    queue: textOf(named.get('queue')),
    status: textOf(named.get('status')) as TaskStatus,
    priority: number('priority'),
    attempt: number('attempt'),
    maxAttempts: number('max_attempts'),
    releases: number('releases'),
    replays: number('replays'),
    workflowId: text('workflow'),
    createdAtMs: number('created'),
    readyAtMs: numberOrNull('ready'),
    dueAtMs: numberOrNull('due'),
    expiresAtMs: number('expires'),
    leaseEndsAtMs: numberOrNull('lease_ends'),
    worker: text('worker'),
    cancelRequested: named.get('cancel') === '1',
    reason: text('reason'),
    endedAtMs: numberOrNull('ended'),
  };
}

/** ['1' when it was there before, fields] */
export function enqueuedOf(reply: unknown): Enqueued {
  const [isDuplicate, fields] = listOf(reply);
  return { task: taskOf(fields), isDuplicate: isDuplicate === '1' };
}

/** [fields, headers and payload] */
export function claimedOf(reply: unknown): ClaimedTask {
  const [fields, text] = listOf(reply);
  const named = namedOf(fields);
  const { id, queue, priority, attempt, maxAttempts, workflowId, createdAtMs, leaseEndsAtMs } = recordOf(named);
  const token = textOf(named.get('token'));
  const meta = { id, queue, token, priority, attempt, maxAttempts, workflowId, createdAtMs };
  return { ...meta, leaseEndsAtMs: leaseEndsAtMs ?? 0, ...parcelOf(textOf(text)) };
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
