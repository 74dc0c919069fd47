import type { Enqueued } from '../../commit.js';
import type { TaskOptions } from '../../engine.js';
import {
  LeaseLostError,
  QueueFullError,
  TaskCancelledError,
  TaskEndedError,
  TaskNotFoundError,
  TooManyTasksError,
  type FailedPart,
} from '../../errors.js';
import {
  begunTask,
  bytesOf,
  isOpen,
  type Claim,
  type ClaimedTask,
  type NewTask,
  type Pace,
  type TaskStep,
} from '../../task.js';
import type { Lent } from '../../kept.js';
import type { QueueTotal } from '../../records/queue-fields.js';
import type { DeadSelection, ReplayOptions } from '../../task-queues.js';
import type { Scored, SortedSet } from '../sorted-set.js';
import type { TextStore } from '../journal/text-store.js';
import type { Transaction } from '../commits/transaction.js';
import type { MemoryBuckets } from '../buckets.js';
import type { Queue } from './queue.js';
import { bytesIn, claimedOf, entryOf, isLeasedUnder, isLeaseOver, type TaskEntry } from './task-entry.js';
import {
  MAX_CANCELLED,
  MAX_FAILURES,
  MAX_PRIORITY,
  MAX_PROGRESS_EVENTS,
  MAX_RELEASES,
  MAX_TIDIED,
  PAGE_BYTES,
  PLACES_PER_PRIORITY,
} from '../../limits.js';

/** Fields of a task without a lease. */
const AT_REST = {
  token: null,
  leaseEndsAtMs: null,
  heldLeaseMs: null,
  startedAtMs: null,
  dueAtMs: null,
  readyAtMs: null,
} as const;

/** Steps of tasks, as changes of a transaction. Only `demand…` methods and `step` may refuse. */
export class TaskWork {
  readonly #now: number;

  constructor(
    private readonly transaction: Transaction,
    private readonly options: TaskOptions,
    private readonly texts: TextStore,
  ) {
    this.#now = transaction.now;
  }

  /** @throws TaskNotFoundError @throws TaskCancelledError @throws LeaseLostError */
  demandLease(id: string, token: string, failed?: FailedPart): TaskEntry {
    const entry = this.#find(id);
    if (entry === undefined) throw new TaskNotFoundError(id, failed);
    if (entry.status === 'cancelled') throw new TaskCancelledError(id, failed);
    if (entry.token === null || entry.token !== token || !isOpen(entry.status)) throw new LeaseLostError(id, failed);
    return entry;
  }

