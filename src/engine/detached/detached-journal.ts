import type { DetachedEntry, Fate } from './detached-entry.js';

/** What became of the parts of an entry, by the ids of their workflows. */
export type Fates = Readonly<Record<string, Fate>>;

export interface Journaled {
  /** In their order. */
  readonly entries: readonly DetachedEntry[];
  /** Of entries that are drained, as far as others may rest on them, by their numbers. */
  readonly fates: ReadonlyMap<number, Fates>;
  /** The store's name for its data when it was last there. */
  readonly epoch: string | undefined;
}

/** Where acknowledged commits wait for the store. */
export interface DetachedJournal {
  /** It ends with the process. */
  readonly isVolatile: boolean;
  read(): Journaled;
  /** Settles when all of them are safe; when it rejects, none of them is. */
  append(entries: readonly DetachedEntry[]): Promise<void>;
  /** They are drained, and this became of them. */
  settle(settled: readonly { readonly n: number; readonly fates: Fates }[]): Promise<void>;
  /** Nothing waits, so nothing rests on what became of others. */
  clear(): Promise<void>;
  setEpoch(epoch: string): Promise<void>;
  close(): Promise<void>;
}

/** Without a data directory: what waits is in memory anyway. */
export class VolatileJournal implements DetachedJournal {
  readonly isVolatile = true;

  read(): Journaled {
    return { entries: [], fates: new Map(), epoch: undefined };
  }
  async append(): Promise<void> {}
  async settle(): Promise<void> {}
  async clear(): Promise<void> {}
  async setEpoch(): Promise<void> {}
  async close(): Promise<void> {}
}
