import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import type { Board } from '../../board.js';
import { StoreFullError } from '../../errors.js';
import type { ProgressEvent } from '../../task-queues.js';
import { DirectoryLock } from '../directory/directory-lock.js';
import { checkJournalFile, checkJournalFileInTurns } from '../journal-file/check-journal-file.js';
import { markContent } from '../journal-file/content-marker.js';
import type { JournalLayout } from '../journal-file/journal-walk.js';
import { openSealed, putSealed } from '../journal-file/seal.js';
import { ensureFormat, sealRows } from '../journal-file/seal-rows.js';
import { versionReader, workflowReader } from './row-readers.js';
import { withParts } from './with-parts.js';
import { newEpoch, sizeOf, type Journal, type JournalChange } from './journal.js';
import {
  eventOf,
  eventRow,
  taskOf,
  taskRow,
  versionOf,
  versionRow,
  workflowOf,
  workflowRow,
  type EventRow,
  type TaskRow,
  type VersionRow,
  type WorkflowRow,
} from './journal-rows.js';
import { typedKept, type KeptOutcome, type UntypedKept } from '../commits/outcomes.js';
import { isDiskFull } from '../directory/disk-space.js';
import type { Dedupe } from '../tasks/task-collection.js';

export const FILE = 'waymark.mdb';
/** Key of the mark that says where the state was moved to. */
const MOVED = 'moved';
/** Share of the check in the time of a start; reading takes the rest. */
const CHECKED_SHARE = 0.15;
const RECORDS_PER_REPORT = 1000;
/** Bytes of the pages that lmdb rewrites for one small record. */
const OVERHEAD_BYTES = 256 * 1024;

type Databases = ReturnType<typeof openDatabases>;

type WorkflowKey = [tenant: string, id: string];
type VersionKey = [tenant: string, id: string, version: number];

/** Keys are lists, which lmdb encodes without collisions, whatever the names contain. */
export function openDatabases(root: RootDatabase<unknown, never>) {
  return {
    workflows: openSealed<WorkflowRow, WorkflowKey>(root, 'workflows'),
    versions: openSealed<VersionRow, VersionKey>(root, 'versions'),
    outcomes: openSealed<
      Omit<KeptOutcome, 'outcome'> & { readonly outcome: KeptOutcome['outcome'] | UntypedKept },
      [tenant: string, key: string]
    >(root, 'outcomes'),
    tasks: openSealed<TaskRow, [tenant: string, id: string]>(root, 'tasks'),
    texts: openSealed<Uint8Array, [tenant: string, id: string, which: 'payload' | 'result']>(root, 'texts'),
    progress: openSealed<ProgressEvent, [tenant: string, id: string, event: number]>(root, 'progress'),
    dedupes: openSealed<Dedupe, [tenant: string, key: string]>(root, 'dedupes'),
    events: openSealed<EventRow, [tenant: string, number: number]>(root, 'events'),
    queues: openSealed<{ readonly isPaused: boolean }, [tenant: string, name: string]>(root, 'queues'),
    boards: openSealed<Board, [tenant: string, name: string]>(root, 'boards'),
    service: openSealed<unknown, string>(root, 'service'),
  };
}

export const LAYOUT: JournalLayout = {
  databases: [
    'workflows',
    'versions',
    'outcomes',
    'tasks',
    'texts',
    'progress',
    'dedupes',
    'events',
    'queues',
    'boards',
  ],
  service: 'service',
  format: 3,
  unsealedFormat: 2,
  remedy:
    'Restore a copy of the directory, or save what is whole into a new one: waymark repair --from <directory> --to <new directory>',
};

/**
 * One record per workflow, version, task and so on. lmdb writes to free pages, flushes them and only then switches its root, so a
 * crash in between leaves the previous state. Pages that are no longer referenced are reused: overwriting does not let the
 * file grow, and there is no log to compact.
 */
export class LmdbJournal implements Journal {
  readonly #databases: Databases;
  #lastError: unknown;