  /** @throws QueueFullError; the task that the commit finishes does not count. An empty queue takes a task of any size. */
  demandCapacity(tasks: readonly NewTask[], finished: TaskEntry | undefined): void {
    const { maxOpen, maxBytes } = this.options;
    const loads = new Map<string, { tasks: number; bytes: number }>();
    const seen = new Set<string>();
    tasks.forEach((task, index) => {
      const names = [`id ${task.id}`, ...(task.dedupe === undefined ? [] : [`key ${task.dedupe.key}`])];
      const isNew = names.every((name) => !seen.has(name));
      for (const name of names) seen.add(name);
      if (!isNew || this.#existing(task) !== undefined) return;
      const load = loads.get(task.queue) ?? this.#loadOf(task.queue, finished);
      loads.set(task.queue, load);
      load.tasks++;
      load.bytes += bytesOf(task);
      const failed = { part: 'enqueue', index } as const;
      if (load.tasks > maxOpen) throw new QueueFullError(task.queue, maxOpen, 'tasks', failed);
      if (load.tasks > 1 && load.bytes > maxBytes) throw new QueueFullError(task.queue, maxBytes, 'bytes', failed);
    });
  }

  /** @throws TooManyTasksError */
  demandCancellable(workflowId: string): void {
    if (this.#tasks.openOf(workflowId) > MAX_CANCELLED) throw new TooManyTasksError(workflowId, MAX_CANCELLED);
  }

  enqueue(task: NewTask): { entry: TaskEntry; isDuplicate: Enqueued['isDuplicate'] } {
    const existing = this.#existing(task);
    if (existing !== undefined) return { entry: existing, isDuplicate: true };
    const { id, queue, priority, dedupe } = task;
    if (!this.#tasks.queues.has(queue)) this.transaction.pause(queue, false);
    const now = this.#now;
    const begun = entryOf(begunTask(task, now), this.texts.add(task.payload), undefined, 0);
    const place = begun.status === 'delayed' ? 0 : this.#nextPlace(queue, priority);
    if (dedupe !== undefined) {
      this.transaction.setDedupe(dedupe.key, { taskId: id, untilMs: now + dedupe.keepMs });
    }
    this.#count(queue, 'enqueued');
    // An earlier task with this id may have left events.
    this.transaction.setProgress(id, undefined);
    return { entry: this.#replace('task.enqueued', { ...begun, place }), isDuplicate: false };
  }

  /** Handles due tasks and expired leases of a queue, up to a bound. */
  tidy(queue: string): void {
    const sets = this.#tasks.queue(queue);
    for (const id of sets.delayed.upTo(this.#now, MAX_TIDIED)) this.#makeReady(this.#get(id));
    for (const id of sets.leased.upTo(this.#now, MAX_TIDIED)) this.#expireLease(this.#get(id));
  }

  /** Ends the leases of these tasks that are over. */
  endLeases(ids: readonly string[]): void {
    for (const id of ids) {
      const entry = this.#find(id);
      if (entry !== undefined && isLeaseOver(entry, this.#now)) this.#expireLease(entry);
    }
  }

  claim({ queue, worker, leaseMs, tokens, pace }: Claim, buckets: MemoryBuckets): ClaimedTask[] {
    const sets = this.#tasks.queues.get(queue);
    // A claim does not create a queue.
    if (sets === undefined) return [];
    sets.noteWorker(worker, this.#now);
    this.tidy(queue);
    if (sets.isPaused) return [];
    const claimed: ClaimedTask[] = [];
    let bytes = 0;
    const most = pace === undefined ? tokens.length : Math.min(tokens.length, this.#take(buckets, pace, 0));
    for (let looked = 0; claimed.length < most && looked < most + MAX_TIDIED; looked++) {
      const first = sets.ready.first;
      if (first === undefined) break;
      const entry = this.#get(first.id);
      if (entry.expiresAtMs <= this.#now) {
        this.#die(entry, 'EXPIRED');
        continue;
      }
      bytes += entry.payload?.length ?? 0;
      if (claimed.length > 0 && bytes > PAGE_BYTES) break;
      claimed.push(claimedOf(this.#lease(entry, worker, tokens[claimed.length] as string, leaseMs)));
    }
    if (pace !== undefined && claimed.length > 0) this.#take(buckets, pace, claimed.length);
    return claimed;
  }

  /** The claimed tasks that are still leased under their token; see `again` in claim-tasks.lua. */
  redeliver(lent: readonly Lent[]): ClaimedTask[] {
    return lent.flatMap(([id, token]) => {
      const entry = this.#tasks.get(id);
      if (!isLeasedUnder(entry, token)) return [];
      const next = { ...entry, redeliveries: entry.redeliveries + 1, commit: this.transaction.number };
      this.transaction.replaceTask(id, next);
      return [claimedOf(next)];
    });
  }

  /** Returns the tokens that are left. */
  #take(buckets: MemoryBuckets, pace: Pace, count: number): number {
    const { tenant, now } = this.transaction;
    const [taken] = buckets.take(tenant, [{ ...pace, want: count, least: count }], now);
    return taken?.left ?? 0;
  }

  finish(entry: TaskEntry, result: string): void {
    this.#count(entry.queue, 'completed');
    this.#replace('task.done', {
      ...entry,
      ...AT_REST,
      status: 'done',
      payload: undefined,
      result: this.texts.add(result),
      endedAtMs: this.#now,
      keptUntilMs: this.#endOfKeeping(entry),
    });
  }

  /** @throws what `TaskQueues.step` throws */
  step(step: TaskStep): { entry: TaskEntry; eventId?: string } {
    if (step.kind === 'cancel') return { entry: this.#cancelOrAsk(step) };
    const entry = this.demandLease(step.id, step.token);
    switch (step.kind) {
      case 'extend':
        return { entry: this.#extend(entry, step.leaseMs) };
      case 'progress':
        return this.#progress(entry, step.event);
      case 'release':
        if (step.redeliveries !== undefined && step.redeliveries !== entry.redeliveries)
          throw new LeaseLostError(step.id);
        return { entry: this.#release(entry) };
      case 'fail':
        return { entry: this.#fail(entry, step) };
    }
  }

  cancelAllOf(workflowId: string): void {
    for (const id of this.#tasks.idsOf(workflowId)) {
      const entry = this.#get(id);
      if (isOpen(entry.status)) this.#cancel(entry, 'WORKFLOW_CANCELLED');
    }
  }

  replayDead(queue: string, which: DeadSelection, { resetAttempts, spreadMs }: ReplayOptions): string[] {
    const ids = this.#dead(queue, which);
    ids.forEach((id, i) => {
      const entry = this.#get(id);
      const dueAtMs = this.#now + Math.floor((spreadMs * i) / ids.length);
      const next: TaskEntry = {
        ...entry,
        ...AT_REST,
        attempt: resetAttempts ? 0 : Math.min(entry.attempt, entry.maxAttempts - 1),
        releases: 0,
        replays: entry.replays + 1,
        reason: null,
        endedAtMs: null,
        keptUntilMs: null,
        // The task gets its whole waiting time again, since the first one may be over.
        expiresAtMs: Math.max(entry.expiresAtMs, dueAtMs + (entry.expiresAtMs - entry.createdAtMs)),
      };
      this.transaction.setProgress(id, undefined);
      if (dueAtMs > this.#now) this.#replace('task.replayed', { ...next, status: 'delayed', dueAtMs });
      else this.#makeReady(next, 'task.replayed');
    });
    return ids;
  }

  purgeDead(queue: string, which: DeadSelection): string[] {
    const ids = this.#dead(queue, which);
    for (const id of ids) this.#remove(id);
    return ids;
  }

  /** Handles due tasks of a queue without a claim; true when there may be more. */
  sweepQueue(name: string, limit: number): boolean {
    const sets = this.#tasks.queue(name);
    this.tidy(name);
    const expired = sets.expiring.upTo(this.#now, limit);
    for (const id of expired) this.#die(this.#get(id), 'EXPIRED');
    const overdue = this.#endOverdueHeads(sets.ready, limit);
    const old = sets.dead.upTo(this.#now - this.options.deadMs, limit);
    for (const id of old) this.#remove(id);
    const trimmed = this.#trimDead(sets, limit);
    return Math.max(expired.length + overdue, old.length, trimmed) >= limit || sets.delayed.firstScore <= this.#now;
  }

  /** Removes the oldest dead tasks beyond the limits of a queue. Returns their number. */
  #trimDead(queue: Queue, limit: number): number {
    let removed = 0;
    for (; removed < limit && queue.hasTooManyDead(this.options); removed++) {
      this.#remove((queue.dead.first as Scored).id);
    }
    return removed;
  }

  /** Ends overdue tasks. Looks only at the first tasks of each priority, which are the oldest. Returns their number. */
  #endOverdueHeads(ready: SortedSet, limit: number): number {
    let ended = 0;
    for (let priority = 0; priority <= MAX_PRIORITY; priority++) {
      while (ended < limit) {
        const head = headOf(ready, priority);
        const entry = head === undefined ? undefined : this.#get(head);
        if (entry === undefined || entry.expiresAtMs > this.#now) break;
        this.#die(entry, 'EXPIRED');
        ended++;
      }
    }
    return ended;
  }

  /** Removes ended tasks, their progress, and dedupe keys past their retention; true when there may be more. */
  sweepEnded(limit: number): boolean {
    const tasks = this.#tasks;
    const gone = tasks.ended.upTo(this.#now, limit);
    for (const id of gone) this.#remove(id);
    const over = tasks.endedWithProgress.upTo(this.#now - this.options.progressMs, limit);
    for (const id of over) this.transaction.setProgress(id, undefined);
    const keys = tasks.dedupesByEnd.upTo(this.#now, limit);
    for (const key of keys) this.transaction.setDedupe(key, undefined);
    return Math.max(gone.length, over.length, keys.length) >= limit;
  }

  get #tasks() {
    return this.transaction.data.tasks;
  }

  #find(id: string): TaskEntry | undefined {
    return this.#tasks.find(id, this.#now);
  }

  #get(id: string): TaskEntry {
    return this.#tasks.get(id) as TaskEntry;
  }

  /** Existing task with the same id, or with the same kept dedupe key. */
  #existing({ id, dedupe }: NewTask): TaskEntry | undefined {
    const known = this.#find(id);
    if (known !== undefined || dedupe === undefined) return known;
    const earlier = this.#tasks.dedupe(dedupe.key);
    return earlier !== undefined && earlier.untilMs > this.#now ? this.#find(earlier.taskId) : undefined;
  }

  /** Open tasks of a queue and their bytes, without the task `finished`. */
  #loadOf(name: string, finished: TaskEntry | undefined): { tasks: number; bytes: number } {
    const { open: tasks, bytes } = this.#tasks.queues.get(name) ?? { open: 0, bytes: 0 };
    return finished?.queue === name ? { tasks: tasks - 1, bytes: bytes - bytesIn(finished) } : { tasks, bytes };
  }

  #nextPlace(queue: string, priority: number): number {
    return priority * PLACES_PER_PRIORITY + ++this.#tasks.queue(queue).sequence;
  }

  #count(queue: string, total: QueueTotal): void {
    this.#tasks.queue(queue).count(total, this.#now);
  }

  #replace(event: string, next: TaskEntry): TaskEntry {
    const { transaction } = this;
    const entry = { ...next, commit: transaction.number };
    transaction.replaceTask(entry.id, entry);
    transaction.announce(event, {
      id: entry.id,
      queue: entry.queue,
      ...(entry.workflowId !== null && { workflow: entry.workflowId }),
    });
    if (entry.status === 'ready' || entry.status === 'delayed') transaction.tell(`queue ${entry.queue}`);
    if (entry.workflowId !== null) this.updateHold(entry.workflowId);
    return entry;
  }

  #remove(id: string): void {
    this.transaction.setProgress(id, undefined);
    this.transaction.replaceTask(id, undefined);
  }

  /** The task joins the end of its priority: a retry or a delayed task does not overtake others. */
  #makeReady(entry: TaskEntry, event = 'task.ready'): void {
    const place = this.#nextPlace(entry.queue, entry.priority);
    this.#replace(event, { ...entry, status: 'ready', dueAtMs: null, readyAtMs: this.#now, place });
  }

  /** The delivery counts as an attempt. Its token stays valid until the task is claimed again. */
  #expireLease(entry: TaskEntry): TaskEntry {
    if (entry.cancelRequested) return this.#cancel(entry, entry.reason);
    if (entry.attempt >= entry.maxAttempts) return this.#die(entry, 'LEASE_EXPIRED');
    return this.#replace('task.lease-expired', {
      ...entry,
      status: 'ready',
      leaseEndsAtMs: null,
      readyAtMs: this.#now,
    });
  }

  #lease(entry: TaskEntry, worker: string, token: string, leaseMs: number | undefined): TaskEntry {
    this.#count(entry.queue, 'claimed');
    return this.#replace('task.claimed', {
      ...entry,
      status: 'leased',
      attempt: entry.attempt + 1,
      worker,
      token,
      startedAtMs: this.#now,
      readyAtMs: null,
      heldLeaseMs: leaseMs ?? entry.leaseMs,
      redeliveries: 0,
      leaseEndsAtMs: this.#leaseEnd(this.#now, leaseMs ?? entry.leaseMs, entry.limitMs),
    });
  }

  #leaseEnd(startedAtMs: number, leaseMs: number, limitMs: number | null): number {
    const end = this.#now + leaseMs;
    return limitMs === null ? end : Math.min(end, startedAtMs + limitMs);
  }

  /** Extends an expired lease too, if the task was not claimed again. */
  #extend(entry: TaskEntry, leaseMs: number | undefined): TaskEntry {
    const started = entry.startedAtMs ?? this.#now;
    const heldLeaseMs = leaseMs ?? entry.heldLeaseMs ?? entry.leaseMs;
    const leaseEndsAtMs = this.#leaseEnd(started, heldLeaseMs, entry.limitMs);
    const next: TaskEntry = {
      ...entry,
      status: 'leased',
      readyAtMs: null,
      heldLeaseMs,
      leaseEndsAtMs,
      commit: this.transaction.number,
    };
    this.transaction.replaceTask(entry.id, next);
    return next;
  }

  #progress(entry: TaskEntry, event: string): { entry: TaskEntry; eventId: string } {
    const id = entry.progress + 1;
    const events = [...this.#tasks.progressOf(entry.id), { id, atMs: this.#now, event }];
    this.transaction.setProgress(entry.id, events.slice(-MAX_PROGRESS_EVENTS));
    return { entry: this.#extend({ ...entry, progress: id }, undefined), eventId: String(id) };
  }

  #release(entry: TaskEntry): TaskEntry {
    if (entry.cancelRequested) return this.#cancel(entry, entry.reason);
    const isSpent = entry.releases >= MAX_RELEASES;
    if (isSpent && entry.attempt >= entry.maxAttempts) return this.#die(entry, 'RELEASED_TOO_OFTEN');
    return this.#replace('task.released', {
      ...entry,
      ...AT_REST,
      status: 'ready',
      attempt: isSpent ? entry.attempt : entry.attempt - 1,
      releases: entry.releases + 1,
      readyAtMs: this.#now,
    });
  }

