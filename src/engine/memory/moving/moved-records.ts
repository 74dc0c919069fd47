import type { MovedTask, MovedWorkflow } from '../../moving/moved.js';
import type { ProgressEvent } from '../../task-queues.js';
import type { Entry } from '../workflows/entry.js';
import { recordOf, type TaskEntry } from '../tasks/task-entry.js';
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

export function movedTask(entry: TaskEntry, events: readonly ProgressEvent[]): MovedTask {
  const { payload, result } = entry;
  return {
    kind: 'task',
    ...recordOf(entry),
    headers: payload === undefined ? '{}' : entry.headers,
    payload: payload?.toString() ?? null,
    result: result?.toString() ?? null,
    failures: entry.failures,
    backoffMs: entry.backoffMs,
    leaseMs: entry.leaseMs,
    limitMs: entry.limitMs,
    place: entry.place,
    token: entry.token,
    startedAtMs: entry.startedAtMs,
    heldLeaseMs: entry.heldLeaseMs,
    keptUntilMs: entry.keptUntilMs,
    dedupedUntilMs: entry.dedupedUntilMs,
    dedupeKey: entry.dedupeKey,
    isTimed: entry.isTimed,
    progress: entry.progress,
    events,
  };
}