  private constructor(
    private readonly path: string,
    private readonly root: RootDatabase<unknown, never>,
    private readonly lock: DirectoryLock,
    readonly epoch: string,
    private readonly progress: (share: number) => void,
  ) {
    this.#databases = openDatabases(root);
  }

  /**
   * `progress` is told how much of the data is checked and read, from 0 to 1.
   * @throws DirectoryInUseError when another service has the directory
   */
  static async open(directory: string, progress: (share: number) => void = () => undefined): Promise<LmdbJournal> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, FILE);
    const isChecked = await checkJournalFileInTurns(path, LAYOUT, (share) => progress(share * CHECKED_SHARE));
    // lmdb would create files that all users can read; it keeps the mode of existing ones.
    for (const file of [path, `${path}-lock`]) closeSync(openSync(file, 'a', 0o600));
    const root = open<unknown, never>({
      path,
      noSubdir: true,
      maxDbs: 16,
      // A commit whose flush fails must leave nothing behind.
      overlappingSync: false,
      // If this is true, a failed commit also rejects a promise that no caller can reach. Node would end the process.
      eventTurnBatching: false,
    });
    let lock: DirectoryLock | undefined;
    try {
      const service = openSealed<unknown, string>(root, 'service');
      lock = await DirectoryLock.take(service, directory);
      if (!isChecked) checkJournalFile(path, LAYOUT);
      await ensureFormat(service, lock, LAYOUT, directory);
      checkNotMoved(service, directory);
      const journal = new LmdbJournal(path, root, lock, await epochIn(service, lock), progress);
      await sealRows(root, service, lock, LAYOUT);
      markContent(path);
      return journal;
    } catch (error) {
      await lock?.release();
      await root.close();
      throw error;
    }
  }

  get isLost(): boolean {
    return this.lock.isLost;
  }

  proven(): Promise<void> | undefined {
    return this.lock.proven();
  }

  *read(): Iterable<JournalChange> {
    const { service: _service, ...databases } = this.#databases;
    const total = Object.values(databases).reduce((sum, database) => sum + rowsIn(database), 0);
    let read = 0;
    for (const record of this.#records()) {
      yield record;
      if (++read % RECORDS_PER_REPORT === 0) this.progress(CHECKED_SHARE + ((1 - CHECKED_SHARE) * read) / total);
    }
  }

  *#records(): Iterable<JournalChange> {
    const { outcomes, tasks, texts, progress, dedupes, events, queues, boards } = this.#databases;
    const workflows = openSealed<WorkflowRow, WorkflowKey>(this.root, 'workflows', workflowReader());
    const versions = openSealed<VersionRow, VersionKey>(this.root, 'versions', versionReader());
    for (const row of withParts(workflows.getRange(), versions.getRange())) {
      const { key } = row;
      const [tenant, id] = key;
      if (row.is === 'whole') yield { kind: 'workflow', tenant, id, value: workflowOf(id, row.value) };
      else yield { kind: 'version', tenant, id, version: row.key[2], value: versionOf(row.key[2], row.value) };
    }
    for (const { key, value } of outcomes.getRange()) {
      const outcome = typedKept(value.outcome);
      yield { kind: 'outcome', tenant: key[0], key: key[1], value: { ...value, outcome } };
    }
    for (const row of withParts(tasks.getRange(), texts.getRange())) {
      const { key } = row;
      const [tenant, id] = key;
      if (row.is === 'whole') yield { kind: 'task', tenant, id, value: taskOf(id, row.value) };
      else yield { kind: 'text', tenant, id, which: row.key[2], value: row.value };
    }
    for (const { key, value } of progress.getRange()) {
      yield { kind: 'progress', tenant: key[0], id: key[1], event: key[2], value };
    }
    for (const { key, value } of dedupes.getRange()) {
      yield { kind: 'dedupe', tenant: key[0], key: key[1], value };
    }
    for (const { key, value } of events.getRange()) {
      yield { kind: 'event', tenant: key[0], number: key[1], value: eventOf(value) };
    }
    for (const { key, value } of queues.getRange()) {
      yield { kind: 'queue', tenant: key[0], name: key[1], value };
    }
    for (const { key, value } of boards.getRange()) {
      yield { kind: 'board', tenant: key[0], name: key[1], value };
    }
  }

  async write(changes: readonly JournalChange[]): Promise<void> {
    try {
      await this.lock.write(() => {
        for (const change of changes) this.#apply(change);
      });
      this.#lastError = undefined;
    } catch (error) {
      const bytes = changes.reduce((total, change) => total + 2 * sizeOf(change), OVERHEAD_BYTES);
      this.#lastError = (await isDiskFull(this.path, bytes)) ? new StoreFullError({ cause: error }) : error;
      throw this.#lastError;
    }
  }

  async markMoved(to: string): Promise<void> {
    const mark: MovedMark = { to, at: new Date().toISOString() };
    await this.lock.write(() => putSealed(this.#databases.service, MOVED, mark));
  }

  warnings(): readonly string[] {
    const lost = this.isLost ? ['Another service has taken over DATA_DIR: stop this one'] : [];
    const full = this.#lastError instanceof StoreFullError;
    const warning = full ? 'The disk of DATA_DIR is full: writes are refused' : 'The last write to DATA_DIR failed';
    return this.#lastError === undefined ? lost : [...lost, warning];
  }

  async close(): Promise<void> {
    try {
      await this.lock.release();
    } finally {
      await this.root.close();
    }
  }

  #apply(change: JournalChange): void {
    const databases = this.#databases;
    const { tenant } = change;
    switch (change.kind) {
      case 'workflow':
        return put(databases.workflows, [tenant, change.id], change.value && workflowRow(change.value));
      case 'version':
        return put(databases.versions, [tenant, change.id, change.version], change.value && versionRow(change.value));
      case 'outcome':
        return put(databases.outcomes, [tenant, change.key], change.value);
      case 'task':
        return put(databases.tasks, [tenant, change.id], change.value && taskRow(change.value));
      case 'text':
        return put(databases.texts, [tenant, change.id, change.which], change.value);
      case 'progress':
        return put(databases.progress, [tenant, change.id, change.event], change.value);
      case 'dedupe':
        return put(databases.dedupes, [tenant, change.key], change.value);
      case 'event':
        return put(databases.events, [tenant, change.number], change.value && eventRow(change.value));
      case 'queue':
        return put(databases.queues, [tenant, change.name], change.value);
      case 'board':
        return put(databases.boards, [tenant, change.name], change.value);
    }
  }
}

function rowsIn(database: Pick<Database, 'getStats'>): number {
  return (database.getStats() as { readonly entryCount: number }).entryCount;
}

interface MovedMark {
  readonly to: string;
  readonly at: string;
}

/** @throws Error */
function checkNotMoved(service: Database<unknown, string>, directory: string): void {
  const mark = service.get(MOVED) as MovedMark | undefined;
  if (mark === undefined) return;
  throw new Error(
    `${directory} was moved to ${mark.to} on ${mark.at}, so its state is outdated. Start with REDIS_URL set to that Redis, or with another DATA_DIR. To serve the outdated state anyway: waymark migrate --from ${directory} --to <new directory>`,
  );
}

/** The epoch is stored beside the events. */
async function epochIn(service: Database<unknown, string>, lock: DirectoryLock): Promise<string> {
  const known = service.get('epoch');
  if (typeof known === 'string') return known;
  const epoch = newEpoch();
  await lock.write(() => putSealed(service, 'epoch', epoch));
  return epoch;
}

/** Called inside a transaction. */
function put<K extends [string, ...(string | number)[]], V>(
  database: Database<V, K>,
  key: K,
  value: V | undefined,
): void {
  if (value === undefined) database.removeSync(key);
  else putSealed(database, key, value);
}
