import type { Once } from '../../commit.js';
import { readAfterLeases, type Seen } from '../../ended-leases.js';
import type { EngineObserver, TaskOptions } from '../../engine.js';
import type { Kept, Lent } from '../../kept.js';
import { isOpen, type Claim, type ClaimedTask, type TaskDetail, type TaskRecord, type TaskStep } from '../../task.js';
import { openFirst } from '../../task-order.js';
import {
  queueIdleMs,
  TaskQueues,
  type Chosen,
  type Claimed,
  type DeadSelection,
  type Progress,
  type QueuePage,
  type QueueQuery,
  type QueueRecord,
  type ReplayOptions,
  type Stepped,
} from '../../task-queues.js';
import { observed, type MemoryCore } from '../memory-core.js';
import type { Transaction } from '../commits/transaction.js';
import type { TenantData } from '../tenant-data.js';
import { Queue } from './queue.js';
import type { TaskCollection } from './task-collection.js';
import { detailOf, isLeaseOver, type TaskEntry } from './task-entry.js';
import { recordOf } from '../../records/task-fields.js';
import { headsOf, TaskWork } from './task-work.js';
import { MAX_LEASED_SHOWN, MAX_TIDIED, PAGE_BYTES } from '../../limits.js';

/** More queues in one sweep would delay requests. */
const MAX_QUEUES_SWEPT = 100;

/** Tasks in maps; each method is one transaction. */
export class MemoryTasks extends TaskQueues {
  constructor(
    private readonly core: MemoryCore,
    private readonly options: TaskOptions,
    private readonly observer: EngineObserver,
  ) {
    super();
  }

