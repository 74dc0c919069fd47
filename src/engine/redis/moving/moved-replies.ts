import type { About } from '../../records/workflow-meta.js';
import type { MovedTask, MovedVersion, MovedWorkflow } from '../../moving/moved.js';
import type { ProgressEvent } from '../../task-queues.js';
import { foundOf, type Found } from '../workflows/workflow-replies.js';
import { listOf, textOf } from '../scripts/reply.js';
import { detailOf, parcel } from '../tasks/task-replies.js';
import { pickMeta } from '../../records/workflow-meta.js';

/** From an entry of move-read.lua. */
export function movedWorkflowOf(id: string, reply: unknown): { readonly found: Found; readonly record: MovedWorkflow } {
  const [line, ttl, about, state, history] = listOf(reply);
  const found = foundOf(id, line);
  const record: MovedWorkflow = {
    kind: 'workflow',
    ...pickMeta(found),
    ttlMs: ttl === '-' ? null : Number(textOf(ttl)),
    about: JSON.parse(textOf(about)) as About,
    state: textOf(state),
    history: listOf(history).map((entry) => versionOf(textOf(entry))),
  };
  return { found, record };
}

/** "<version> <updated> <deadline> <about>\n<state>" */
function versionOf(entry: string): MovedVersion {
  const end = entry.indexOf('\n');
  const [version, updated, deadline, ...about] = entry.slice(0, end).split(' ');
  return {
    version: Number(version),
    updatedAtMs: Number(updated),
    deadlineMs: deadline === '-' ? null : Number(deadline),
    about: JSON.parse(about.join(' ')) as About,
    state: entry.slice(end + 1),
  };
}

export function versionText({ version, updatedAtMs, deadlineMs, about, state }: MovedVersion): string {
  return `${version} ${updatedAtMs} ${deadlineMs ?? '-'} ${JSON.stringify(about)}\n${state}`;
}

/** From a whole entry of move-tasks.lua; what is inside is in the order of INSIDE in moving-tasks.lua. */
export function movedTaskOf(reply: unknown): MovedTask | undefined {
  const detail = detailOf(reply);
  if (detail === undefined) return undefined;
  const [, , , , events, inside] = listOf(reply);
  const list = listOf(inside).map(textOf);
  const text = (at: number) => list[at] || null;
  const number = (at: number) => (list[at] ? Number(list[at]) : null);
  const { payload = null, result = null, ...task } = detail;
  return {
    kind: 'task',
    ...task,
    payload,
    result,
    backoffMs: (text(0) ?? '').split(',').filter(Boolean).map(Number),
    leaseMs: number(1) ?? 0,
    limitMs: number(2),
    place: number(3) ?? 0,
    token: text(4),
    startedAtMs: number(5),
    heldLeaseMs: number(6),
    keptUntilMs: number(7),
    dedupedUntilMs: number(8),
    dedupeKey: text(9),
    progress: number(10) ?? 0,
    isTimed: list[11] === '1',
    events: listOf(events).map(eventOf),
  };
}

export function eventOf(entry: unknown): ProgressEvent {
  const [number, fields] = listOf(entry);
  const [, at, , event] = listOf(fields).map(textOf);
  return { id: Number.parseInt(textOf(number), 10), atMs: Number(at), event: textOf(event) };
}

/** The task as task-store.lua would have written it; what is null is not there. */
export function taskFields(task: MovedTask): Readonly<Record<string, unknown>> {
  const fields = {
    queue: task.queue,
    status: task.status,
    priority: task.priority,
    attempt: task.attempt,
    max_attempts: task.maxAttempts,
    releases: task.releases,
    replays: task.replays,
    workflow: task.workflowId,
    created: task.createdAtMs,
    ready: task.readyAtMs,
    due: task.dueAtMs,
    expires: task.expiresAtMs,
    lease_ends: task.leaseEndsAtMs,
    worker: task.worker,
    cancel: task.cancelRequested ? true : null,
    reason: task.reason,
    ended: task.endedAtMs,
    backoff: task.backoffMs.join(','),
    lease: task.leaseMs,
    limit: task.limitMs,
    place: task.place,
    token: task.token,
    started: task.startedAtMs,
    held_lease: task.heldLeaseMs,
    kept_until: task.keptUntilMs,
    deduped_until: task.dedupedUntilMs,
    dedupe: task.dedupeKey,
    progress: task.progress === 0 ? null : task.progress,
    is_timed: task.isTimed ? true : null,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** What travels beside the plan, in the order in which move-task.lua takes it. */
export function taskTexts({ headers, payload, result, failures, events }: MovedTask): string[] {
  return [
    ...(payload === null ? [] : [parcel(headers, payload)]),
    ...(result === null ? [] : [result]),
    ...failures.map(({ code, message, attempt, atMs }) => `${attempt} ${atMs} ${JSON.stringify({ code, message })}`),
    ...events.map(({ event }) => event),
  ];
}
