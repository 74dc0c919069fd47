import type { Board } from '../../board.js';
import type { ProgressEvent } from '../../task-queues.js';
import type { Topic } from '../../engine.js';
import type { Entry } from '../workflows/entry.js';
import type { FeedEntry } from '../feed/memory-feed.js';
import { changesOf, type JournalChange } from '../journal/journal.js';
import type { KeptOutcome } from './outcomes.js';
import type { Dedupe } from '../tasks/task-collection.js';
import type { TaskEntry } from '../tasks/task-entry.js';
import type { Queue } from '../tasks/queue.js';
import { progressChangesOf, taskChangesOf } from '../tasks/task-changes.js';
import type { TenantData } from '../tenant-data.js';
import type { WorkflowIndex } from '../../workflow-index.js';

export type Touched = 'workflow' | 'task' | 'queue' | 'outcome';

/** Place of a commit among those of the engine. */
interface TransactionPlace {
  readonly number: number;
  /** Number of the last commit that is flushed or undone. */
  readonly lastFinished: number;
  /** Indexed fields of the workflows of the tenant. */
  readonly index: WorkflowIndex;
}

/**
 * The changes of one commit. Each is applied to memory at once and recorded for the journal.
 * If the journal fails, all are undone. No method refuses: callers check first.
 */
export class Transaction {
  // Values before the first change; undefined means absent.
  readonly #workflows = new Map<string, Entry | undefined>();
  readonly #tasks = new Map<string, TaskEntry | undefined>();
  readonly #outcomes = new Map<string, KeptOutcome | undefined>();
  readonly #dedupes = new Map<string, Dedupe | undefined>();
  readonly #progress = new Map<string, readonly ProgressEvent[]>();
  readonly #paused = new Map<string, boolean>();
  readonly #queues = new Map<string, Queue>();
  readonly #boards = new Map<string, Board | undefined>();
  readonly #topics = new Set<Topic>();
  readonly #events: FeedEntry[] = [];
  /** Numbers of feed events trimmed by this commit. */
  readonly #dropped: number[] = [];
  /** Number of this commit among those of the engine. */
  readonly number: number;
  readonly #lastFinished: number;
  readonly #index: WorkflowIndex;

  constructor(
    readonly tenant: string,
    readonly data: TenantData,
    readonly now: number,
    { number, lastFinished, index }: TransactionPlace,
  ) {
    this.number = number;
    this.#lastFinished = lastFinished;
    this.#index = index;
  }

  get topics(): ReadonlySet<Topic> {
    return this.#topics;
  }

  /** Notifies listeners of the topic when the commit is flushed. */
  tell(topic: Topic): void {
    this.#topics.add(topic);
  }

  /** Adds an event to the feed and returns its id. */
  announce(type: string, fields: Readonly<Record<string, string>>): string {
    const entry = this.data.feed.add(this.now, this.number, type, fields);
    this.#events.push(entry);
    this.tell('feed');
    this.trimFeed();
    return entry.event.id;
  }

  trimFeed(): void {
    this.#dropped.push(...this.data.feed.trim(this.now, this.#lastFinished));
  }

