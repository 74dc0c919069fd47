import { namesWith, nothingIn, TASK_FIELDS, type StoredTask } from '../../records/task-fields.js';
import type { About, Cause } from '../../records/workflow-meta.js';
import type { FeedEvent } from '../../engine.js';
import type { KeptIndexValues } from '../../workflow-index.js';
import type { JournaledVersion, JournaledWorkflow } from './journal.js';

/**
 * Frequent records are stored as lists without the names of their members. That saves space on the disk, and memory: V8
 * gives each object that is decoded from named members a hidden class of its own.
 */
export type WorkflowRow = [
  incarnation: string,
  version: number,
  createdAtMs: number,
  updatedAtMs: number,
  deadlineMs: number | null,
  ttlMs: number | null,
  check?: string,
  index?: KeptIndexValues,
];

export type VersionRow = [
  updatedAtMs: number,
  deadlineMs: number | null,
  by: string,
  cause: Cause,
  changed: readonly string[] | null,
  note: string | null,
  taskId: string | null,
  state: Uint8Array,
  check?: string,
];

export type EventRow = [id: string, type: string, ...namesAndValues: string[]];

export function workflowRow(meta: JournaledWorkflow): WorkflowRow {
  const { incarnation, version, createdAtMs, updatedAtMs, deadlineMs, ttlMs, check, index } = meta;
  const row: WorkflowRow = [incarnation, version, createdAtMs, updatedAtMs, deadlineMs, ttlMs, check];
  if (index !== undefined) row.push(index);
  return row;
}

/** A row that was written before there were checks, or index values, is shorter. */
export function workflowOf(id: string, row: WorkflowRow): JournaledWorkflow {
  const [incarnation, version, createdAtMs, updatedAtMs, deadlineMs, ttlMs, check = '', index] = row;
  return { id, incarnation, version, check, createdAtMs, updatedAtMs, deadlineMs, ttlMs, index };
}

export function versionRow({ check, updatedAtMs, deadlineMs, about, state }: JournaledVersion): VersionRow {
  const { by, cause, changed, note = null, taskId = null } = about;
  return [updatedAtMs, deadlineMs, by, cause, changed, note, taskId, state, check];
}

export function versionOf(version: number, row: VersionRow): JournaledVersion {
  const [updatedAtMs, deadlineMs, by, cause, changed, note, taskId, state, check = ''] = row;
  const bare: About = { by, cause, changed };
  const about =
    note === null && taskId === null
      ? bare
      : { ...bare, ...(note !== null && { note }), ...(taskId !== null && { taskId }) };
  return { version, check, updatedAtMs, deadlineMs, about, state };
}

export function eventRow({ id, type, fields }: FeedEvent): EventRow {
  return [id, type, ...Object.entries(fields).flat()];
}

export function eventOf([id, type, ...rest]: EventRow): FeedEvent {
  const fields: Record<string, string> = {};
  for (let i = 0; i < rest.length; i += 2) fields[rest[i] as string] = rest[i + 1] as string;
  return { id, type, fields };
}

const ROW = namesWith('row');

export type TaskRow = StoredTask[(typeof ROW)[number]][];

export function taskRow(task: StoredTask): TaskRow {
  return ROW.map((name) => task[name]);
}

/** A row that was written before a field was added is shorter. */
export function taskOf(id: string, row: TaskRow): StoredTask {
  const task: Record<string, unknown> = { id };
  ROW.forEach((name, i) => (task[name] = row[i] ?? nothingIn(TASK_FIELDS[name])));
  return task as unknown as StoredTask;
}
