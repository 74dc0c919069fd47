import type { EngineOptions } from '../../engine.js';
import { shownBoard } from '../../board.js';
import {
  decideBoard,
  decideQueue,
  decideTask,
  decideWorkflow,
  isWritten,
  type Arrived,
  type ArrivalOptions,
} from '../../moving/arrival.js';
import type {
  RecordKind,
  Moved,
  MovedBoard,
  MovedQueue,
  MovedTask,
  MovedWorkflow,
  RemovableKind,
} from '../../moving/moved.js';
import { Moving, type Stamped, type StampPage } from '../../moving/moving.js';
import { taskByClock, workflowByClock } from '../../moving/other-clock.js';
import { coreOf, taskStamp, workflowStamp } from '../../moving/stamp.js';
import { isOpen, sequenceOf } from '../../task.js';
import type { Profiles } from '../../profile.js';
import { NO_HISTORY, type Entry } from '../workflows/entry.js';
import type { MemoryCore } from '../memory-core.js';
import { movedBoardOf } from '../../moving/moved-board.js';
import { movedTask, movedWorkflow } from './moved-records.js';
import type { TaskCollection } from '../tasks/task-collection.js';
import { entryOf, type TaskEntry } from '../tasks/task-entry.js';
import { TaskWork } from '../tasks/task-work.js';
import type { TenantData } from '../tenant-data.js';
import type { Transaction } from '../commits/transaction.js';
import { pickMeta, versionFields, withState } from '../../records/workflow-meta.js';

const STAMPS_PER_PAGE = 1000;

/** Moves records from and to the maps; each `put` and `remove` is one transaction. */
export class MemoryMoving extends Moving {
  constructor(
    private readonly core: MemoryCore,
    private readonly options: EngineOptions,
    private readonly profiles: Profiles,
    /** Records are read with the time that they have left, for a store whose clock is ahead by this. */
    private readonly aheadMs = 0,
  ) {
    super();
  }

  /** The same records, for a store with another clock. Only for reading. */
  byClockAhead(aheadMs: number): MemoryMoving {
    return new MemoryMoving(this.core, this.options, this.profiles, aheadMs);
  }

  async listTenants(): Promise<readonly string[]> {
    return [...new Set(['default', ...[...this.core.tenants].map(([name]) => name)])].toSorted();
  }

  async now(): Promise<number> {
    return this.core.clock();
  }

  listWorkflows(tenant: string, after: string | undefined, limit: number): Promise<StampPage> {
    return this.core.read(tenant, ({ workflows }) => {
      const items: Stamped[] = [];
      const now = this.core.clock();
      let last: string | undefined;
      let examined = 0;
      for (const { id } of workflows.ids.ascending(after === undefined ? undefined : { score: 0, id: after })) {
        if (examined++ === limit) return { items, next: last };
        last = id;
        const entry = workflows.find(id, now);
        if (entry !== undefined) items.push(stampedWorkflow(workflowByClock(entry, this.aheadMs)));
      }
      return { items, next: undefined };
    });
  }

  async *listTasks(tenant: string): AsyncGenerator<readonly Stamped[]> {
    // The ids are read only once, since a task that is added later need not be listed.
    const ids = await this.core.read(tenant, ({ tasks }) => tasks.ids());
    for (let at = 0; at < ids.length; at += STAMPS_PER_PAGE) {
      const some = ids.slice(at, at + STAMPS_PER_PAGE);
      yield await this.core.read(tenant, (data) =>
        some.flatMap((id) => {
          const entry = data.tasks.find(id, this.core.clock());
          return entry === undefined ? [] : [stampedTask(taskByClock(entry, this.aheadMs), data)];
        }),
      );
    }
  }

