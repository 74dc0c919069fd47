import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { sizeOfRecord, type Arrived } from '../../moving/arrival.js';
import { readEach } from '../../moving/damaged.js';
import type {
  Damaged,
  RecordKind,
  Moved,
  MovedBoard,
  MovedQueue,
  MovedTask,
  MovedWorkflow,
} from '../../moving/moved.js';
import { Moving, type Stamped, type StampPage } from '../../moving/moving.js';
import { taskStamp, workflowStamp } from '../../moving/stamp.js';
import { withState } from '../../records/workflow-meta.js';
import { shownBoard } from '../../board.js';
import { movedBoardOf } from '../../moving/moved-board.js';
import { systemClock } from '../../clock.js';
import { checkJournalFile } from '../journal-file/check-journal-file.js';
import { openSealed } from '../journal-file/seal.js';
import { taskOf, versionOf, workflowOf } from '../journal/journal-rows.js';
import { FILE, LAYOUT, openDatabases } from '../journal/lmdb-journal.js';

const STAMPS_PER_PAGE = 1000;
/** Sorts after every string in lmdb's order of keys. */
const LAST = '\uffff';

/** Reads a data directory, also while a service uses it. Acknowledged writes are flushed, so none is missed. */
export class DirectoryMoving extends Moving {
  readonly #databases: ReturnType<typeof openDatabases>;

  private constructor(private readonly root: RootDatabase<unknown, never>) {
    super();
    this.#databases = openDatabases(root);
  }

  /** @throws Error */
  static open(directory: string): DirectoryMoving {
    const path = join(directory, FILE);
    if (!existsSync(path)) throw new Error(`${directory} is not a data directory: it has no ${FILE}`);
    const isChecked = checkJournalFile(path, LAYOUT);
    const root = open<unknown, never>({ path, noSubdir: true, maxDbs: 16, readOnly: true });
    if (!isChecked) {
      const pin = root.useReadTransaction();
      try {
        checkJournalFile(path, LAYOUT, true);
      } catch (error) {
        void root.close();
        throw error;
      } finally {
        pin.done();
      }
    }
    const format = openSealed<unknown, string>(root, 'service').get('format');
    if (format === LAYOUT.format || format === LAYOUT.unsealedFormat) return new DirectoryMoving(root);
    void root.close();
    throw new Error(
      `${directory} holds data of format ${String(format)}; this version reads format ${LAYOUT.format} only`,
    );
  }

  async close(): Promise<void> {
    await this.root.close();
  }

  async listTenants(): Promise<readonly string[]> {
    const tenants = new Set(['default']);
    const { workflows, tasks, queues, boards } = this.#databases;
    for (const database of [workflows, tasks, queues, boards] as readonly Database<unknown, [string, string]>[]) {
      // One lookup per tenant, however many records a tenant has.
      let start: [string, string] | undefined;
      for (;;) {
        const [key] = [...database.getKeys({ limit: 1, ...(start && { start }) })];
        if (key === undefined) break;
        tenants.add(key[0]);
        start = [key[0], LAST];
      }
    }
    return [...tenants].toSorted();
  }

  async now(): Promise<number> {
    return systemClock();
  }

