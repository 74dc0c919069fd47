import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { sizeOfRecord, type Arrived } from '../../moving/arrival.js';
import type { RecordKind, Moved, MovedQueue, MovedTask, MovedVersion, MovedWorkflow } from '../../moving/moved.js';
import { Moving, type Stamped, type StampPage } from '../../moving/moving.js';
import { taskStamp, workflowStamp } from '../../moving/stamp.js';
import type { ProgressEvent } from '../../task-queues.js';
import { systemClock } from '../../clock.js';
import { checkJournalFile } from '../directory/check-journal-file.js';
import {
  taskOf,
  versionOf,
  workflowOf,
  type TaskRow,
  type VersionRow,
  type WorkflowRow,
} from '../journal/journal-rows.js';
import { FILE, FORMAT } from '../journal/lmdb-journal.js';

const STAMPS_PER_PAGE = 1000;
/** Sorts behind every string in lmdb's order of keys. */
const LAST = '\uffff';

type Texts = 'payload' | 'result';

/** Reads a data directory, also while a service uses it: unflushed writes are not acknowledged, so nothing is missed. */
export class DirectoryMoving extends Moving {
  readonly #root: RootDatabase<unknown, never>;
  readonly #workflows: Database<WorkflowRow, [string, string]>;
  readonly #versions: Database<VersionRow, [string, string, number]>;
  readonly #tasks: Database<TaskRow, [string, string]>;
  readonly #texts: Database<Uint8Array, [string, string, Texts]>;
  readonly #progress: Database<ProgressEvent, [string, string, number]>;
  readonly #queues: Database<{ readonly isPaused: boolean }, [string, string]>;

  private constructor(root: RootDatabase<unknown, never>) {
    super();
    this.#root = root;
    this.#workflows = root.openDB({ name: 'workflows' });
    this.#versions = root.openDB({ name: 'versions' });
    this.#tasks = root.openDB({ name: 'tasks' });
    this.#texts = root.openDB({ name: 'texts' });
    this.#progress = root.openDB({ name: 'progress' });
    this.#queues = root.openDB({ name: 'queues' });
  }

  /** @throws Error */
  static open(directory: string): DirectoryMoving {
    const path = join(directory, FILE);
    if (!existsSync(path)) throw new Error(`${directory} is not a data directory: it has no ${FILE}`);
    checkJournalFile(path);
    const root = open<unknown, never>({ path, noSubdir: true, maxDbs: 16, readOnly: true });
    const format = root.openDB<unknown, string>({ name: 'service' }).get('format');
    if (format === FORMAT) return new DirectoryMoving(root);
    void root.close();
    throw new Error(`${directory} holds data of format ${String(format)}; this version reads format ${FORMAT} only`);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  async listTenants(): Promise<readonly string[]> {
    const tenants = new Set(['default']);
    for (const database of [this.#workflows, this.#tasks, this.#queues] as readonly Database<
      unknown,
      [string, string]
    >[]) {
      // Jumps from each tenant to the next, however many records a tenant has.
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
    for (const { key, value } of this.#workflows.getRange({ start: [tenant, after ?? ''], end: [tenant, LAST] })) {
      const [, id] = key;
      if (id === after) continue;
      if (examined++ === limit) return { items, next: last };
      last = id;
      const meta = workflowOf(id, value);
      if (meta.deadlineMs !== null && meta.deadlineMs <= systemClock()) continue;
      let bytes = 0;
      let versions = 0;
      for (const { value: row } of this.#versions.getRange(rangeOf(tenant, id))) {
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
      const range = { start: [tenant, after ?? ''], end: [tenant, LAST], limit: STAMPS_PER_PAGE } as const;
      for (const { key } of this.#tasks.getRange({ ...range, start: [...range.start], end: [...range.end] })) {
        last = key[1];
        const record = key[1] === after ? undefined : this.#task(tenant, key[1]);
        if (record !== undefined) page.push({ id: key[1], stamp: taskStamp(record), bytes: sizeOfRecord(record) });
      }
      yield page;
      if (last === undefined || last === after) return;
      after = last;
    }
  }

  async listQueues(tenant: string): Promise<readonly MovedQueue[]> {
    const queues = new Map<string, MovedQueue>();
    for (const { value } of this.#tasks.getRange({ start: [tenant, ''], end: [tenant, LAST] })) {
      const [name] = value as unknown as [string];
      queues.set(name, { kind: 'queue', id: name, isPaused: false });
    }
    for (const { key, value } of this.#queues.getRange({ start: [tenant, ''], end: [tenant, LAST] })) {
      queues.set(key[1], { kind: 'queue', id: key[1], isPaused: value.isPaused });
    }
    return [...queues.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  async read(tenant: string, kind: RecordKind, ids: readonly string[]): Promise<(Moved | undefined)[]> {
    switch (kind) {
      case 'workflow':
        return ids.map((id) => this.#workflow(tenant, id));
      case 'task':
        return ids.map((id) => this.#task(tenant, id));
      case 'queue': {
        const queues = new Map((await this.listQueues(tenant)).map((queue) => [queue.id, queue]));
        return ids.map((id) => queues.get(id));
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
    const row = this.#workflows.get([tenant, id]);
    if (row === undefined) return undefined;
    const meta = workflowOf(id, row);
    if (meta.deadlineMs !== null && meta.deadlineMs <= systemClock()) return undefined;
    const versions = [...this.#versions.getRange(rangeOf(tenant, id))].map(({ key, value }): MovedVersion => {
      const { state, ...version } = versionOf(key[2], value);
      return { ...version, state: Buffer.from(state).toString('utf8') };
    });
    const [current, ...history] = versions.toSorted((a, b) => b.version - a.version);
    if (current?.version !== meta.version) {
      throw new Error(`The journal is damaged: workflow ${id} has no record of its version ${meta.version}`);
    }
    return { kind: 'workflow', ...meta, about: current.about, state: current.state, history };
  }

  #task(tenant: string, id: string): MovedTask | undefined {
    const row = this.#tasks.get([tenant, id]);
    if (row === undefined) return undefined;
    const task = taskOf(id, row);
    if (task.keptUntilMs !== null && task.keptUntilMs <= systemClock()) return undefined;
    const text = (which: Texts) => {
      const bytes = this.#texts.get([tenant, id, which]);
      return bytes === undefined ? null : Buffer.from(bytes).toString('utf8');
    };
    const payload = text('payload');
    const events = [...this.#progress.getRange(rangeOf(tenant, id))].map(({ value }) => value);
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
