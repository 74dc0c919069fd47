import type { DrainedAs } from './drain.js';

/**
 * Attached: the store answers. Suspect: a call went unanswered, and the store is pinged. Detached: the store is unreachable. Recovering:
 * the store is back and entries are being drained. In all modes but the first this replica answers by itself.
 */
export type Mode = 'attached' | 'suspect' | 'detached' | 'recovering';

/** Metrics of the fallback. */
export interface DetachedObserver {
  mode(mode: Mode): void;
  waiting(entries: number, bytes: number): void;
  drained(as: DrainedAs): void;
}

export const silentDetachedObserver: DetachedObserver = { mode() {}, waiting() {}, drained() {} };