  async listWorkflows(tenant: string, after: string | undefined, limit: number): Promise<StampPage> {
    const items: Stamped[] = [];
    let last: string | undefined;
    let examined = 0;
    for (const { key, value } of this.#databases.workflows.getRange({
      start: [tenant, after ?? ''],
      end: [tenant, LAST],
    })) {
      const [, id] = key;
      if (id === after) continue;
      if (examined++ === limit) return { items, next: last };
      last = id;
      const meta = workflowOf(id, value);
      if (meta.deadlineMs !== null && meta.deadlineMs <= systemClock()) continue;
      let bytes = 0;
      let versions = 0;
      for (const { value: row } of this.#databases.versions.getRange(rangeOf(tenant, id))) {
        versions++;
        bytes += (row.at(-1) as Uint8Array).length;
      }
      items.push({ id, stamp: workflowStamp(meta, versions - 1), bytes });
    }
    return { items, next: undefined };
  }

  async *listTasks(tenant: string): AsyncGenerator<readonly Stamped[]> {
    let after: string | undefined;
    for (;;) {
      const page: Stamped[] = [];
      let last: string | undefined;
      const range = { start: [tenant, after ?? ''], end: [tenant, LAST], limit: STAMPS_PER_PAGE };
      for (const { key } of this.#databases.tasks.getRange(range)) {
        const [, id] = key;
        last = id;
        const record = id === after ? undefined : this.#task(tenant, id);
        if (record !== undefined) page.push({ id, stamp: taskStamp(record), bytes: sizeOfRecord(record) });
      }
      yield page;
      if (last === undefined || last === after) return;
      after = last;
    }
  }

  async listQueues(tenant: string): Promise<readonly MovedQueue[]> {
    const queues = new Map<string, MovedQueue>();
    for (const { value } of this.#databases.tasks.getRange({ start: [tenant, ''], end: [tenant, LAST] })) {
      const [name] = value as unknown as [string];
      queues.set(name, { kind: 'queue', id: name, isPaused: false });
    }
    for (const { key, value } of this.#databases.queues.getRange({ start: [tenant, ''], end: [tenant, LAST] })) {
      queues.set(key[1], { kind: 'queue', id: key[1], isPaused: value.isPaused });
    }
    return [...queues.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  async listBoards(tenant: string): Promise<readonly MovedBoard[]> {
    const rows = this.#databases.boards.getRange({ start: [tenant, ''], end: [tenant, LAST] });
    return [...rows].flatMap(({ key, value }) => movedBoardOf(key[1], shownBoard(value, systemClock())) ?? []);
  }

  read(tenant: string, kind: RecordKind, ids: readonly string[]): Promise<(Moved | Damaged | undefined)[]> {
    return readEach(kind, ids, (some) => this.#read(tenant, kind, some));
  }

  async #read(tenant: string, kind: RecordKind, ids: readonly string[]): Promise<(Moved | undefined)[]> {
    switch (kind) {
      case 'workflow':
        return ids.map((id) => this.#workflow(tenant, id));
      case 'task':
        return ids.map((id) => this.#task(tenant, id));
      case 'queue': {
        const rows = ids.map((id) => this.#databases.queues.get([tenant, id]));
        // A queue of imported tasks has no row of its own.
        const known = rows.every((row) => row !== undefined) ? [] : await this.listQueues(tenant);
        const others = new Map(known.map((queue) => [queue.id, queue]));
        return ids.map((id, i) => {
          const row = rows[i];
          return row === undefined ? others.get(id) : { kind, id, isPaused: row.isPaused };
        });
      }
      case 'board': {
        const boards = new Map((await this.listBoards(tenant)).map((board) => [board.id, board]));
        return ids.map((id) => boards.get(id));
      }
    }
  }

  async put(): Promise<Arrived> {
    throw new Error('The data directory is open read-only');
  }

  async remove(): Promise<boolean> {
    throw new Error('The data directory is open read-only');
  }

  #workflow(tenant: string, id: string): MovedWorkflow | undefined {
    const row = this.#databases.workflows.get([tenant, id]);
    if (row === undefined) return undefined;
    const meta = workflowOf(id, row);
    if (meta.deadlineMs !== null && meta.deadlineMs <= systemClock()) return undefined;
    const versions = [...this.#databases.versions.getRange(rangeOf(tenant, id))].map(({ key, value }) => {
      const version = versionOf(key[2], value);
      return withState(version, Buffer.from(version.state).toString('utf8'));
    });
    const [current, ...history] = versions.toSorted((a, b) => b.version - a.version);
    if (current?.version !== meta.version) {
      throw new Error(`The journal is damaged: workflow ${id} has no record of its version ${meta.version}`);
    }
    return { kind: 'workflow', ...meta, about: current.about, state: current.state, history };
  }

  #task(tenant: string, id: string): MovedTask | undefined {
    const row = this.#databases.tasks.get([tenant, id]);
    if (row === undefined) return undefined;
    const task = taskOf(id, row);
    if (task.keptUntilMs !== null && task.keptUntilMs <= systemClock()) return undefined;
    const text = (which: 'payload' | 'result') => {
      const bytes = this.#databases.texts.get([tenant, id, which]);
      return bytes === undefined ? null : Buffer.from(bytes).toString('utf8');
    };
    const payload = text('payload');
    const events = [...this.#databases.progress.getRange(rangeOf(tenant, id))].map(({ value }) => value);
    return {
      kind: 'task',
      ...task,
      headers: payload === null ? '{}' : task.headers,
      payload,
      result: text('result'),
      events,
    };
  }
}

function rangeOf(tenant: string, id: string): { start: [string, string, number]; end: [string, string, number] } {
  return { start: [tenant, id, 0], end: [tenant, id, Number.MAX_SAFE_INTEGER] };
}
