import type { About, IndexValues } from '../commit.js';
import type { EngineOptions } from '../engine.js';
import type { VersionRecord, WorkflowRecord } from '../records.js';

/** An earlier version, whole. */
export interface Earlier {
  readonly version: number;
  readonly updatedAtMs: number;
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
  /** Newest first. */
  readonly history: readonly Earlier[];
}

/** The history of the version that follows `entry`: entry itself in front, as far as count and bytes allow. */
export function historyAfter(entry: Entry, { historyLimit, historyMaxBytes }: EngineOptions): readonly Earlier[] {
  const { version, updatedAtMs, deadlineMs, about, bytes, state } = entry;
  const kept: Earlier[] = [];
  let total = 0;
  for (const earlier of [{ version, updatedAtMs, deadlineMs, about, bytes, state }, ...entry.history]) {
    total += earlier.bytes;
    if (kept.length >= historyLimit || total > historyMaxBytes) break;
    kept.push(earlier);
  }
  return kept;
}

export function versionOf(entry: Entry, earlier: Earlier, includeState: boolean): VersionRecord {
  const { id, incarnation, createdAtMs } = entry;
  const { state, ...version } = earlier;
  return { id, incarnation, createdAtMs, ...version, ...(includeState && { state }) };
}