  replaceWorkflow(id: string, next: Entry | undefined): void {
    const old = this.data.workflows.get(id);
    if (!this.#workflows.has(id)) this.#workflows.set(id, old);
    this.data.workflows.replace(id, old, next);
    this.tell(`workflow ${id}`);
  }

  replaceTask(id: string, next: TaskEntry | undefined): void {
    const old = this.data.tasks.get(id);
    if (!this.#tasks.has(id)) this.#tasks.set(id, old);
    this.data.tasks.replace(id, old, next);
    this.tell(`task ${id}`);
  }

  setOutcome(key: string, next: KeptOutcome | undefined): void {
    if (!this.#outcomes.has(key)) this.#outcomes.set(key, this.data.outcomes.get(key));
    this.data.outcomes.set(key, next);
  }

  setDedupe(key: string, next: Dedupe | undefined): void {
    if (!this.#dedupes.has(key)) this.#dedupes.set(key, this.data.tasks.dedupe(key));
    this.data.tasks.setDedupe(key, next);
  }

  setProgress(id: string, next: readonly ProgressEvent[] | undefined): void {
    if (!this.#progress.has(id)) this.#progress.set(id, this.data.tasks.progressOf(id));
    this.data.tasks.setProgress(id, next);
  }

  pause(queue: string, isPaused: boolean): void {
    const { isPaused: before } = this.data.tasks.queue(queue);
    if (!this.#paused.has(queue)) this.#paused.set(queue, before);
    const changed = this.data.tasks.queue(queue);
    changed.isPaused = isPaused;
    changed.seenAtMs = this.now;
  }

  /** Removes a queue without tasks, with its totals. */
  removeQueue(name: string, queue: Queue): void {
    this.#queues.set(name, queue);
    this.#paused.set(name, queue.isPaused);
    this.data.tasks.setQueue(name, undefined);
  }

  /** Undefined removes the board. */
  setBoard(name: string, next: Board | undefined): void {
    const { boards } = this.data;
    if (!this.#boards.has(name)) this.#boards.set(name, boards.get(name));
    if (next === undefined) boards.delete(name);
    else boards.set(name, next);
  }

  /** Removes the oldest events of the feed, the newest one too. */
  eraseFeed(limit: number): number {
    const dropped = this.data.feed.erase(limit, this.#lastFinished);
    this.#dropped.push(...dropped);
    return dropped.length;
  }

  /** Kind and id of all changed records. Progress counts as its task; the id of an outcome is its key. */
  *touched(): Generator<readonly [Touched, string]> {
    for (const id of this.#workflows.keys()) yield ['workflow', id];
    for (const id of this.#tasks.keys()) yield ['task', id];
    for (const id of this.#progress.keys()) yield ['task', id];
    for (const name of this.#paused.keys()) yield ['queue', name];
    for (const key of this.#outcomes.keys()) yield ['outcome', key];
  }

  undo(): void {
    const { workflows, tasks, outcomes, boards } = this.data;
    for (const [name, queue] of this.#queues) tasks.setQueue(name, queue);
    for (const [id, before] of this.#workflows) workflows.replace(id, workflows.get(id), before);
    for (const [id, before] of this.#tasks) tasks.replace(id, tasks.get(id), before);
    for (const [key, before] of this.#outcomes) outcomes.set(key, before);
    for (const [key, before] of this.#dedupes) tasks.setDedupe(key, before);
    for (const [id, before] of this.#progress) tasks.setProgress(id, before);
    for (const [queue, before] of this.#paused) tasks.queue(queue).isPaused = before;
    for (const [name, before] of this.#boards) {
      if (before === undefined) boards.delete(name);
      else boards.set(name, before);
    }
    this.data.feed.undo(this.#events);
    this.data.feed.requeueDropped(this.#dropped);
  }

  /** The records to write to the journal. */
  changes(): JournalChange[] {
    const { tenant } = this;
    const { workflows, tasks, outcomes, boards } = this.data;
    const changes: JournalChange[] = [];
    for (const [id, before] of this.#workflows)
      changes.push(...changesOf(tenant, id, before, workflows.get(id), this.#index));
    for (const [id, before] of this.#tasks) changes.push(...taskChangesOf(tenant, before, tasks.get(id), id));
    for (const [key, before] of this.#outcomes) {
      const value = outcomes.get(key);
      if ((value ?? before)?.isLasting === true) changes.push({ kind: 'outcome', tenant, key, value });
    }
    for (const key of this.#dedupes.keys()) {
      changes.push({ kind: 'dedupe', tenant, key, value: tasks.dedupe(key) });
    }
    for (const [id, before] of this.#progress)
      changes.push(...progressChangesOf(tenant, id, before, tasks.progressOf(id)));
    for (const queue of this.#paused.keys()) {
      const current = tasks.queues.get(queue);
      changes.push({ kind: 'queue', tenant, name: queue, value: current && { isPaused: current.isPaused } });
    }
    for (const name of this.#boards.keys()) changes.push({ kind: 'board', tenant, name, value: boards.get(name) });
    for (const { number, event } of this.#events) changes.push({ kind: 'event', tenant, number, value: event });
    for (const number of this.#dropped) changes.push({ kind: 'event', tenant, number, value: undefined });
    return changes;
  }
}
