import type { StoredMeta } from '../records/workflow-meta.js';
import type { StoredTask } from '../task.js';
import type { Moving } from './moving.js';

/** A smaller skew is within what clocks of a network and the measurement differ by. */
const IGNORED_SKEW_MS = 1000;
const MEASUREMENTS = 3;

/** How far the clock of `to` is ahead of that of `from`; 0 up to a second. */
export async function skewBetween(from: Pick<Moving, 'now'>, to: Pick<Moving, 'now'>): Promise<number> {
  let [best, shortest] = [0, Infinity];
  for (let i = 0; i < MEASUREMENTS; i++) {
    const before = await from.now();
    const there = await to.now();
    const after = await from.now();
    // The shortest round trip has the smallest error.
    if (after - before < shortest) [best, shortest] = [Math.round(there - (before + after) / 2), after - before];
  }
  return Math.abs(best) <= IGNORED_SKEW_MS ? 0 : best;
}

const shifted = (ms: number | null, aheadMs: number) => (ms === null ? null : ms + aheadMs);

/** A workflow with as much time left by a clock that is ahead as it has by its own. */
export function workflowByClock<T extends Pick<StoredMeta, 'deadlineMs'>>(record: T, aheadMs: number): T {
  return aheadMs === 0 ? record : { ...record, deadlineMs: shifted(record.deadlineMs, aheadMs) };
}

/** The same for a task: its lease, delay, retention and all else that ends. The time of its making stays. */
export function taskByClock<T extends StoredTask>(task: T, aheadMs: number): T {
  if (aheadMs === 0) return task;
  return {
    ...task,
    dueAtMs: shifted(task.dueAtMs, aheadMs),
    expiresAtMs: task.expiresAtMs + aheadMs,
    leaseEndsAtMs: shifted(task.leaseEndsAtMs, aheadMs),
    startedAtMs: shifted(task.startedAtMs, aheadMs),
    endedAtMs: shifted(task.endedAtMs, aheadMs),
    keptUntilMs: shifted(task.keptUntilMs, aheadMs),
    dedupedUntilMs: shifted(task.dedupedUntilMs, aheadMs),
  };
}