  async listQueues(tenant: string): Promise<readonly MovedQueue[]> {
    const queues: MovedQueue[] = [];
    for (let count = STAMPS_PER_PAGE; count === STAMPS_PER_PAGE;) {
      const page = await this.core.read(tenant, ({ tasks }) => this.#queuePage(tasks, queues.at(-1)?.id));
      count = page.length;
      queues.push(...page);
    }
    return queues;
  }

  listBoards(tenant: string): Promise<readonly MovedBoard[]> {
    return this.core.read(tenant, (data) =>
      [...data.boards.keys()].toSorted().flatMap((id) => this.#board(data, id) ?? []),
    );
  }

  async read(tenant: string, kind: RecordKind, ids: readonly string[]): Promise<(Moved | undefined)[]> {
    if (kind !== 'workflow') return this.core.read(tenant, (data) => ids.map((id) => this.#record(data, kind, id)));
    const entries = await this.core.read(tenant, ({ workflows }) => {
      const now = this.core.clock();
      return ids.map((id) => workflows.find(id, now));
    });
    const records: (Moved | undefined)[] = [];
    for (const entry of entries) records.push(entry && (await movedWorkflow(workflowByClock(entry, this.aheadMs))));
    return records;
  }

  put(tenant: string, record: Moved, options: ArrivalOptions): Promise<Arrived> {
    return this.core.change(tenant, (transaction): Arrived => {
      switch (record.kind) {
        case 'workflow':
          return this.#putWorkflow(tenant, transaction, record, options);
        case 'task':
          return this.#putTask(transaction, record, options);
        case 'queue':
          return putQueue(transaction, record, options);
        case 'board':
          return this.#putBoard(transaction, record, options);
      }
    });
  }

  remove(tenant: string, kind: RemovableKind, id: string, stamp: string): Promise<boolean> {
    return this.core.change(tenant, (transaction) => {
      const { data, now } = transaction;
      if (kind === 'task') {
        const entry = data.tasks.find(id, now);
        if (entry === undefined || taskStamp(entry) !== stamp) return false;
        transaction.setProgress(id, undefined);
        transaction.replaceTask(id, undefined);
        return true;
      }
      const entry = data.workflows.find(id, now);
      if (entry === undefined || coreOf(stampedWorkflow(entry).stamp) !== coreOf(stamp)) return false;
      transaction.replaceWorkflow(id, undefined);
      transaction.announce('workflow.deleted', { id, ...versionFields(entry) });
      return true;
    });
  }

  #record(data: TenantData, kind: Exclude<RecordKind, 'workflow'>, id: string): Moved | undefined {
    const now = this.core.clock();
    switch (kind) {
      case 'task': {
        const entry = data.tasks.find(id, now);
        if (entry === undefined) return undefined;
        const isOver = entry.endedAtMs !== null && entry.endedAtMs + this.options.tasks.progressMs <= now;
        return movedTask(taskByClock(entry, this.aheadMs), isOver ? [] : data.tasks.progressOf(id));
      }
      case 'queue': {
        const queue = data.tasks.queues.get(id);
        return queue && { kind, id, isPaused: queue.isPaused };
      }
      case 'board':
        return this.#board(data, id);
    }
  }

  #queuePage(tasks: TaskCollection, after: string | undefined): MovedQueue[] {
    const page: MovedQueue[] = [];
    for (const id of tasks.queueNames('', after)) {
      if (page.length === STAMPS_PER_PAGE) break;
      page.push({ kind: 'queue', id, isPaused: tasks.queue(id).isPaused });
    }
    return page;
  }

  #board({ boards }: TenantData, id: string): MovedBoard | undefined {
    const board = boards.get(id);
    return board && movedBoardOf(id, shownBoard(board, this.core.clock()));
  }

  #putBoard(transaction: Transaction, record: MovedBoard, options: ArrivalOptions): Arrived {
    const { counts, notices, entries, id } = record;
    const arrived = decideBoard(record, this.#board(transaction.data, id), options);
    if (!isWritten(arrived) || options.isDryRun === true) return arrived;
    transaction.setBoard(id, { counts, notices, entries });
    transaction.tell(`board ${id}`);
    return arrived;
  }

  #putWorkflow(tenant: string, transaction: Transaction, record: MovedWorkflow, options: ArrivalOptions): Arrived {
    const { data, now, number } = transaction;
    const { id } = record;
    const old = data.workflows.find(id, now);
    const arrived = decideWorkflow(record, old && { ...old, stamp: stampedWorkflow(old).stamp }, options, now);
    if (!isWritten(arrived) || options.isDryRun === true) return arrived;
    const { texts } = this.core.tenants;
    const { ttlMs, about, state, history } = record;
    transaction.replaceWorkflow(id, {
      ...pickMeta(record),
      ttlMs,
      about,
      state: texts.add(state),
      index: this.profiles.of(tenant).index.ofState(state),
      isTouched: false,
      commit: number,
      history: history.length === 0 ? NO_HISTORY : history.map((one) => withState(one, texts.add(one.state))),
    });
    const type = arrived === 'created' ? 'workflow.created' : 'workflow.updated';
    transaction.announce(type, { id, ...versionFields(record) });
    return arrived;
  }

  #putTask(transaction: Transaction, record: MovedTask, options: ArrivalOptions): Arrived {
    const { data, now, number } = transaction;
    const { id, queue, workflowId, dedupeKey, dedupedUntilMs } = record;
    const arrived = decideTask(record, data.tasks.find(id, now), options, now);
    if (!isWritten(arrived) || options.isDryRun === true) return arrived;
    const { texts } = this.core.tenants;
    const { payload, result, events } = record;
    const textOf = (text: string | null) => (text === null ? undefined : texts.add(text));
    transaction.replaceTask(id, entryOf(record, textOf(payload), textOf(result), number));
    transaction.setProgress(id, events.length === 0 ? undefined : events);
    if (dedupeKey !== null && dedupedUntilMs !== null && dedupedUntilMs > now) {
      const earlier = data.tasks.dedupe(dedupeKey);
      const isTaken =
        earlier !== undefined && earlier.untilMs > now && data.tasks.find(earlier.taskId, now) !== undefined;
      if (!isTaken) transaction.setDedupe(dedupeKey, { taskId: id, untilMs: dedupedUntilMs });
    }
    const sets = data.tasks.queue(queue);
    sets.sequence = Math.max(sets.sequence, sequenceOf(record.place));
    transaction.announce('task.imported', { id, queue, ...(workflowId !== null && { workflow: workflowId }) });
    transaction.tell(`queue ${queue}`);
    if (isOpen(record.status) && workflowId !== null) {
      new TaskWork(transaction, this.options.tasks, texts).updateHold(workflowId);
    }
    return arrived;
  }
}

function putQueue(transaction: Transaction, { id, isPaused }: MovedQueue, options: ArrivalOptions): Arrived {
  const known = transaction.data.tasks.queues.get(id);
  const arrived = decideQueue(isPaused, known?.isPaused, options);
  if (!isWritten(arrived) || options.isDryRun === true) return arrived;
  transaction.pause(id, isPaused);
  transaction.tell(`queue ${id}`);
  return arrived;
}

function stampedWorkflow(entry: Entry): Stamped {
  const bytes = entry.history.reduce((sum, { state }) => sum + state.length, entry.state.length);
  return { id: entry.id, stamp: workflowStamp(entry, entry.history.length), bytes };
}

function stampedTask(entry: TaskEntry, { tasks }: TenantData): Stamped {
  const texts = (entry.payload?.length ?? 0) + (entry.result?.length ?? 0);
  const bytes = tasks.progressOf(entry.id).reduce((sum, { event }) => sum + event.length, texts);
  return { id: entry.id, stamp: taskStamp(entry), bytes };
}
