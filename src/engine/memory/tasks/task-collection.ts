import { SortedSet } from '../sorted-set.js';
import type { TextStore } from '../journal/text-store.js';
import type { ProgressEvent } from '../../task-queues.js';
import { Queue } from './queue.js';
import { holdsWorkflow, textsOfTask, type TaskEntry } from './task-entry.js';

/** The task that a dedupe key names, while the key is kept. */
export interface Dedupe {
  readonly taskId: string;
  readonly untilMs: number;
}

interface OfWorkflow {
  readonly ids: Set<string>;
  open: number;
}

/** Tasks and queues of one tenant. Only `replace` changes tasks, so the indexes agree. */
export class TaskCollection {
  /** Done and cancelled tasks, by the end of their retention. */
  readonly ended = new SortedSet();
  /** Ended tasks with progress events, by the time of their end. */
  readonly endedWithProgress = new SortedSet();
  /** Dedupe keys, by the end of their retention. */
  readonly dedupesByEnd = new SortedSet();
  readonly #entries = new Map<string, TaskEntry>();
  readonly #queues = new Map<string, Queue>();
  readonly #queueNames = new SortedSet();
  /** Names of all queues, by the time of their next sweep. What makes a queue due earlier moves it; the sweep sets it anew. */
  readonly #queuesByTime = new SortedSet();
  readonly #ofWorkflow = new Map<string, OfWorkflow>();
  readonly #dedupes = new Map<string, Dedupe>();
  readonly #progress = new Map<string, readonly ProgressEvent[]>();

  constructor(private readonly texts: TextStore) {}

  get queues(): ReadonlyMap<string, Queue> {
    return this.#queues;
  }

  /** Names of queues that start with `prefix`, sorted; only those after `after`. */
  *queueNames(prefix = '', after = ''): Generator<string> {
    const isBefore = after < prefix;
    for (const { id } of this.#queueNames.ascending({ score: 0, id: isBefore ? prefix : after }, isBefore)) {
      if (!id.startsWith(prefix)) return;
      yield id;
    }
  }

  get(id: string): TaskEntry | undefined {
    return this.#entries.get(id);
  }

  /** The task, unless it is past its retention and not swept yet. */
  find(id: string, now: number): TaskEntry | undefined {
    const entry = this.#entries.get(id);
    return (entry?.keptUntilMs ?? Infinity) > now ? entry : undefined;
  }

  ids(): string[] {
    return [...this.#entries.keys()];
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#queues.size === 0 && this.#dedupes.size === 0;
  }

  /** Some ids, up to a limit. */
  someIds(limit: number): string[] {
    const ids: string[] = [];
    for (const id of this.#entries.keys()) {
      if (ids.length === limit) break;
      ids.push(id);
    }
    return ids;
  }

  queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (queue === undefined) this.setQueue(name, (queue = new Queue()));
    return queue;
  }

  /** Undefined removes; the queue must have no tasks. */
  setQueue(name: string, queue: Queue | undefined): void {
    this.#queueNames.move(name, this.#queues.has(name) ? 0 : undefined, queue && 0);
    this.sweepQueueAt(name, undefined);
    if (queue === undefined) this.#queues.delete(name);
    else this.#queues.set(name, queue);
    this.sweepQueueAt(name, -Infinity);
  }

  /** Names of queues that are due, up to a limit. */
  dueQueues(now: number, limit: number): readonly string[] {
    return this.#queuesByTime.upTo(now, limit);
  }

  /** Time at which the first queue is due. */
  get queuesDueMs(): number {
    return this.#queuesByTime.firstScore;
  }

