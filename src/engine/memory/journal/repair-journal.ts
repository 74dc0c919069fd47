import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type Key } from 'lmdb';
import { isOpen } from '../../task.js';
import { tenantKey } from '../../tenant-key.js';
import { Damage } from '../journal-file/damaged-journal.error.js';
import { salvage, type SavedRow } from '../journal-file/salvage.js';
import { canDecode, openRaw, openSealed, putRaw } from '../journal-file/seal.js';
import type { JournalChange } from './journal.js';
import { FILE, LAYOUT, LmdbJournal } from './lmdb-journal.js';

const MAX_ROWS = 2000;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_CHANGES = 1000;

export interface Repaired {
  /** Rows that were written, by database. */
  readonly saved: Readonly<Record<string, number>>;
  /** Rows that should be there and are not, by database. */
  readonly lost: Readonly<Record<string, number>>;
  /** Records that are left out because a part of them is lost: a sentence each. */
  readonly incomplete: readonly string[];
  /** Damaged places, the first hundred. */
  readonly damages: readonly string[];
  readonly damageCount: number;
  readonly isBeforeLast: boolean;
  /** The directory says that its state was moved elsewhere. */
  readonly isMoved: boolean;
}

/**
 * Writes what is whole in the journal of one directory into a new directory. The first one is only read, and not by lmdb, which
 * a damaged page may end.
 * @throws Error
 */
export async function repairJournal(from: string, to: string): Promise<Repaired> {
  const path = join(from, FILE);
  if (!existsSync(path)) throw new Error(`${from} is not a data directory: it has no ${FILE}`);
  if (existsSync(to) && readdirSync(to).length > 0) throw new Error(`${to} is not empty`);
  mkdirSync(to, { recursive: true, mode: 0o700 });
  const target = new Target(to);
  let read;
  try {
    read = salvage(path, LAYOUT, (row) => target.take(row));
    target.flush();
  } catch (error) {
    if (error instanceof Damage)
      throw new Error(`${path} has nothing that can be read (${error.message})`, { cause: error });
    throw error;
  } finally {
    await target.close();
  }
  const { saved, isMoved } = target;
  const lost: Record<string, number> = {};
  for (const name of LAYOUT.databases) {
    const missing = (read.expected.get(name) ?? 0) - (saved[name] ?? 0);
    if (missing > 0) lost[name] = missing;
  }
  const isUnknown = read.damageCount > 0 && LAYOUT.databases.some((name) => !read.expected.has(name));
  const journal = await LmdbJournal.open(to);
  try {
    const incomplete = await leaveOut(journal, (name) => isUnknown || lost[name] !== undefined);
    const { damages, damageCount, isBeforeLast } = read;
    return { saved, lost, incomplete, damages, damageCount, isBeforeLast, isMoved };
  } finally {
    await journal.close();
  }
}

/** A new journal that rows are written to as they are, with new checksums. */
class Target {
  readonly saved: Record<string, number> = {};
  isMoved = false;
  readonly #root;
  readonly #databases = new Map<string, Database<Buffer, Key>>();
  /** Transactions of rows that had no place. */
  readonly #lost = new Map<string, number>();
  #waiting: SavedRow[] = [];
  #bytes = 0;

  constructor(directory: string) {
    this.#root = open<unknown, never>({
      path: join(directory, FILE),
      noSubdir: true,
      maxDbs: 16,
      overlappingSync: false,
      eventTurnBatching: false,
    });
    openSealed<unknown, string>(this.#root, LAYOUT.service).putSync('format', LAYOUT.format);
  }

  take(row: SavedRow): void {
    if (row.database === LAYOUT.service) {
      this.isMoved ||= row.key === 'moved';
      return;
    }
    this.#waiting.push(row);
    this.#bytes += row.value.length;
    if (this.#waiting.length === MAX_ROWS || this.#bytes > MAX_BYTES) this.flush();
  }

  flush(): void {
    this.#root.transactionSync(() => {
      for (const row of this.#waiting) this.#put(row);
    });
    this.#waiting = [];
    this.#bytes = 0;
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  #put({ database: name, key, value, isSealed, isLost, transaction }: SavedRow): void {
    let database = this.#databases.get(name);
    if (database === undefined) this.#databases.set(name, (database = openRaw(this.#root, name)));
    const isThere = database.doesExist(key);
    if (isLost) {
      const place = `${name}\n${JSON.stringify(key)}`;
      const earlier = this.#lost.get(place);
      if (isThere && (earlier === undefined || earlier > transaction)) return;
      this.#lost.set(place, transaction);
    }
    if (!isSealed && !canDecode(this.#root, value)) return;
    if (!isThere) this.saved[name] = (this.saved[name] ?? 0) + 1;
    putRaw(database, key, value);
  }
}

/** Removes records of which a part is lost, so that no part is taken for the whole. Returns a sentence for each. */
async function leaveOut(journal: LmdbJournal, isLost: (database: string) => boolean): Promise<string[]> {
  const incomplete: string[] = [];
  const removed: JournalChange[] = [];
  const versions = new Set<string>();
  const texts = new Set<string>();
  const tasks = new Set<string>();
  const workflows = new Set<string>();
  const named = new Set<string>();
  const keyOf = (...parts: readonly (string | number)[]) => JSON.stringify(parts);
  for (const record of journal.read()) {
    if (record.kind === 'version') versions.add(keyOf(record.tenant, record.id, record.version));
    if (record.kind === 'text') texts.add(keyOf(record.tenant, record.id, record.which));
  }
  for (const record of journal.read()) {
    const { tenant, value } = record;
    if (value === undefined) continue;
    const leave = (why?: string) => {
      removed.push({ ...record, value: undefined } as JournalChange);
      if (why !== undefined) incomplete.push(`${tenant}: ${why}`);
    };
    switch (record.kind) {
      case 'workflow': {
        const { version } = record.value as { version: number };
        if (versions.has(keyOf(tenant, record.id, version))) workflows.add(tenantKey(tenant, record.id));
        else {
          leave(`workflow ${record.id}: its current version ${version} is lost`);
          named.add(tenantKey(tenant, record.id));
        }
        break;
      }
      case 'version': {
        const key = tenantKey(tenant, record.id);
        if (workflows.has(key)) break;
        leave(named.has(key) ? undefined : `workflow ${record.id}: its record is lost`);
        named.add(key);
        break;
      }
      case 'task': {
        const { status } = record.value as { status: Parameters<typeof isOpen>[0] };
        const needed = isOpen(status) || status === 'dead' ? 'payload' : status === 'done' ? 'result' : undefined;
        if (needed === undefined || !isLost('texts') || texts.has(keyOf(tenant, record.id, needed))) {
          tasks.add(tenantKey(tenant, record.id));
        } else leave(`task ${record.id}: its ${needed} is lost`);
        break;
      }
      case 'text':
      case 'progress':
        if (!tasks.has(tenantKey(tenant, record.id))) leave();
        break;
      case 'dedupe':
        if (!tasks.has(tenantKey(tenant, (record.value as { taskId: string }).taskId))) leave();
        break;
      case 'event':
        // A reader of the feed could not see a gap in it. The new journal has a new epoch, so all readers begin anew.
        if (isLost('events')) leave();
        break;
      case 'outcome':
      case 'queue':
      case 'board':
    }
  }
  for (let i = 0; i < removed.length; i += MAX_CHANGES) await journal.write(removed.slice(i, i + MAX_CHANGES));
  return incomplete;
}
