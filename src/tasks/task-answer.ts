import type { ClaimedTask, TaskDetail, TaskFailure, TaskRecord } from '../engine/task.js';
import type { QueueRecord } from '../engine/task-queues.js';
import { problemOf } from '../http/problem.js';
import { isoTime } from '../http/times.js';
import type { TaskEnd } from './tasks.js';

const timeOrNull = (ms: number | null) => (ms === null ? null : isoTime(ms));

/** Everything but payload and result. `more` are JSON members to follow, each with its comma in front. */
export function taskText(task: TaskRecord, more = ''): string {
  const text = JSON.stringify({
    id: task.id,
    queue: task.queue,
    status: task.status,
    priority: task.priority,
    attempt: task.attempt,
    maxAttempts: task.maxAttempts,
    releases: task.releases,
    replays: task.replays,
    workflowId: task.workflowId,
    createdAt: isoTime(task.createdAtMs),
    readyAt: timeOrNull(task.readyAtMs),
    dueAt: timeOrNull(task.dueAtMs),
    expiresAt: isoTime(task.expiresAtMs),
    leaseExpiresAt: timeOrNull(task.leaseEndsAtMs),
    worker: task.worker,
    cancelRequested: task.cancelRequested,
    reason: task.reason,
    endedAt: timeOrNull(task.endedAtMs),
  });
  return more === '' ? text : `${text.slice(0, -1)}${more}}`;
}

/** Payload and result are the texts their makers sent. */
export function detailText(task: TaskDetail): string {
  const payload = task.payload === undefined ? '' : `,"payload":${task.payload}`;
  const result = task.result === undefined ? '' : `,"result":${task.result}`;
  const failures = JSON.stringify(task.failures.map(failureOf));
  return taskText(task, `,"headers":${task.headers},"failures":${failures}${payload}${result}`);
}

export function claimedText(task: ClaimedTask): string {
  const head = JSON.stringify({
    id: task.id,
    queue: task.queue,
    leaseToken: task.token,
    leaseExpiresAt: isoTime(task.leaseEndsAtMs),
    priority: task.priority,
    attempt: task.attempt,
    maxAttempts: task.maxAttempts,
    workflowId: task.workflowId,
    createdAt: isoTime(task.createdAtMs),
  });
  return `${head.slice(0, -1)},"payload":${task.payload},"headers":${task.headers}}`;
}

/** One of several completions; one that was refused shows the problem it would have been alone. */
export function endText(end: TaskEnd, instance: string): string {
  const { id, error } = end;
  if (error === undefined) return JSON.stringify({ id, status: 'done', replayed: end.replayed });
  return `{"id":${JSON.stringify(id)},"problem":${problemOf(error, instance).body}}`;
}

export function queueText(queue: QueueRecord, lastEventId: string, now: number): string {
  const { oldestReadyAtMs, nextDueAtMs, perMinute } = queue;
  return JSON.stringify({
    name: queue.name,
    paused: queue.isPaused,
    depth: { ready: queue.ready, delayed: queue.delayed, leased: queue.leased, dead: queue.dead },
    oldestReadyAgeMs: oldestReadyAtMs === null ? null : Math.max(0, now - oldestReadyAtMs),
    nextDueInMs: nextDueAtMs === null ? null : Math.max(0, nextDueAtMs - now),
    pollers: queue.workers.filter(({ seenAtMs }) => seenAtMs > now - POLLING_MS).length,
    rates: { enqueuedPerMinute: perMinute.enqueued, completedPerMinute: perMinute.completed },
    totals: queue.totals,
    lastEventId,
    workers: queue.workers.map(({ name, seenAtMs, leased }) => ({ name, lastSeenAt: isoTime(seenAtMs), leased })),
  });
}

/** Who has asked for tasks within this time counts as asking. */
const POLLING_MS = 60_000;

function failureOf({ code, message, attempt, atMs }: TaskFailure): object {
  return { code, message, attempt, at: isoTime(atMs) };
}
