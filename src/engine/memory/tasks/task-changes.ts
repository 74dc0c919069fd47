import type { JournalChange } from '../journal/journal.js';
import type { ProgressEvent } from '../../task-queues.js';
import { taskCopyOf } from '../../records/task-fields.js';
import type { TaskEntry } from './task-entry.js';

/** Records of a change. Payload and result have their own, so that a heartbeat does not write them again. */
export function taskChangesOf(
  tenant: string,
  old: TaskEntry | undefined,
  next: TaskEntry | undefined,
  id: string,
): JournalChange[] {
  const changes: JournalChange[] = [];
  for (const which of ['payload', 'result'] as const) {
    const [before, after] = [old?.[which], next?.[which]];
    if (before !== after) changes.push({ kind: 'text', tenant, id, which, value: after?.bytes() });
  }
  // A task that one commit creates and removes needs no record.
  if (old !== undefined || next !== undefined) {
    changes.push({ kind: 'task', tenant, id, value: next && taskCopyOf(next) });
  }
  return changes;
}

/** One record for each event. Event ids have no gaps, and only the oldest events are dropped. */
export function progressChangesOf(
  tenant: string,
  id: string,
  before: readonly ProgressEvent[],
  after: readonly ProgressEvent[],
): JournalChange[] {
  const kept = after[0]?.id ?? Infinity;
  const known = before.at(-1)?.id ?? 0;
  const changes: JournalChange[] = [];
  for (const event of before) {
    if (event.id < kept) changes.push({ kind: 'progress', tenant, id, event: event.id, value: undefined });
  }
  for (const event of after) {
    if (event.id > known) changes.push({ kind: 'progress', tenant, id, event: event.id, value: event });
  }
  return changes;
}
