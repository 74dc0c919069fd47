import type { MovedTask, MovedWorkflow } from '../../moving/moved.js';
import type { ProgressEvent } from '../../task-queues.js';
import type { Entry } from '../workflows/entry.js';
import { taskCopyOf } from '../../records/task-fields.js';
import { decodedInTurns } from '../workflows/decoded-in-turns.js';
import type { TaskEntry } from '../tasks/task-entry.js';
import { pickMeta, withState } from '../../records/workflow-meta.js';

/** The texts of an entry stay readable when it is replaced meanwhile. */
export async function movedWorkflow(entry: Entry): Promise<MovedWorkflow> {
  const { ttlMs, about, history } = entry;
  const [state, ...earlier] = (await decodedInTurns([entry, ...history].map((one) => one.state))) as string[];
  const versions = history.map((version, i) => withState(version, earlier[i] as string));
  return { kind: 'workflow', ...pickMeta(entry), ttlMs, about, state: state as string, history: versions };
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
