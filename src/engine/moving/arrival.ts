import type { Board } from '../board.js';
import type { Moved, MovedBoard, MovedTask, MovedWorkflow } from './moved.js';
import { boardStamp, coreOf, lastMomentOf, queueStamp, stampOf, taskStamp, type StampedTask } from './stamp.js';

/** Action of an import when the store has another record under the id, and the new one is not a later version of it. */
export const ON_CONFLICT = ['skip', 'newer', 'fail'] as const;
export type OnConflict = (typeof ON_CONFLICT)[number];

export interface ArrivalOptions {
  readonly onConflict: OnConflict;
  /** Stamp of a record that may be replaced without conflict: the one that the caller imported before. */
  readonly replaces?: string;
  /** Report the result without writing. */
  readonly isDryRun?: boolean;
}

/**
 * created: no record existed; updated: the existing record is replaced; same: the existing record is equal;
 * kept: the existing record stays (skip, or newer); conflict: nothing is done; expired: the new record has expired.
 */
export type Arrived = 'created' | 'updated' | 'same' | 'kept' | 'conflict' | 'expired';

/** Fields of the existing workflow that decide an arrival. */
export interface CurrentWorkflow extends Pick<MovedWorkflow, 'incarnation' | 'version' | 'check' | 'updatedAtMs'> {
  readonly stamp: string;
}

/** Same rules as src/engine/redis/scripts/moving/move-workflow.lua. */
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

/** The existing version is in the history of the record. */
function isAncestor({ incarnation, version, check, updatedAtMs }: CurrentWorkflow, record: MovedWorkflow): boolean {
  if (incarnation !== record.incarnation || version >= record.version) return false;
  return record.history.some(
    (one) => one.version === version && one.check === check && one.updatedAtMs === updatedAtMs,
  );
}

/** Same rules as src/engine/redis/scripts/moving/move-task.lua. */
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

/** A pause is never lost: only a record that would resume a paused queue can conflict. */
export function decideQueue(
  isPaused: boolean,
  wasPaused: boolean | undefined,
  { onConflict, replaces }: ArrivalOptions,
): Arrived {
  if (wasPaused === undefined) return 'created';
  if (wasPaused === isPaused) return 'same';
  return isPaused || replaces === queueStamp({ isPaused: wasPaused }) ? 'updated' : afterConflict(onConflict, false);
}

/**
 * A board of the store is never merged with another one: it stays, unless it was moved before and has not changed since.
 * Same rules as src/engine/redis/scripts/moving/move-board.lua.
 */
export function decideBoard(record: MovedBoard, current: Board | undefined, { replaces }: ArrivalOptions): Arrived {
  if (current === undefined) return 'created';
  const stamp = boardStamp(current);
  if (stamp === boardStamp(record)) return 'same';
  return stamp === replaces ? 'updated' : 'kept';
}

export function afterConflict(onConflict: OnConflict, isNewer: boolean): Arrived {
  if (onConflict === 'fail') return 'conflict';
  return onConflict === 'newer' && isNewer ? 'updated' : 'kept';
}

/** The store was changed, or would be without `isDryRun`. */
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
    case 'board': {
      const texts = [...record.notices.map(({ text }) => text), ...record.entries];
      return texts.reduce((sum, { length }) => sum + length, 0);
    }
  }
}
