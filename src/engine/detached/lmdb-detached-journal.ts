import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { open, type Database, type RootDatabase } from 'lmdb';
import type { StoreEpoch } from '../store-epoch.js';
import { StoreFullError } from '../errors.js';
import { DirectoryInUseError, DirectoryLock } from '../memory/directory/directory-lock.js';
import { checkJournalFile } from '../memory/journal-file/check-journal-file.js';
import { markContent } from '../memory/journal-file/content-marker.js';
import type { JournalLayout } from '../memory/journal-file/journal-walk.js';
import { ensureFormat, sealRows } from '../memory/journal-file/seal-rows.js';
import { openSealed, putSealed } from '../memory/journal-file/seal.js';
import { journalError } from '../memory/journal/journal-error.js';
import { inTransaction } from '../memory/journal/lmdb-transaction.js';
import { isDiskFull } from '../memory/directory/disk-space.js';
import { sizeOf, type DetachedEntry } from './detached-entry.js';
import type { DetachedJournal, Fates, Journaled } from './detached-journal.js';
import type { LeftJournal } from './left-journals.js';

export const LAYOUT: JournalLayout = {
  databases: ['entries', 'fates'],
  service: 'about',
  format: 2,
  unsealedFormat: 1,
  remedy: 'Restore a copy of <file>, or move it away: then its waiting writes are lost',
};
/** Files per directory: one for each replica that shares it. */
const MAX_FILES = 16;
const fileOf = (slot: number) => (slot === 1 ? 'waymark-detached.mdb' : `waymark-detached-${slot}.mdb`);
/** A live replica writes its heartbeat into its file more often than this. */
const QUIET_MS = 3500;
/**
 * Files that this process has open. LMDB must not open one twice: its locks belong to the process, and a transaction of
 * one would wait for the other without end.
 */
const openHere = new Set<string>();
/** Start of the key of an epoch; the slot follows. */
const EPOCH = 'epoch';
/** Pages that LMDB rewrites for a small record. */
const OVERHEAD_BYTES = 256 * 1024;

/** Journal on disk, flushed before a write is acknowledged. Only one service uses a file at a time. */
export class LmdbDetachedJournal implements DetachedJournal {
  readonly isVolatile = false;
  readonly #entries: Database<DetachedEntry, number>;
  readonly #fates: Database<Fates, number>;
  readonly #about: Database<unknown, string>;

  private constructor(
    private readonly path: string,
    private readonly root: RootDatabase<unknown, never>,
    private readonly lock: DirectoryLock,
    about: Database<unknown, string>,
  ) {
    this.#entries = openSealed(root, 'entries');
    this.#fates = openSealed(root, 'fates');
    this.#about = about;
  }

