import type { Moved, MovedTask, MovedWorkflow } from './moved.js';
import { coreOf, lastMomentOf, queueStamp, stampOf, taskStamp, type StampedTask } from './stamp.js';

/** What to do when the store has another record under the id, and neither follows from the other. */
export const ON_CONFLICT = ['skip', 'newer', 'fail'] as const;
export type OnConflict = (typeof ON_CONFLICT)[number];

export interface ArrivalOptions {
  readonly onConflict: OnConflict;
  /** The stamp of what may be replaced without a question: what the caller itself has brought here before. */
  readonly replaces?: string;
  /** Only say what would become of it. */
  readonly isDryRun?: boolean;
}

/**
 * created: there was nothing; updated: what was there was brought up to date; same: it was there already; kept: what was there stays
 * (skip, or newer); conflict: it would have been a conflict, nothing was done; expired: its time is over.
 */
export type Arrived = 'created' | 'updated' | 'same' | 'kept' | 'conflict' | 'expired';

/** What is there already, as far as an arrival asks. */
export interface CurrentWorkflow extends Pick<MovedWorkflow, 'incarnation' | 'version' | 'updatedAtMs'> {
  readonly stamp: string;
}

/** scripts/move-workflow.lua decides the same. */
export function decideWorkflow(
  record: MovedWorkflow,
  current: CurrentWorkflow | undefined,
  { onConflict, replaces }: ArrivalOptions,
  now: number,
): Arrived {
  if (record.deadlineMs !== null && record.deadlineMs <= now) return 'expired';
  if (current === undefined) return 'created';
  if (current.stamp === stampOf(record)) return 'same';
  if (replaces !== undefined && coreOf(replaces) === coreOf(current.stamp)) return 'updated';
  if (isAncestor(current, record)) return 'updated';
  return afterConflict(onConflict, record.updatedAtMs > current.updatedAtMs);
}

/** What is there is one of the versions that led to the record. */
function isAncestor({ incarnation, version, updatedAtMs }: CurrentWorkflow, record: MovedWorkflow): boolean {
  if (incarnation !== record.incarnation || version >= record.version) return false;
  return record.history.some((earlier) => earlier.version === version && earlier.updatedAtMs === updatedAtMs);
}

/** scripts/move-task.lua decides the same. */
export function decideTask(
  record: MovedTask,
  current: StampedTask | undefined,
  { onConflict, replaces }: ArrivalOptions,
  now: number,
): Arrived {
  if (record.keptUntilMs !== null && record.keptUntilMs <= now) return 'expired';
  if (current === undefined) return 'created';
  const stamp = taskStamp(current);
  if (stamp === taskStamp(record)) return 'same';
  if (replaces === stamp) return 'updated';
  return afterConflict(onConflict, lastMomentOf(record) > lastMomentOf(current));
}

/** A pause is never lost: of two that differ, only the one that would end a pause needs permission. */
export function decideQueue(
  isPaused: boolean,
  wasPaused: boolean | undefined,
  { onConflict, replaces }: ArrivalOptions,
): Arrived {
  if (wasPaused === undefined) return 'created';
  if (wasPaused === isPaused) return 'same';
  return isPaused || replaces === queueStamp({ isPaused: wasPaused }) ? 'updated' : afterConflict(onConflict, false);
}

export function afterConflict(onConflict: OnConflict, isNewer: boolean): Arrived {
  if (onConflict === 'fail') return 'conflict';
  return onConflict === 'newer' && isNewer ? 'updated' : 'kept';
}

/** The arrival changes, or would change, what is stored. */
export function isWritten(arrived: Arrived): boolean {
  return arrived === 'created' || arrived === 'updated';
}

export function sizeOfRecord(record: Moved): number {
  switch (record.kind) {
    case 'workflow':
      return record.history.reduce((sum, { state }) => sum + state.length, record.state.length);
    case 'task': {
      const texts = (record.payload?.length ?? 0) + (record.result?.length ?? 0);
      return record.events.reduce((sum, { event }) => sum + event.length, texts);
    }
    case 'queue':
      return record.id.length;
  }
}
