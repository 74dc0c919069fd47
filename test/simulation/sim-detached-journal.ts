import type { DetachedEntry } from '../../src/engine/detached/detached-entry.js';
import type { DetachedJournal, Fates, Journaled } from '../../src/engine/detached/detached-journal.js';
import type { StoreEpoch } from '../../src/engine/store-epoch.js';
import type { SimDisk } from './sim-disk.js';

/** Content of a detached journal on the disk. */
export interface DetachedFile {
  readonly entries: Map<number, DetachedEntry>;
  readonly fates: Map<number, Fates>;
  readonly epochs: Map<string, string>;
  drainingSinceMs?: number | undefined;
}

export class SimDetachedJournal implements DetachedJournal {
  readonly isVolatile = false;

  constructor(
    private readonly disk: SimDisk,
    private readonly file: DetachedFile,
  ) {}

  read(): Journaled {
    const { entries, fates, epochs, drainingSinceMs } = this.file;
    const inOrder = [...entries.values()].toSorted((a, b) => a.n - b.n);
    return { entries: inOrder, fates: new Map(fates), epochs: new Map(epochs), drainingSinceMs };
  }

  append(entries: readonly DetachedEntry[]): Promise<void> {
    const copies = entries.map((entry) => structuredClone(entry));
    return this.disk.write(() => copies.forEach((entry) => this.file.entries.set(entry.n, entry)));
  }

  remove(drained: readonly { readonly n: number; readonly fates: Fates }[]): Promise<void> {
    const all = [...drained];
    return this.disk.write(() => {
      for (const { n, fates } of all) {
        this.file.entries.delete(n);
        this.file.fates.set(n, fates);
      }
    });
  }

  clear(): Promise<void> {
    return this.disk.write(() => this.file.fates.clear());
  }

  setEpoch({ slot, name }: StoreEpoch): Promise<void> {
    return this.disk.write(() => void this.file.epochs.set(slot, name));
  }

  setDrainingSince(ms: number | undefined): Promise<void> {
    return this.disk.write(() => (this.file.drainingSinceMs = ms));
  }

  async close(): Promise<void> {}
}