  /**
   * Opens a file that no other replica uses, preferably one with entries. Passes over a damaged file, which `leftIn`
   * reports.
   * @throws Error if no file can be opened, such as DirectoryInUseError
   */
  static async open(directory: string): Promise<LmdbDetachedJournal> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    let empty: LmdbDetachedJournal | undefined;
    let failure: unknown;
    for (let slot = 1; slot <= MAX_FILES; slot++) {
      const path = join(directory, fileOf(slot));
      if (empty !== undefined && !existsSync(path)) continue;
      try {
        const journal = await LmdbDetachedJournal.#openFile(directory, path);
        if (journal === undefined) continue;
        if (journal.#entries.getCount() > 0) {
          await empty?.close();
          return journal;
        }
        if (empty === undefined) empty = journal;
        else await journal.close();
      } catch (error) {
        failure = error;
      }
    }
    if (empty === undefined) throw failure;
    return empty;
  }

  /**
   * The journals in a directory that have entries and no replica, one after another. The caller closes each before it
   * asks for the next. Files of live replicas are not even opened: two replicas that open each other's files could wait
   * for each other.
   */
  static async *leftIn(directory: string, signal?: AbortSignal): AsyncGenerator<LeftJournal> {
    const paths = Array.from({ length: MAX_FILES }, (_, i) => join(directory, fileOf(i + 1)));
    const others = paths.filter((path) => existsSync(path) && !openHere.has(resolve(path)));
    const seen = new Map(others.map((path) => [path, statSync(path).mtimeMs]));
    if (others.length > 0) await sleep(QUIET_MS, undefined, { ref: false, ...(signal && { signal }) });
    for (const path of others) {
      if (statSync(path).mtimeMs !== seen.get(path)) continue;
      const file = basename(path);
      let journal: LmdbDetachedJournal | undefined;
      try {
        journal = await LmdbDetachedJournal.#openFile(directory, path, true);
      } catch (error) {
        if (!(error instanceof DirectoryInUseError)) yield { file, error };
      }
      if (journal !== undefined) yield { file, journal };
    }
  }

  /** Undefined for a file without entries, if they are `demanded`; such a file is not locked meanwhile. */
  static async #openFile(directory: string, path: string, demanded = false): Promise<LmdbDetachedJournal | undefined> {
    // Mode 0600, since the file contains states; LMDB keeps the mode of an existing file.
    const key = resolve(path);
    if (openHere.has(key)) throw new DirectoryInUseError(directory, { pid: process.pid, host: hostname() });
    openHere.add(key);
    let root: RootDatabase<unknown, never> | undefined;
    let lock: DirectoryLock | undefined;
    try {
      // A missing file is a new one: operators remove journals that are drained.
      const isChecked = !existsSync(path) || checkJournalFile(path, LAYOUT);
      for (const file of [path, `${path}-lock`]) closeSync(openSync(file, 'a', 0o600));
      root = open<unknown, never>({
        path,
        noSubdir: true,
        maxDbs: 4,
        // A failed flush must leave nothing behind, not even a rejected promise (as in the embedded engine).
        overlappingSync: false,
        eventTurnBatching: false,
      });
      if (demanded && (await countIn(root)) === 0) {
        await root.close();
        openHere.delete(key);
        return undefined;
      }
      const about = openSealed<unknown, string>(root, 'about');
      lock = await DirectoryLock.take(about, directory);
      if (!isChecked) checkJournalFile(path, LAYOUT);
      await ensureFormat(about, lock, LAYOUT, path);
      const journal = new LmdbDetachedJournal(path, root, lock, about);
      await sealRows(root, about, lock, LAYOUT);
      markContent(path);
      return journal;
    } catch (error) {
      await lock?.release();
      await root?.close();
      openHere.delete(key);
      throw error;
    }
  }

  read(): Journaled {
    const epochs = [...this.#about.getRange()].flatMap(({ key, value }): [string, string][] =>
      key.startsWith(EPOCH) ? [[key.slice(EPOCH.length), String(value)]] : [],
    );
    const since = this.#about.get('drainingSince');
    return {
      entries: [...this.#entries.getRange()].map(({ value }) => value),
      fates: new Map([...this.#fates.getRange()].map(({ key, value }) => [key, value])),
      epochs: new Map(epochs),
      drainingSinceMs: typeof since === 'number' ? since : undefined,
    };
  }

  append(entries: readonly DetachedEntry[]): Promise<void> {
    const bytes = entries.reduce((sum, entry) => sum + 2 * sizeOf(entry), OVERHEAD_BYTES);
    return this.#write(bytes, () => {
      for (const entry of entries) putSealed(this.#entries, entry.n, entry);
    });
  }

  remove(drained: readonly { readonly n: number; readonly fates: Fates }[]): Promise<void> {
    return this.#write(OVERHEAD_BYTES, () => {
      for (const { n, fates } of drained) {
        this.#entries.removeSync(n);
        putSealed(this.#fates, n, fates);
      }
    });
  }

  clear(): Promise<void> {
    return this.#write(OVERHEAD_BYTES, () => this.#fates.clearSync());
  }

  setEpoch({ slot, name }: StoreEpoch): Promise<void> {
    return this.#write(OVERHEAD_BYTES, () => putSealed(this.#about, EPOCH + slot, name));
  }

  setDrainingSince(ms: number | undefined): Promise<void> {
    return this.#write(OVERHEAD_BYTES, () => {
      if (ms === undefined) this.#about.removeSync('drainingSince');
      else putSealed(this.#about, 'drainingSince', ms);
    });
  }

  async close(): Promise<void> {
    try {
      await this.lock.release();
    } finally {
      await this.root.close();
      openHere.delete(resolve(this.path));
    }
  }

  async #write(bytes: number, action: () => void): Promise<void> {
    try {
      await this.lock.write(action);
    } catch (error) {
      throw (await isDiskFull(this.path, bytes)) ? new StoreFullError({ cause: error }) : journalError(error);
    }
  }
}

/** In a write transaction, since a read could wait for a process of another container (see DirectoryLock). */
function countIn(root: RootDatabase<unknown, never>): Promise<number> {
  const entries = openSealed<DetachedEntry, number>(root, 'entries');
  return inTransaction(root, () => entries.getCount());
}
