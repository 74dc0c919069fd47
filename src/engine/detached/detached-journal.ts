import type { StoreEpoch } from '../store-epoch.js';
import type { DetachedEntry, Fate } from './detached-entry.js';

/** Fates of the parts of an entry, by the ids of their workflows. */
export type Fates = Readonly<Record<string, Fate>>;

export interface Journaled {
  /** In order of acceptance. */
  readonly entries: readonly DetachedEntry[];
  /** Fates of drained entries that others may build on, by entry number. */
  readonly fates: ReadonlyMap<number, Fates>;
  /** Names of the data when the servers of the store were last reachable, by slot. */
  readonly epochs: ReadonlyMap<string, string>;
  /** Time at which the oldest drain began that may have left drained entries here. */
  readonly drainingSinceMs?: number | undefined;
}

/** Keeps acknowledged commits until the store has them. */
export interface DetachedJournal {
  /** Entries are lost with the process. */
  readonly isVolatile: boolean;
  read(): Journaled;
  /** Resolves when all are on disk; rejects when none is. */
  append(entries: readonly DetachedEntry[]): Promise<void>;
  /** Removes drained entries and keeps their fates. */
  remove(drained: readonly { readonly n: number; readonly fates: Fates }[]): Promise<void>;
  /** Drops the fates; valid only if no entry waits. */
  clear(): Promise<void>;
  setEpoch(epoch: StoreEpoch): Promise<void>;
  /** Undefined: no entry here can be in the store. */
  setDrainingSince(ms: number | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Journal in memory, if there is no data directory. */
export class VolatileJournal implements DetachedJournal {
  readonly isVolatile = true;

  read(): Journaled {
    return { entries: [], fates: new Map(), epochs: new Map() };
  }
  async append(): Promise<void> {}
  async remove(): Promise<void> {}
  async clear(): Promise<void> {}
  async setEpoch(): Promise<void> {}
  async setDrainingSince(): Promise<void> {}
  async close(): Promise<void> {}
}
