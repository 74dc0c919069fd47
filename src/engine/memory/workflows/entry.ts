import type { About, IndexValues } from '../../commit.js';
import type { EngineOptions } from '../../engine.js';
import type { VersionRecord, WorkflowMeta } from '../../records.js';
import type { StoredText } from '../journal/text-store.js';

/** An earlier version, whole. */
export interface Earlier {
  readonly version: number;
  readonly updatedAtMs: number;
  /** As it was last, touches included. */
  readonly deadlineMs: number | null;
  readonly about: About;
  readonly state: StoredText;
}

/** Everything about one workflow. Never changed, only replaced: whoever holds one holds a snapshot, and undoing is putting it back. */
export interface Entry extends WorkflowMeta {
  readonly about: About;
  readonly state: StoredText;
  readonly index: IndexValues;
  /**
   * What the last writer asked for; null is never. An entry with a time to live and no deadline is held by open tasks: when the
   * last of them ends, the time begins anew.
   */
  readonly ttlMs: number | null;
  /** The deadline was moved since this version was written. */
  readonly isTouched: boolean;
  /** The commit that made this entry, as `GroupCommit` counts them; 0 for what was there at the start. */
  readonly commit: number;
  /** Newest first. */
  readonly history: readonly Earlier[];
}

/** One for all, as most workflows of a large store may have none. */
export const NO_HISTORY: readonly never[] = [];

/** The history of the version that follows `entry`: entry itself in front, as far as count and bytes allow. */
export function historyAfter(entry: Entry, { historyLimit, historyMaxBytes }: EngineOptions): readonly Earlier[] {
  const { version, updatedAtMs, deadlineMs, about, state } = entry;
  const kept: Earlier[] = [];
  let total = 0;
  for (const earlier of [{ version, updatedAtMs, deadlineMs, about, state }, ...entry.history]) {
    // One that alone is over the limit is left out, rather than taking all the others with it.
    if (earlier.state.length > historyMaxBytes) continue;
    total += earlier.state.length;
    if (kept.length >= historyLimit || total > historyMaxBytes) break;
    kept.push(earlier);
  }
  return kept;
}

export function isLive({ deadlineMs }: Entry, at: number): boolean {
  return deadlineMs === null || deadlineMs > at;
}

/** All texts that the entry keeps. */
export function* textsOf(entry: Entry | undefined): Generator<StoredText> {
  if (entry === undefined) return;
  yield entry.state;
  for (const { state } of entry.history) yield state;
}

export function versionOf(entry: Entry, earlier: Earlier, includeState: boolean): VersionRecord {
  const { id, incarnation, createdAtMs } = entry;
  const { version, updatedAtMs, deadlineMs, about, state } = earlier;
  const meta = { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs };
  return { ...meta, about, bytes: state.length, ...(includeState && { state: state.toString() }) };
}
