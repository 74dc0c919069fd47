import type { DrainedAs } from './drain.js';

/**
 * Attached: the store answers everything. Suspect: something went unanswered, and it is being asked whether it is there. Detached: it
 * is not. Recovering: it is, and what was written meanwhile is being drained. In all but the first this replica answers by itself.
 */
export type Mode = 'attached' | 'suspect' | 'detached' | 'recovering';

/** Metrics listen to this. */
export interface DetachedObserver {
  mode(mode: Mode): void;
  waiting(entries: number, bytes: number): void;
  drained(as: DrainedAs): void;
}

export const silentDetachedObserver: DetachedObserver = { mode() {}, waiting() {}, drained() {} };
