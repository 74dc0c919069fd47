import type { About, IndexValues } from '../commit.js';
import type { EngineOptions } from '../engine.js';
import type { VersionRecord, WorkflowRecord } from '../records.js';

/** An earlier version, whole. */
export interface Earlier {
  readonly version: number;
  readonly updatedAtMs: number;
  /** As it was last, touches included. */
  readonly deadlineMs: number | null;
  readonly about: About;
  readonly bytes: number;
  readonly state: string;
}

/** Everything about one workflow. Never changed, only replaced: whoever holds one holds a snapshot, and undoing is putting it back. */
export interface Entry extends WorkflowRecord {
  readonly about: About;
  readonly bytes: number;
  readonly index: IndexValues;
  /** The deadline was moved since this version was written. */
  readonly isTouched: boolean;
  /** The commit that made this entry, as `GroupCommit` counts them; 0 for what was there at the start. */
  readonly commit: number;
  /** Newest first. */
  readonly history: readonly Earlier[];
}

/** The history of the version that follows `entry`: entry itself in front, as far as count and bytes allow. */
export function historyAfter(entry: Entry, { historyLimit, historyMaxBytes }: EngineOptions): readonly Earlier[] {
  const { version, updatedAtMs, deadlineMs, about, bytes, state } = entry;
  const kept: Earlier[] = [];
  let total = 0;
  for (const earlier of [{ version, updatedAtMs, deadlineMs, about, bytes, state }, ...entry.history]) {
    // One that alone is over the limit is left out, rather than taking all the others with it.
    if (earlier.bytes > historyMaxBytes) continue;
    total += earlier.bytes;
    if (kept.length >= historyLimit || total > historyMaxBytes) break;
    kept.push(earlier);
  }
  return kept;
}

export function isLive({ deadlineMs }: Entry, at: number): boolean {
  return deadlineMs === null || deadlineMs > at;
}

export function versionOf(entry: Entry, earlier: Earlier, includeState: boolean): VersionRecord {
  const { id, incarnation, createdAtMs } = entry;
  const { version, updatedAtMs, deadlineMs, about, bytes, state } = earlier;
  const meta = { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs };
  return { ...meta, about, bytes, ...(includeState && { state }) };
}
