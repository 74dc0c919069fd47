import type { MovedTask, MovedWorkflow } from '../../moving/moved.js';
import type { ProgressEvent } from '../../task-queues.js';
import type { Entry } from '../workflows/entry.js';
import { namesWith, pick } from '../../records/task-fields.js';
import type { TaskEntry } from '../tasks/task-entry.js';
import { pickMeta } from '../../records/workflow-meta.js';

export function movedWorkflow(entry: Entry): MovedWorkflow {
  const { ttlMs, about, state, history } = entry;
  return {
    kind: 'workflow',
    ...pickMeta(entry),
    ttlMs,
    about,
    state: state.toString(),
    history: history.map((earlier) => ({
      version: earlier.version,
      updatedAtMs: earlier.updatedAtMs,
      deadlineMs: earlier.deadlineMs,
      about: earlier.about,
      state: earlier.state.toString(),
    })),
  };
}

const FIELDS = namesWith('kind');

export function movedTask(entry: TaskEntry, events: readonly ProgressEvent[]): MovedTask {
  const { payload, result, headers } = entry;
  return {
    kind: 'task',
    ...pick(FIELDS, entry),
    headers: payload === undefined ? '{}' : headers,
    payload: payload?.toString() ?? null,
    result: result?.toString() ?? null,
    events,
  };
}
