import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import type { Earlier } from './entry.js';
import { DirectoryLock } from './directory-lock.js';
import type { Journal, JournalChange, JournaledWorkflow } from './journal.js';
import type { Kept } from './outcomes.js';

/** Raised when records change their shape; a directory of another format is refused, not guessed at. */
const FORMAT = 1;

/**
 * One record per workflow, earlier version and outcome. lmdb writes pages anew and then switches its root, so a crash in the
 * middle leaves the state before; pages that nothing points to are used again, so overwriting does not let the file grow
 * and there is no log to compact.
 */
export class LmdbJournal implements Journal {
  readonly #root: RootDatabase;
  readonly #lock: DirectoryLock;
  readonly #workflows: Database<JournaledWorkflow, [string, string]>;
  readonly #versions: Database<Earlier, [string, string, number]>;
  readonly #outcomes: Database<Kept, [string, string]>;

  private constructor(root: RootDatabase, lock: DirectoryLock) {
    this.#root = root;
    this.#lock = lock;
    this.#workflows = root.openDB({ name: 'workflows' });
    this.#versions = root.openDB({ name: 'versions' });
    this.#outcomes = root.openDB({ name: 'outcomes' });
  }

  /** @throws DirectoryInUseError when another service has the directory. */
  static async open(directory: string): Promise<LmdbJournal> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, 'waymark.mdb');
    // A database of its own name each for workflows, versions and outcomes, and one for the service's own notes.
    const root = open({ path, maxDbs: 4, noSubdir: true, overlappingSync: false });
    chmodSync(path, 0o600);
    const service = root.openDB<unknown, string>({ name: 'service' });
    const lock = await DirectoryLock.take(service, directory).catch(async (error: unknown) => {
      await root.close();
      throw error;
    });
    const format = service.get('format');
    if (format === undefined) {
      await service.put('format', FORMAT);
    } else if (format !== FORMAT) {
      await lock.release();
      await root.close();
      throw new Error(
        `${directory} is of format ${String(format)}, and this version of the service knows format ${FORMAT}`,
      );
    }
    return new LmdbJournal(root, lock);
  }

  *read(): Iterable<JournalChange> {
    for (const { key, value } of this.#workflows.getRange())
      yield { kind: 'workflow', tenant: key[0], id: key[1], value };
    for (const { key, value } of this.#versions.getRange()) {
      yield { kind: 'version', tenant: key[0], id: key[1], version: key[2], value };
    }
    for (const { key, value } of this.#outcomes.getRange())
      yield { kind: 'outcome', tenant: key[0], key: key[1], value };
  }

  async write(changes: readonly JournalChange[]): Promise<void> {
    // Nothing in here throws half-way: a throw would end the callback but not take back what it had done.
    await this.#root.transaction(() => {
      for (const change of changes) this.#apply(change);
    });
  }

  async close(): Promise<void> {
    await this.#lock.release();
    await this.#root.close();
  }

  #apply(change: JournalChange): void {
    switch (change.kind) {
      case 'workflow':
        return put(this.#workflows, [change.tenant, change.id], change.value);
      case 'version':
        return put(this.#versions, [change.tenant, change.id, change.version], change.value);
      case 'outcome':
        return put(this.#outcomes, [change.tenant, change.key], change.value);
    }
  }
}

/** Within a transaction the promises of single operations say nothing: the transaction's own counts. */
function put<K extends [string, ...(string | number)[]], V>(
  database: Database<V, K>,
  key: K,
  value: V | undefined,
): void {
  if (value === undefined) void database.remove(key);
  else void database.put(key, value);
}
