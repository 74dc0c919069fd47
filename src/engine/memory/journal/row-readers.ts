import type { Cause } from '../../records/workflow-meta.js';
import type { ReadValue } from '../journal-file/seal.js';
import type { VersionRow, WorkflowRow } from './journal-rows.js';
import { PackedReader } from './packed-reader.js';

/** Members of a row that earlier versions wrote too. */
const WORKFLOW_MEMBERS = 6;
const VERSION_MEMBERS = 8;

/** Reads rows of workflows one after the other. Most begin their index values like the row before. */
export function workflowReader(): ReadValue<WorkflowRow> {
  const packed = new PackedReader();
  let index = '';
  const read = (from: PackedReader): WorkflowRow => {
    const members = from.list();
    const [incarnation, version] = [from.text(), from.number()];
    const [createdAtMs, updatedAtMs] = [from.number(), from.number()];
    const row: WorkflowRow = [incarnation, version, createdAtMs, updatedAtMs, from.numberOrNull(), from.numberOrNull()];
    if (members > WORKFLOW_MEMBERS) row.push(from.text());
    if (members > WORKFLOW_MEMBERS + 1) {
      const values: (string | null)[] = [];
      const count = from.list();
      index = from.text(index);
      for (let i = 1; i < count; i++) values.push(from.isNull() ? null : from.text());
      row.push([index, ...values]);
    }
    return row;
  };
  return (bytes, start, end) => packed.read(bytes, start, end, read);
}

/** Reads rows of versions one after the other. Most are of the same author and cause as the row before. */
export function versionReader(): ReadValue<VersionRow> {
  const packed = new PackedReader();
  let [by, cause] = ['', ''];
  const read = (from: PackedReader): VersionRow => {
    const members = from.list();
    const [updatedAtMs, deadlineMs] = [from.number(), from.numberOrNull()];
    by = from.text(by);
    cause = from.text(cause);
    const changed = from.isNull() ? null : Array.from({ length: from.list() }, () => from.text());
    const note = from.isNull() ? null : from.text();
    const taskId = from.isNull() ? null : from.text();
    const row: VersionRow = [updatedAtMs, deadlineMs, by, cause as Cause, changed, note, taskId, from.bytes()];
    if (members > VERSION_MEMBERS) row.push(from.text());
    return row;
  };
  return (bytes, start, end) => packed.read(bytes, start, end, read);
}
