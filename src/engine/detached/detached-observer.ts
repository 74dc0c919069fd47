/**
 * Attached: the store answers. Suspect: a call got no answer; the store is pinged. Detached: the store is unreachable. Recovering:
 * the store answers again; entries are drained. This replica answers itself in all modes but attached.
 */
export type Mode = 'attached' | 'suspect' | 'detached' | 'recovering';

/** Result of a drained entry; see docs/detached.md. */
export type DrainedAs = 'exact' | 'merged' | 'replayed' | 'recovered' | 'conflict' | 'expired' | 'erased';

/** Metrics of the fallback. */
export interface DetachedObserver {
  /** `mode`: that of the server with the most trouble. `all`: that of each server. */
  mode(mode: Mode, all: ReadonlyMap<string, Mode>): void;
  waiting(entries: number, bytes: number): void;
  drained(as: DrainedAs): void;
  /** Entries that the store refuses, or that wait behind such entries. */
  heldBack(entries: number): void;
  /** Journals of replicas that have ended, with the number of their entries. */
  left(journals: number, entries: number): void;
}

export const silentDetachedObserver: DetachedObserver = {
  mode() {},
  waiting() {},
  drained() {},
  heldBack() {},
  left() {},
};