  async claim(tenant: string, claim: Claim, key: string): Promise<Claimed> {
    return observed(this.observer, 'claim', () =>
      this.core.change<Claimed>(tenant, (transaction) => {
        const { data, now } = transaction;
        const work = this.work(transaction);
        const known = data.outcomes.find(key, '', now);
        let tasks = known?.is === 'claim' ? work.redeliver(known.lent) : [];
        if (tasks.length === 0) {
          tasks = work.claim(claim, this.core.buckets);
          this.#keepClaim(transaction, key, tasks);
        }
        return claimedFrom(data.tasks.queues.get(claim.queue), tasks, now, this.#pacedMs(tenant, claim, now));
      }),
    );
  }

  async step(tenant: string, step: TaskStep, once: Once): Promise<Stepped> {
    const { is: _is, ...stepped } = await this.#once('step', step.kind, tenant, once, (transaction) => {
      const { entry, eventId } = this.work(transaction).step(step);
      return { is: 'step', task: recordOf(entry), ...(eventId !== undefined && { eventId }) };
    });
    return stepped;
  }

  find(tenant: string, id: string): Promise<TaskDetail | undefined> {
    return this.#readAfterLeases(tenant, ({ tasks }, now) => {
      const entry = tasks.find(id, now);
      return { found: entry && detailOf(entry), over: entry === undefined ? [] : overIn([entry], now) };
    });
  }

  listOfWorkflow(tenant: string, workflowId: string, limit: number): Promise<readonly TaskRecord[]> {
    return this.#readAfterLeases(tenant, ({ tasks }, now) => {
      const entries = [...tasks.idsOf(workflowId)].flatMap((id) => tasks.find(id, now) ?? []);
      const found = openFirst(entries.map(recordOf), limit);
      return { found, over: overIn(found, now) };
    });
  }

  listDead(tenant: string, queue: string, limit: number): Promise<readonly TaskDetail[]> {
    return this.#readAfterLeases(tenant, ({ tasks }, now) => {
      const dead: TaskDetail[] = [];
      let bytes = 0;
      const sets = tasks.queues.get(queue);
      for (const { id } of sets?.dead.descending() ?? []) {
        const entry = tasks.find(id, now);
        if (dead.length >= limit) break;
        if (entry === undefined) continue;
        bytes += entry.payload?.length ?? 0;
        if (dead.length > 0 && bytes > PAGE_BYTES) break;
        dead.push(detailOf(entry));
      }
      return { found: dead, over: sets?.leased.upTo(now, MAX_TIDIED) ?? [] };
    });
  }

  replayDead(tenant: string, queue: string, which: DeadSelection, options: ReplayOptions, once: Once): Promise<Chosen> {
    return this.#dead('replay', tenant, once, (work) => work.replayDead(queue, which, options));
  }

  purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once): Promise<Chosen> {
    return this.#dead('purge', tenant, once, (work) => work.purgeDead(queue, which));
  }

  async pause(tenant: string, queue: string, isPaused: boolean): Promise<void> {
    await this.core.change(tenant, (transaction) => {
      transaction.pause(queue, isPaused);
      transaction.tell(`queue ${queue}`);
    });
  }

  listQueues(tenant: string, { prefix, after, limit }: QueueQuery): Promise<QueuePage> {
    return this.core.read(tenant, (data) => {
      const queues: QueueRecord[] = [];
      let leased = 0;
      for (const name of data.tasks.queueNames(prefix, after)) {
        if (queues.length === limit || leased >= MAX_LEASED_SHOWN)
          return { queues, unreadable: [], next: queues.at(-1)?.name };
        const queue = this.#record(data, name);
        leased += Math.min(queue.leased, MAX_LEASED_SHOWN);
        queues.push(queue);
      }
      return { queues, unreadable: [], next: undefined };
    });
  }

  findQueue(tenant: string, name: string): Promise<QueueRecord> {
    return this.#readAfterLeases(tenant, (data, now) => ({
      found: this.#record(data, name),
      over: data.tasks.queues.get(name)?.leased.upTo(now, MAX_TIDIED) ?? [],
    }));
  }

  readProgress(tenant: string, id: string, after: number, limit: number): Promise<Progress | undefined> {
    return this.core.read(tenant, ({ tasks }) => {
      const entry = tasks.find(id, this.core.clock());
      if (entry === undefined) return undefined;
      const isOver = !isOpen(entry.status);
      const isGone = entry.endedAtMs !== null && entry.endedAtMs + this.options.progressMs <= this.core.clock();
      const events = isGone ? [] : tasks.progressOf(id);
      const wanted = events.filter((event) => event.id > after).slice(0, limit);
      return { events: wanted, isOver, oldest: events[0]?.id ?? null };
    });
  }

  /** Task part of the engine's sweep; true when there may be more. */
  sweep(transaction: Transaction, limit: number): boolean {
    const work = this.work(transaction);
    let isMore = work.sweepEnded(limit);
    const { data, now } = transaction;
    for (const name of data.tasks.dueQueues(now, MAX_QUEUES_SWEPT)) {
      if (work.sweepQueue(name, limit)) data.tasks.sweepQueueAt(name, now);
      else this.#settle(transaction, name);
    }
    return isMore || data.tasks.queuesDueMs <= now;
  }

  /** Sets the time of the next sweep of a queue, or ends a queue without tasks that nothing has happened to for a while. */
  #settle(transaction: Transaction, name: string): void {
    const { data, now } = transaction;
    const queue = data.tasks.queue(name);
    const idleMs = queueIdleMs(this.options.resultMs);
    queue.seenAtMs ??= now;
    if (!queue.isEmpty) data.tasks.sweepQueueAt(name, this.#dueMsOf(data.tasks, queue));
    else if (queue.isPaused) data.tasks.sweepQueueAt(name, now + idleMs);
    else if (queue.seenAtMs + idleMs > now) data.tasks.sweepQueueAt(name, queue.seenAtMs + idleMs);
    else transaction.removeQueue(name, queue);
  }

  /** Time of the next sweep of the tasks. */
  dueMs(tasks: TaskCollection): number {
    return Math.min(
      tasks.ended.firstScore,
      tasks.endedWithProgress.firstScore + this.options.progressMs,
      tasks.dedupesByEnd.firstScore,
      tasks.queuesDueMs,
    );
  }

  /** Time at which the first task of a queue is due. */
  #dueMsOf(tasks: TaskCollection, queue: Queue): number {
    if (queue.hasTooManyDead(this.options)) return -Infinity;
    const { delayed, leased, expiring, dead, ready } = queue;
    const { deadMs } = this.options;
    const heads = Array.from(headsOf(ready), (id) => (tasks.get(id) as TaskEntry).expiresAtMs);
    const ends = [delayed.firstScore, leased.firstScore, expiring.firstScore, dead.firstScore + deadMs];
    return Math.min(...ends, ...heads);
  }

  #readAfterLeases<T>(tenant: string, read: (data: TenantData, now: number) => Seen<T>): Promise<T> {
    return readAfterLeases(
      () => this.core.read(tenant, (data) => read(data, this.core.clock())),
      (ids) =>
        observed(this.observer, 'end-leases', () =>
          this.core.change(tenant, (transaction) => {
            this.work(transaction).endLeases(ids);
          }),
        ),
    );
  }

  work(transaction: Transaction): TaskWork {
    return new TaskWork(transaction, this.options, this.core.tenants.texts);
  }

  #record({ tasks }: TenantData, name: string): QueueRecord {
    const queue = tasks.queues.get(name) ?? new Queue();
    const { first } = queue.ready;
    const now = this.core.clock();
    const leasedByWorker = new Map<string, number>();
    for (const id of queue.leased.upTo(Infinity, MAX_LEASED_SHOWN)) {
      const { worker } = tasks.get(id) as TaskEntry;
      if (worker !== null) leasedByWorker.set(worker, (leasedByWorker.get(worker) ?? 0) + 1);
    }
    return {
      name,
      isPaused: queue.isPaused,
      ready: queue.ready.size,
      delayed: queue.delayed.size,
      leased: queue.leased.size,
      dead: queue.dead.size,
      bytes: queue.bytes,
      deadBytes: queue.deadBytes,
      oldestReadyAtMs: first === undefined ? null : ((tasks.get(first.id) as TaskEntry).readyAtMs ?? null),
      nextDueAtMs: queue.delayed.first?.score ?? null,
      nextLeaseEndsAtMs: queue.leased.first?.score ?? null,
      totals: { ...queue.totals },
      perMinute: queue.rates(now),
      workers: queue
        .workers(now)
        .map(([worker, seenAtMs]) => ({ name: worker, seenAtMs, leased: leasedByWorker.get(worker) ?? 0 })),
    };
  }

  /** Journaled, so that a worker may repeat the claim after a restart. */
  #keepClaim(transaction: Transaction, key: string, tasks: readonly ClaimedTask[]): void {
    if (tasks.length === 0) return;
    const lent = tasks.map(({ id, token }): Lent => [id, token]);
    const keepMs = Math.max(...tasks.map(({ leaseEndsAtMs }) => leaseEndsAtMs)) - transaction.now;
    this.core.keepOutcome(transaction, { key, fingerprint: '', keepMs }, { is: 'claim', lent }, true);
  }

  /** Time until the limit of the queue allows the next ready task. */
  #pacedMs(tenant: string, { pace }: Claim, now: number): number {
    if (pace === undefined) return 0;
    const [taken] = this.core.buckets.take(tenant, [{ ...pace, want: 0, least: 0 }], now);
    return taken === undefined || taken.left > 0 ? 0 : taken.nextMs;
  }

  async #dead(name: string, tenant: string, once: Once, run: (work: TaskWork) => readonly string[]): Promise<Chosen> {
    const { ids, replayed } = await this.#once('dead', name, tenant, once, (transaction) => ({
      is: 'dead',
      ids: run(this.work(transaction)),
    }));
    return { ids, replayed };
  }

  /** Runs `work` once and keeps its result; a repeat returns the kept result. */
  #once<Is extends 'step' | 'dead'>(
    is: Is,
    name: string,
    tenant: string,
    once: Once,
    work: (transaction: Transaction) => Extract<Kept, { is: Is }>,
  ): Promise<Done<Is>> {
    return observed(this.observer, name, () =>
      this.core.change<Done<Is>>(
        tenant,
        (transaction) => {
          const kept = work(transaction);
          this.core.keepOutcome(transaction, once, kept);
          return { replayed: false, ...kept };
        },
        (data, now) => {
          const kept = data.outcomes.findOnce(once, now);
          return kept?.is === is ? { ...(kept as Extract<Kept, { is: Is }>), replayed: true } : undefined;
        },
      ),
    );
  }
}

function overIn(entries: readonly TaskRecord[], now: number): string[] {
  return entries.filter((entry) => isLeaseOver(entry, now)).map(({ id }) => id);
}

type Done<Is> = Extract<Kept, { is: Is }> & { readonly replayed: boolean };

function claimedFrom(queue: Queue | undefined, tasks: readonly ClaimedTask[], now: number, pacedMs: number): Claimed {
  if (queue === undefined) return { tasks, nextDueInMs: null, isPaused: false };
  const { isPaused, ready, delayed, leased } = queue;
  const nextMs = ready.size > 0 ? now + pacedMs : Math.min(delayed.firstScore, leased.firstScore);
  return { tasks, nextDueInMs: isPaused || nextMs === Infinity ? null : Math.max(0, nextMs - now), isPaused };
}