  /** Sets the time of the next sweep of a queue. Undefined: never. */
  sweepQueueAt(name: string, ms: number | undefined): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    this.#queuesByTime.move(name, queue.sweepAtMs, ms);
    queue.sweepAtMs = ms;
  }

  replace(id: string, old: TaskEntry | undefined, next: TaskEntry | undefined): void {
    if (next === undefined) this.#entries.delete(id);
    else this.#entries.set(id, next);
    // Retain before releasing: a text in both entries must not be released in between.
    for (const text of textsOfTask(next)) this.texts.retain(text);
    for (const text of textsOfTask(old)) this.texts.release(text);
    if (old !== undefined && old.queue !== next?.queue) this.queue(old.queue).move(id, old, undefined);
    if (next !== undefined) {
      const queue = this.queue(next.queue);
      queue.move(id, old?.queue === next.queue ? old : undefined, next);
      const dueMs = dueOf(next);
      if (dueMs < (queue.sweepAtMs ?? Infinity)) this.sweepQueueAt(next.queue, dueMs);
    }
    this.ended.move(id, keptUntilEnd(old), keptUntilEnd(next));
    if (this.#progress.has(id)) this.endedWithProgress.move(id, endOf(old), endOf(next));
    if (old !== undefined) this.#link(old, -1, next?.workflowId !== old.workflowId);
    if (next !== undefined) this.#link(next, 1, false);
  }

  openOf(workflowId: string): number {
    return this.#ofWorkflow.get(workflowId)?.open ?? 0;
  }

  idsOf(workflowId: string): Iterable<string> {
    return this.#ofWorkflow.get(workflowId)?.ids ?? [];
  }

  dedupe(key: string): Dedupe | undefined {
    return this.#dedupes.get(key);
  }

  /** Undefined removes. */
  setDedupe(key: string, next: Dedupe | undefined): void {
    this.dedupesByEnd.move(key, this.#dedupes.get(key)?.untilMs, next?.untilMs);
    if (next === undefined) this.#dedupes.delete(key);
    else this.#dedupes.set(key, next);
  }

  progressOf(id: string): readonly ProgressEvent[] {
    return this.#progress.get(id) ?? [];
  }

  /** The caller must not change the list afterwards. Undefined removes. */
  setProgress(id: string, events: readonly ProgressEvent[] | undefined): void {
    const end = endOf(this.#entries.get(id));
    const has = events !== undefined && events.length > 0;
    this.endedWithProgress.move(id, this.#progress.has(id) ? end : undefined, has ? end : undefined);
    if (has) this.#progress.set(id, events);
    else this.#progress.delete(id);
  }

  #link(entry: TaskEntry, by: 1 | -1, isGone: boolean): void {
    const { id, workflowId } = entry;
    if (workflowId === null) return;
    let link = this.#ofWorkflow.get(workflowId);
    if (link === undefined) this.#ofWorkflow.set(workflowId, (link = { ids: new Set(), open: 0 }));
    if (holdsWorkflow(entry)) link.open += by;
    if (by === 1) link.ids.add(id);
    else if (isGone) link.ids.delete(id);
    if (link.ids.size === 0) this.#ofWorkflow.delete(workflowId);
  }
}

/** Time from which on a sweep has something to do for the task. Dead tasks may be too many. */
function dueOf({ status, expiresAtMs, isTimed, dueAtMs, leaseEndsAtMs, endedAtMs }: TaskEntry): number {
  switch (status) {
    case 'ready':
      return expiresAtMs;
    case 'delayed':
      return Math.min(dueAtMs ?? Infinity, isTimed ? expiresAtMs : Infinity);
    case 'leased':
      return leaseEndsAtMs ?? Infinity;
    case 'dead':
      return endedAtMs ?? Infinity;
    default:
      return Infinity;
  }
}

function endOf(entry: TaskEntry | undefined): number | undefined {
  return entry?.endedAtMs ?? undefined;
}

/** Dead tasks are not in this set; the sweep of their queue removes them. */
function keptUntilEnd(entry: TaskEntry | undefined): number | undefined {
  return entry?.status === 'dead' ? undefined : (entry?.keptUntilMs ?? undefined);
}
