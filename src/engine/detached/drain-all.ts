import { OutcomeUnknownError, StoreFullError, StoreRefusedError, StoreUnavailableError } from '../errors.js';
import { ServiceError } from '../../service-error.js';
import type { DetachedEntry } from './detached-entry.js';
import type { DrainedAs } from './detached-observer.js';
import type { DetachedStore } from './detached-store.js';
import type { Drain } from './drain.js';
import type { Holds } from './waiting-entries.js';

/** Entries that are drained in parallel. */
const DRAINED_AT_ONCE = 64;
/** Lost answers to one entry after which the entry counts as their cause. */
const MAX_LOST_ANSWERS = 3;

export interface DrainRun {
  readonly store: DetachedStore;
  readonly drain: Drain;
  /** Whether the server of the tenant has lost data since it was reachable last. */
  readonly hasLostData: Holds;
  /** Tenants whose entries are drained. */
  readonly holds: Holds;
  readonly drained: (as: DrainedAs) => void;
  readonly isStopped: () => boolean;
}

/**
 * Drains until no entry is left that can be drained. Sets an entry aside that the store refuses.
 * @throws Error that concerns all entries, such as StoreAwayError
 */
export async function drainAll(run: DrainRun): Promise<void> {
  const { store, drain, hasLostData, holds, drained, isStopped } = run;
  const next = () => store.next(DRAINED_AT_ONCE, holds);
  const one = async (entry: DetachedEntry) =>
    drained(await drain.one(entry, hasLostData(entry.tenant) || store.isFromBeforeLoss(entry)));
  for (let entries = next(); entries.length > 0; entries = next()) {
    if (isStopped()) return;
    await store.beginDrain();
    const ends = await Promise.allSettled(entries.map(one));
    const failed = ends.flatMap((end, i) =>
      end.status === 'rejected' ? [{ entry: entries[i] as DetachedEntry, error: end.reason as unknown }] : [],
    );
    const general = failed.find(({ entry, error }) => !concerns(entry, error, store));
    for (const { entry, error } of failed) {
      if (!concerns(entry, error, store)) continue;
      // Entries of one turn share a call, which the store may have refused because of another one.
      const isOwn = failed.length === 1 || error instanceof StoreFullError || general !== undefined;
      const alone: unknown = isOwn ? error : await one(entry).catch((same: unknown) => same);
      if (alone === undefined) continue;
      if (!concerns(entry, alone, store)) throw alone;
      store.setAside(entry, reasonOf(alone));
    }
    if (general !== undefined) throw general.error;
  }
}

/** Whether an error is about the entry alone: the store can serve the others. */
function concerns(entry: DetachedEntry, error: unknown, store: DetachedStore): boolean {
  if (error instanceof OutcomeUnknownError) return store.lostAnswersTo(entry) >= MAX_LOST_ANSWERS;
  return error instanceof StoreRefusedError || !(error instanceof StoreUnavailableError);
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  if (error instanceof StoreFullError) return message;
  const why = cause instanceof Error ? cause.message : message;
  return error instanceof ServiceError ? `${error.code} (${why})` : why;
}
