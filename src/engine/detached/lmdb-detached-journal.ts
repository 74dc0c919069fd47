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

/** Raised when entries change their shape; a file of another format is refused, not guessed at. */
const FORMAT = 1;
/** Replicas that share a directory have a file each. */
const MOST_FILES = 16;
const fileOf = (slot: number) => (slot === 1 ? 'waymark-detached.mdb' : `waymark-detached-${slot}.mdb`);
/** Pages that are written anew on the way to a small record. */
const OVERHEAD_BYTES = 256 * 1024;

/** On disk, flushed before a write is acknowledged: what waits survives the process. Each file is of one service at a time. */
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

  /** Whether a replica has ever been on its own with this directory. */
  static isIn(directory: string): boolean {
    return existsSync(join(directory, fileOf(1)));
  }

  /**
   * A file that no other replica has: one with something in it rather than an empty one, so that what a replica left behind that never
   * came back is brought in by another. @throws DirectoryInUseError when all are taken.
   */
  static async open(directory: string): Promise<LmdbDetachedJournal> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    let empty: LmdbDetachedJournal | undefined;
    let taken: unknown;
    for (let slot = 1; slot <= MOST_FILES; slot++) {
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
    // States of clients are in there; lmdb takes files as it finds them.
    for (const file of [path, `${path}-lock`]) closeSync(openSync(file, 'a', 0o600));
    checkJournalFile(path);
    const root = open<unknown, never>({
      path,
      noSubdir: true,
      maxDbs: 4,
      // As for the embedded engine's journal: what cannot be flushed must leave nothing behind, and no promise nobody reaches.
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
    return {
      entries: [...this.#entries.getRange()].map(({ value }) => value),
      fates: new Map([...this.#fates.getRange()].map(({ key, value }) => [key, value])),
      epoch: typeof epoch === 'string' ? epoch : undefined,
    };
  }

  append(entries: readonly DetachedEntry[]): Promise<void> {
    const bytes = entries.reduce((sum, entry) => sum + 2 * sizeOf(entry), OVERHEAD_BYTES);
    return this.#write(bytes, () => {
      for (const entry of entries) this.#entries.putSync(entry.n, entry);
    });
  }

  settle(settled: readonly { readonly n: number; readonly fates: Fates }[]): Promise<void> {
    return this.#write(OVERHEAD_BYTES, () => {
      for (const { n, fates } of settled) {
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