  #fail(entry: TaskEntry, step: Extract<TaskStep, { kind: 'fail' }>): TaskEntry {
    const { error, isRetryable, retryAfterMs, jitter } = step;
    const failure = { ...error, attempt: entry.attempt, atMs: this.#now };
    const failed = { ...entry, failures: [...entry.failures, failure].slice(-MAX_FAILURES) };
    if (entry.cancelRequested) return this.#cancel(failed, entry.reason);
    if (!isRetryable || entry.attempt >= entry.maxAttempts) return this.#die(failed, error.code);
    const backoff = entry.backoffMs[Math.min(entry.attempt, entry.backoffMs.length) - 1] ?? 0;
    const dueAtMs = this.#now + (retryAfterMs ?? Math.floor(backoff * jitter));
    this.#count(entry.queue, 'retried');
    return this.#replace('task.delayed', { ...failed, ...AT_REST, status: 'delayed', dueAtMs });
  }

  #die(entry: TaskEntry, reason: string): TaskEntry {
    this.#count(entry.queue, 'died');
    return this.#replace('task.dead', {
      ...entry,
      ...AT_REST,
      status: 'dead',
      reason,
      endedAtMs: this.#now,
      keptUntilMs: this.#now + this.options.deadMs,
    });
  }

  #cancelOrAsk({ id, reason, isForced }: Extract<TaskStep, { kind: 'cancel' }>): TaskEntry {
    const entry = this.#find(id);
    if (entry === undefined) throw new TaskNotFoundError(id);
    if (!isOpen(entry.status)) throw new TaskEndedError(id, entry.status);
    if (entry.status !== 'leased' || isForced) return this.#cancel(entry, reason || null);
    return this.#replace('task.cancel-requested', { ...entry, cancelRequested: true, reason: reason || null });
  }

  #cancel(entry: TaskEntry, reason: string | null): TaskEntry {
    this.#count(entry.queue, 'cancelled');
    return this.#replace('task.cancelled', {
      ...entry,
      ...AT_REST,
      status: 'cancelled',
      cancelRequested: true,
      payload: undefined,
      reason,
      endedAtMs: this.#now,
      keptUntilMs: this.#endOfKeeping(entry),
    });
  }

  #dead(queue: string, which: DeadSelection): string[] {
    const dead = this.#tasks.queues.get(queue)?.dead;
    if (dead === undefined) return [];
    if ('max' in which) return dead.upTo(Infinity, which.max).filter((id) => this.#find(id) !== undefined);
    return [...new Set(which.ids)].filter((id) => {
      const entry = this.#find(id);
      return entry?.status === 'dead' && entry.queue === queue;
    });
  }

  /** A task is kept as long as its dedupe key, so that a duplicate enqueue can answer with it. */
  #endOfKeeping({ dedupedUntilMs }: TaskEntry): number {
    return Math.max(this.#now + this.options.resultMs, dedupedUntilMs ?? 0);
  }

  /** A workflow with open tasks has no deadline. When the last one ends, the time to live starts again. */
  updateHold(id: string): void {
    const workflow = this.transaction.data.workflows.get(id);
    if (workflow === undefined || workflow.ttlMs === null) return;
    const isHeld = this.#tasks.openOf(id) > 0;
    if (isHeld === (workflow.deadlineMs === null)) return;
    // Expired, not swept yet: a new task does not revive the workflow.
    if (workflow.deadlineMs !== null && workflow.deadlineMs <= this.#now) return;
    const deadlineMs = isHeld ? null : this.#now + workflow.ttlMs;
    this.transaction.replaceWorkflow(id, { ...workflow, deadlineMs, isTouched: true, commit: this.transaction.number });
  }
}

/** The first ready task of each priority that has one. */
export function* headsOf(ready: SortedSet): Generator<string> {
  for (let priority = 0; priority <= MAX_PRIORITY && ready.size > 0; priority++) {
    const head = headOf(ready, priority);
    if (head !== undefined) yield head;
  }
}

/** The first ready task of a priority. */
function headOf(ready: SortedSet, priority: number): string | undefined {
  const from = priority * PLACES_PER_PRIORITY;
  const [first] = ready.ascending({ score: from, id: '' });
  return first !== undefined && first.score < from + PLACES_PER_PRIORITY ? first.id : undefined;
}
