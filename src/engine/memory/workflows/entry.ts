import type { IndexValues } from '../../commit.js';
import type { VersionRef } from '../../engine.js';
import {
  pickMeta,
  withState,
  type StoredMeta,
  type VersionRecord,
  type WholeVersion,
} from '../../records/workflow-meta.js';
import type { Profile } from '../../profile.js';
import type { StoredText } from '../journal/text-store.js';

/** A complete version. */
export type Earlier = WholeVersion<StoredText>;

/** All data of one workflow. Immutable: a reference is a snapshot, and an undo puts the old entry back. */
export interface Entry extends StoredMeta, Earlier {
  readonly index: IndexValues;
  /** The deadline was changed after this version was written. */
  readonly isTouched: boolean;
  /** Number of the commit that made this entry, as `GroupCommit` counts; 0 for a restored entry. */
  readonly commit: number;
  /** Newest first. */
  readonly history: readonly Earlier[];
}

/** Shared: in a large store, most workflows may have no history. */
export const NO_HISTORY: readonly never[] = [];

/** History of the version after `entry`: `entry` itself first, within the limits of count and bytes. */
export function historyAfter(entry: Entry, { historyLimit, historyMaxBytes }: Profile): readonly Earlier[] {
  const kept: Earlier[] = [];
  let total = 0;
  for (const earlier of [withState(entry, entry.state), ...entry.history]) {
    // A version that alone exceeds the limit is left out, so that smaller ones remain.
    if (earlier.state.length > historyMaxBytes) continue;
    total += earlier.state.length;
    if (kept.length >= historyLimit || total > historyMaxBytes) break;
    kept.push(earlier);
  }
  return kept;
}

/** The entry, unless it has expired. */
export function liveAt(entry: Entry | undefined, at: number): Entry | undefined {
  return (entry?.deadlineMs ?? Infinity) > at ? entry : undefined;
}

/** State of exactly this version; undefined if it is not kept any more. */
export function keptState(
  entry: Entry | undefined,
  { incarnation, version, check }: VersionRef,
): StoredText | undefined {
  if (entry?.incarnation !== incarnation) return undefined;
  const kept = entry.version === version ? entry : entry.history.find((earlier) => earlier.version === version);
  return kept?.check === check ? kept.state : undefined;
}

/** The text at a place of the entry: the state first, then the history; undefined behind the end. */
export function textAt(entry: Entry | undefined, at: number): StoredText | undefined {
  return at === 0 ? entry?.state : entry?.history[at - 1]?.state;
}

/** The version without its state. */
export function versionOf(entry: Entry, earlier: Earlier): VersionRecord {
  const { version, check, updatedAtMs, deadlineMs, about, state } = earlier;
  return { ...pickMeta(entry), version, check, updatedAtMs, deadlineMs, about, bytes: state.length };
}
