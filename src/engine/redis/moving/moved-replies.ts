import type { About } from '../../records/workflow-meta.js';
import type { MovedTask, MovedVersion, MovedWorkflow } from '../../moving/moved.js';
import type { ProgressEvent } from '../../task-queues.js';
import { foundOf, headerOf, splitEntry, type Found } from '../workflows/workflow-replies.js';
import { listOf, numberOf, textOf } from '../scripts/reply.js';
import { detailOf, INSIDE, parcel, readerOf } from '../tasks/task-replies.js';
import { pickMeta, versionNameOf } from '../../records/workflow-meta.js';

/** In a reply, in place of a record or before an id: a value of another program. No id begins so. */
export const UNREADABLE = '\n';

export interface FoundWorkflow {
  readonly found: Found;
  /** Without its history, if that is long. */
  readonly record: MovedWorkflow;
  /** Length of the history. */
  readonly length: number;
}

/** Workflow from an entry of move-read.lua. */
export function movedWorkflowOf(id: string, reply: unknown): FoundWorkflow {
  const [line, ttl, about, state, length, history] = listOf(reply);
  const found = foundOf(id, line);
  const record: MovedWorkflow = {
    kind: 'workflow',
    ...pickMeta(found),
    ttlMs: ttl === '-' ? null : numberOf(textOf(ttl)),
    about: JSON.parse(textOf(about)) as About,
    state: textOf(state),
    history: listOf(history).map((entry) => versionOf(textOf(entry))),
  };
  return { found, record, length: numberOf(textOf(length)) };
}

/** From an entry of the history. */
export function versionOf(entry: string): MovedVersion {
  const [header, state] = splitEntry(entry);
  return { ...headerOf(header), state };
}

export function versionText({ version, check, updatedAtMs, deadlineMs, about, state }: MovedVersion): string {
  return `${versionNameOf({ version, check })} ${updatedAtMs} ${deadlineMs ?? '-'} ${JSON.stringify(about)}\n${state}`;
}

const insideOf = readerOf(INSIDE);

/** Task from a whole entry of move-tasks.lua. */
export function movedTaskOf(reply: unknown): MovedTask | undefined {
  const detail = detailOf(reply);
  if (detail === undefined) return undefined;
  const [, , , , events, inside] = listOf(reply);
  const { payload = null, result = null, ...task } = detail;
  return { kind: 'task', ...task, ...insideOf(inside), payload, result, events: listOf(events).map(eventOf) };
}

export function eventOf(entry: unknown): ProgressEvent {
  const [number, fields] = listOf(entry);
  const [, at, , event] = listOf(fields).map(textOf);
  return { id: Number.parseInt(textOf(number), 10), atMs: Number(at), event: textOf(event) };
}

/** Texts beside the plan, in the order of move-task.lua. */
export function taskTexts({ headers, payload, result, failures, events }: MovedTask): string[] {
  return [
    ...(payload === null ? [] : [parcel(headers, payload)]),
    ...(result === null ? [] : [result]),
    ...failures.map(({ code, message, attempt, atMs }) => `${attempt} ${atMs} ${JSON.stringify({ code, message })}`),
    ...events.map(({ event }) => event),
  ];
}
