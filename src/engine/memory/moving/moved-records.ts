import type { MovedTask, MovedWorkflow } from '../../moving/moved.js';
import type { ProgressEvent } from '../../task-queues.js';
import type { Entry } from '../workflows/entry.js';
import { taskCopyOf } from '../../records/task-fields.js';
import type { TaskEntry } from '../tasks/task-entry.js';
import { pickMeta, withState } from '../../records/workflow-meta.js';

export function movedWorkflow(entry: Entry): MovedWorkflow {
  const { ttlMs, about, state, history } = entry;
  const earlier = history.map((version) => withState(version, version.state.toString()));
  return { kind: 'workflow', ...pickMeta(entry), ttlMs, about, state: state.toString(), history: earlier };
}

export function movedTask(entry: TaskEntry, events: readonly ProgressEvent[]): MovedTask {
  const { payload, result, headers } = entry;
  return {
    kind: 'task',
    ...taskCopyOf(entry),
    headers: payload === undefined ? '{}' : headers,
    payload: payload?.toString() ?? null,
    result: result?.toString() ?? null,
    events,
  };
}
