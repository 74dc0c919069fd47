import type { ConflictBase, NewConflict } from '../conflicts.js';
import { aboutPatch } from '../edit-result.js';
import { etagOf, type About } from '../records/workflow-meta.js';
import { idOf, recordAfter, type Base, type DetachedEntry, type DetachedPart } from './detached-entry.js';
import { idsBeside } from './waiting-entries.js';

/** Minimum retention of conflict records, and of the outcome of a drained commit, for a crash in the middle of a drain. */
export const MIN_KEPT_MS = 24 * 60 * 60 * 1000;

/** Conflict records of an entry that cannot become current. `reason` is the code of the refusal. */
export function conflictsOf(entry: DetachedEntry, reason: string, now: number): NewConflict[] {
  return entry.parts.length === 0 ? [tasksConflict(entry, reason, now)] : partConflicts(entry, reason, now);
}

/** A record for each part. The first one has the tasks and messages of the commit. */
function partConflicts({ atMs, parts, ...rest }: DetachedEntry, reason: string, now: number): NewConflict[] {
  return parts.map((part, i) => {
    const deadlineMs = part.is === 'delete' ? now : part.after.deadlineMs;
    const record = {
      id: idOf(part),
      is: part.is === 'delete' ? ('delete' as const) : ('state' as const),
      etag: part.is === 'delete' ? null : etagOf(part.after),
      base: conflictBase(part.base),
      about: aboutOf(part),
      writtenAtMs: atMs,
      deadlineMs: part.is === 'delete' ? null : deadlineMs,
      reason,
      ...(i === 0 ? besideOf(rest) : { enqueue: [], publish: [] }),
    };
    const keepMs = deadlineMs === null ? null : Math.max(deadlineMs - now, MIN_KEPT_MS);
    return { record, keepMs, state: recordAfter(part)?.state };
  });
}

/** A record of a commit without workflows, under the first id or name in it. Kept as long as its tasks would wait. */
function tasksConflict(entry: DetachedEntry, reason: string, now: number): NewConflict {
  const { atMs, enqueue, publish } = entry;
  const [id = enqueue[0]?.id ?? publish[0]?.channel ?? entry.once.key] = idsBeside(entry);
  const waitsMs = enqueue.map(({ expires }) => ('atMs' in expires ? expires.atMs - now : expires.afterDueMs));
  const record = {
    id,
    is: 'tasks' as const,
    etag: null,
    base: { kind: 'unknown' as const },
    about: { by: 'unknown', cause: 'commit' as const, changed: null },
    writtenAtMs: atMs,
    deadlineMs: null,
    reason,
    ...besideOf(entry),
  };
  return { record, keepMs: Math.max(MIN_KEPT_MS, ...waitsMs), state: undefined };
}

/** Tasks, messages and cancellations of a commit, as a conflict record has them. */
function besideOf({ enqueue, publish, cancelTasksOf }: Pick<DetachedEntry, 'enqueue' | 'publish' | 'cancelTasksOf'>) {
  return { enqueue, publish, ...(cancelTasksOf.length > 0 && { cancelTasksOf }) };
}

function conflictBase(base: Base): ConflictBase {
  switch (base.on) {
    case 'version':
      return { kind: 'version', etag: etagOf(base) };
    case 'commit':
      return base.etag === null ? { kind: 'absent' } : { kind: 'detached', etag: base.etag };
    case 'absent':
    case 'unknown':
      return { kind: base.on };
  }
}

export function aboutOf(part: DetachedPart): About {
  if (part.is === 'put') return part.put.about;
  if (part.is !== 'patch') return { by: 'unknown', cause: 'commit', changed: null };
  return aboutPatch({ ...part.patch, edit: part.patch }, part.changed);
}
