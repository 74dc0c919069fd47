import type { About, Cause } from '../commit.js';
import type { WorkflowMeta } from '../records.js';
import type { JournaledVersion } from './journal.js';

/**
 * The frequent records as lists: what is stored a million times should not carry the names of its members each time, and objects
 * that are read back from names get a shape of their own each.
 */
export type WorkflowRow = [
  incarnation: string,
  version: number,
  createdAtMs: number,
  updatedAtMs: number,
  deadlineMs: number | null,
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
];

export function workflowRow(meta: WorkflowMeta): WorkflowRow {
  return [meta.incarnation, meta.version, meta.createdAtMs, meta.updatedAtMs, meta.deadlineMs];
}

export function workflowOf(id: string, row: WorkflowRow): WorkflowMeta {
  const [incarnation, version, createdAtMs, updatedAtMs, deadlineMs] = row;
  return { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs };
}

export function versionRow({ updatedAtMs, deadlineMs, about, state }: JournaledVersion): VersionRow {
  const { by, cause, changed, note = null, taskId = null } = about;
  return [updatedAtMs, deadlineMs, by, cause, changed, note, taskId, state];
}

export function versionOf(version: number, row: VersionRow): JournaledVersion {
  const [updatedAtMs, deadlineMs, by, cause, changed, note, taskId, state] = row;
  const bare: About = { by, cause, changed };
  const about =
    note === null && taskId === null
      ? bare
      : { ...bare, ...(note !== null && { note }), ...(taskId !== null && { taskId }) };
  return { version, updatedAtMs, deadlineMs, about, state };
}
