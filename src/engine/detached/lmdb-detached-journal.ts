import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { StoreFullError } from '../errors.js';
import { checkJournalFile } from '../memory/directory/check-journal-file.js';
import { DirectoryInUseError, DirectoryLock } from '../memory/directory/directory-lock.js';
import { journalError } from '../memory/journal/journal-error.js';
import { inTransaction } from '../memory/journal/lmdb-transaction.js';
import { isDiskFull } from '../memory/directory/disk-space.js';
import { sizeOf, type DetachedEntry } from './detached-entry.js';
import type { DetachedJournal, Fates, Journaled } from './detached-journal.js';

/** Incremented when entries change shape. A file of another format is refused. */
const FORMAT = 1;
/** Files per directory: one for each replica that shares it. */
const MAX_FILES = 16;
const fileOf = (slot: number) => (slot === 1 ? 'waymark-detached.mdb' : `waymark-detached-${slot}.mdb`);
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
    this.#entries = root.openDB({ name: 'entries' });
    this.#fates = root.openDB({ name: 'fates' });
    this.#about = about;
  }

  /** Whether any replica has kept a journal in this directory. */
  static isIn(directory: string): boolean {
    return existsSync(join(directory, fileOf(1)));
  }

  /**
   * Opens a file that no other replica uses, preferably one with entries: those of a lost replica are drained too.
   * @throws DirectoryInUseError if all files are in use.
   */
  static async open(directory: string): Promise<LmdbDetachedJournal> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    let empty: LmdbDetachedJournal | undefined;
    let taken: unknown;
    for (let slot = 1; slot <= MAX_FILES; slot++) {
      const path = join(directory, fileOf(slot));
      if (empty !== undefined && !existsSync(path)) continue;
      try {
        const journal = await LmdbDetachedJournal.#openFile(directory, path);
        if (journal.#entries.getCount() > 0) {
          await empty?.close();
          return journal;
        }
        if (empty === undefined) empty = journal;
        else await journal.close();
      } catch (error) {
        if (!(error instanceof DirectoryInUseError)) throw error;
        taken = error;
      }
    }
    if (empty === undefined) throw taken;
    return empty;
  }

  static async #openFile(directory: string, path: string): Promise<LmdbDetachedJournal> {
    // Mode 0600, since the file contains states; LMDB keeps the mode of an existing file.
    for (const file of [path, `${path}-lock`]) closeSync(openSync(file, 'a', 0o600));
    checkJournalFile(path);
    const root = open<unknown, never>({
      path,
      noSubdir: true,
      maxDbs: 4,
      // A failed flush must leave nothing behind, not even a rejected promise (as in the embedded engine).
      overlappingSync: false,
      eventTurnBatching: false,
    });
    let lock: DirectoryLock | undefined;
    try {
      const about = root.openDB<unknown, string>({ name: 'about' });
      lock = await DirectoryLock.take(about, directory);
      const format = about.get('format');
      if (format === undefined) await inTransaction(about, () => about.putSync('format', FORMAT));
      else if (format !== FORMAT) {
        throw new Error(
          `${path} is of format ${String(format)}; this version of the service reads format ${FORMAT} only`,
        );
      }
      return new LmdbDetachedJournal(path, root, lock, about);
    } catch (error) {
      await lock?.release();
      await root.close();
      throw error;
    }
  }

  read(): Journaled {
    const epoch = this.#about.get('epoch');
    const since = this.#about.get('drainingSince');
    return {
      entries: [...this.#entries.getRange()].map(({ value }) => value),
      fates: new Map([...this.#fates.getRange()].map(({ key, value }) => [key, value])),
      epoch: typeof epoch === 'string' ? epoch : undefined,
      drainingSinceMs: typeof since === 'number' ? since : undefined,
    };
  }

  append(entries: readonly DetachedEntry[]): Promise<void> {
    const bytes = entries.reduce((sum, entry) => sum + 2 * sizeOf(entry), OVERHEAD_BYTES);
    return this.#write(bytes, () => {
      for (const entry of entries) this.#entries.putSync(entry.n, entry);
    });
  }

  remove(drained: readonly { readonly n: number; readonly fates: Fates }[]): Promise<void> {
    return this.#write(OVERHEAD_BYTES, () => {
      for (const { n, fates } of drained) {
        this.#entries.removeSync(n);
        this.#fates.putSync(n, fates);
      }
    });
  }

  clear(): Promise<void> {
    return this.#write(OVERHEAD_BYTES, () => this.#fates.clearSync());
  }

  setEpoch(epoch: string): Promise<void> {
    return this.#write(OVERHEAD_BYTES, () => void this.#about.putSync('epoch', epoch));
  }

  setDrainingSince(ms: number | undefined): Promise<void> {
    return this.#write(OVERHEAD_BYTES, () => {
      if (ms === undefined) this.#about.removeSync('drainingSince');
      else this.#about.putSync('drainingSince', ms);
    });
  }

  async close(): Promise<void> {
    try {
      await this.lock.release();
    } finally {
      await this.root.close();
    }
  }

  async #write(bytes: number, action: () => void): Promise<void> {
    try {
      await inTransaction(this.root, () => {
        this.lock.assertOwned();
        action();
      });
    } catch (error) {
      throw (await isDiskFull(this.path, bytes)) ? new StoreFullError({ cause: error }) : journalError(error);
    }
  }
}
