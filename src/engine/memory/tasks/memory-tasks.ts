import { ServiceError } from '../../../service-error.js';
import type { Once } from '../../commit.js';
import type { EngineObserver, TaskOptions } from '../../engine.js';
import type { Kept, Lent } from '../../kept.js';
import type { Claim, TaskDetail, TaskRecord, TaskStep } from '../../task.js';
import { isOpen } from '../../task.js';
import { openFirst } from '../../task-order.js';
import {
  TaskQueues,
  type Chosen,
  type Claimed,
  type DeadSelection,
  type Progress,
  type QueueRecord,
  type Stepped,
} from '../../task-queues.js';
import type { MemoryCore } from '../memory-core.js';
import type { SortedSet } from '../sorted-set.js';
import type { Transaction } from '../commits/transaction.js';
import { Queue } from './queue.js';
import type { TaskCollection } from './task-collection.js';
import { claimedOf, detailOf, isForgotten, type TaskEntry } from './task-entry.js';
import { recordOf } from '../../records/task-fields.js';
import { TaskWork } from './task-work.js';
import { MAX_LEASED_SHOWN } from '../../limits.js';

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
    return this.#observed('claim', () =>
      this.core.change<Claimed>(
        tenant,
        (data, now) => {
          const known = data.outcomes.find(key, '', now);
          const again = known?.is === 'claim' ? stillHeld(data.tasks, known.lent) : [];
          return again.length === 0
            ? undefined
            : {
                tasks: again.map(claimedOf),
                nextDueInMs: nextDueIn(data.tasks.queues.get(claim.queue) ?? new Queue(), now),
                isPaused: data.tasks.queues.get(claim.queue)?.isPaused === true,
              };
        },
        (transaction) => {
          const tasks = this.#work(transaction).claim(claim);
          const { data, now } = transaction;
          const queue = data.tasks.queues.get(claim.queue) ?? new Queue();
          if (tasks.length > 0) {
            const lent = tasks.map(({ id, token }): Lent => [id, token]);
            const keepMs = Math.max(...tasks.map(({ leaseEndsAtMs }) => leaseEndsAtMs)) - now;
            // A worker that lost the answer to a restart asks again, too.
            this.core.keepOutcome(transaction, { key, fingerprint: '', keepMs }, { is: 'claim', lent }, true);
          }
          return { tasks, nextDueInMs: nextDueIn(queue, now), isPaused: queue.isPaused };
        },
      ),
    );
  }

  async step(tenant: string, step: TaskStep, once: Once): Promise<Stepped> {
    const { is: _is, ...stepped } = await this.#once('step', step.kind, tenant, once, (transaction) => {
      const { entry, eventId } = this.#work(transaction).step(step);
      return { is: 'step', task: recordOf(entry), ...(eventId !== undefined && { eventId }) };
    });
    return stepped;
  }

  find(tenant: string, id: string): Promise<TaskDetail | undefined> {
    return this.core.read(tenant, ({ tasks }) => {
      const entry = this.#kept(tasks.get(id));
      return entry && detailOf(entry);
    });
  }

  listOfWorkflow(tenant: string, workflowId: string, limit: number): Promise<readonly TaskRecord[]> {
    return this.core.read(tenant, ({ tasks }) => {
      const found = [...tasks.idsOf(workflowId)].flatMap((id) => this.#kept(tasks.get(id)) ?? []);
      return openFirst(found.map(recordOf), limit);
    });
  }

  listDead(tenant: string, queue: string, limit: number): Promise<readonly TaskDetail[]> {
    return this.core.read(tenant, ({ tasks }) => {
      const dead: TaskDetail[] = [];
      for (const { id } of tasks.queues.get(queue)?.dead.descending() ?? []) {
        const entry = this.#kept(tasks.get(id));
        if (dead.length >= limit) break;
        if (entry !== undefined) dead.push(detailOf(entry));
      }
      return dead;
    });
  }

  replayDead(
    tenant: string,
    queue: string,
    which: DeadSelection,
    options: { readonly resetAttempts: boolean; readonly spreadMs: number },
    once: Once,
  ): Promise<Chosen> {
    return this.#dead('replay', tenant, once, (work) => work.replayDead(queue, which, options));
  }

  purgeDead(tenant: string, queue: string, which: DeadSelection, once: Once): Promise<Chosen> {
    return this.#dead('purge', tenant, once, (work) => work.purgeDead(queue, which));
  }

  async pause(tenant: string, queue: string, isPaused: boolean): Promise<void> {
    await this.core.change(
      tenant,
      () => undefined,
      (transaction) => {
        transaction.pause(queue, isPaused);
        transaction.tell(`queue ${queue}`);
        return true;
      },
    );
  }

  listQueues(tenant: string): Promise<readonly string[]> {
    return this.core.read(tenant, ({ tasks }) => [...tasks.queues.keys()].toSorted());
  }

  findQueue(tenant: string, name: string): Promise<QueueRecord> {
    return this.core.read(tenant, ({ tasks }) => {
      const queue = tasks.queues.get(name) ?? new Queue();
      const first = queue.ready.first;
      const inHand = new Map<string, number>();
      let shown = 0;
      for (const { id } of queue.leased.ascending()) {
        if (++shown > MAX_LEASED_SHOWN) break;
        const { worker } = tasks.get(id) as TaskEntry;
        if (worker !== null) inHand.set(worker, (inHand.get(worker) ?? 0) + 1);
      }
      return {
        name,
        isPaused: queue.isPaused,
        ready: queue.ready.size,
        delayed: queue.delayed.size,
        leased: queue.leased.size,
        dead: queue.dead.size,
        oldestReadyAtMs: first === undefined ? null : ((tasks.get(first.id) as TaskEntry).readyAtMs ?? null),
        nextDueAtMs: queue.delayed.first?.score ?? null,
        nextLeaseEndsAtMs: queue.leased.first?.score ?? null,
        totals: { ...queue.totals },
        perMinute: queue.rates(this.core.clock()),
        workers: queue
          .workers(this.core.clock())
          .map(([worker, seenAtMs]) => ({ name: worker, seenAtMs, leased: inHand.get(worker) ?? 0 })),
      };
    });
  }

  readProgress(tenant: string, id: string, after: number, limit: number): Promise<Progress | undefined> {
    return this.core.read(tenant, ({ tasks }) => {
      const entry = this.#kept(tasks.get(id));
      if (entry === undefined) return undefined;
      const isOver = !isOpen(entry.status);
      const isGone = entry.endedAtMs !== null && entry.endedAtMs + this.options.progressMs <= this.core.clock();
      const events = isGone ? [] : tasks.progressOf(id);
      const wanted = events.filter((event) => event.id > after).slice(0, limit);
      return { events: wanted, isOver, oldest: events[0]?.id ?? null };
    });
  }

  /** Part of the engine's sweep; true when there may be more. */
  sweep(transaction: Transaction, most: number): boolean {
    const work = this.#work(transaction);
    let isMore = work.sweepEnded(most);
    for (const name of transaction.data.tasks.queues.keys()) isMore = work.sweepQueue(name, most) || isMore;
    return isMore;
  }

  /** When time next does something to the tasks. */
  nextEndMs(tasks: TaskCollection): number {
    const { progressMs, deadMs } = this.options;
    const ends = [firstIn(tasks.ended), firstIn(tasks.endedWithProgress) + progressMs, firstIn(tasks.dedupesByEnd)];
    for (const queue of tasks.queues.values()) {
      ends.push(firstIn(queue.delayed), firstIn(queue.leased), firstIn(queue.expiring), firstIn(queue.dead) + deadMs);
    }
    return Math.min(...ends);
  }

  #work(transaction: Transaction): TaskWork {
    return new TaskWork(transaction, this.options, this.core.tenants.texts);
  }

  /** What has ended so long ago that it is only still there because nobody has swept. */
  #kept(entry: TaskEntry | undefined): TaskEntry | undefined {
    return entry === undefined || isForgotten(entry, this.core.clock()) ? undefined : entry;
  }

  async #dead(name: string, tenant: string, once: Once, run: (work: TaskWork) => readonly string[]): Promise<Chosen> {
    const { ids, replayed } = await this.#once('dead', name, tenant, once, (transaction) => ({
      is: 'dead',
      ids: run(this.#work(transaction)),
    }));
    return { ids, replayed };
  }

  /** Runs `work` once and keeps what it returns; a repeat gets that again. */
  #once<Is extends 'step' | 'dead'>(
    is: Is,
    name: string,
    tenant: string,
    once: Once,
    work: (transaction: Transaction) => Extract<Kept, { is: Is }>,
  ): Promise<Extract<Kept, { is: Is }> & { readonly replayed: boolean }> {
    return this.#observed(name, () =>
      this.core.change<Extract<Kept, { is: Is }> & { readonly replayed: boolean }>(
        tenant,
        (data, now) => {
          const kept = data.outcomes.findOnce(once, now);
          return kept?.is === is ? { ...(kept as Extract<Kept, { is: Is }>), replayed: true } : undefined;
        },
        (transaction) => {
          const kept = work(transaction);
          this.core.keepOutcome(transaction, once, kept);
          return { ...kept, replayed: false };
        },
      ),
    );
  }

  async #observed<T>(name: string, run: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const tell = (outcome: 'ok' | 'refused' | 'failed') =>
      this.observer.command(name, (performance.now() - started) / 1000, outcome);
    try {
      const result = await run();
      tell('ok');
      return result;
    } catch (error) {
      tell(error instanceof ServiceError && !error.code.startsWith('STORE_') ? 'refused' : 'failed');
      throw error;
    }
  }
}

function stillHeld(tasks: TaskCollection, lent: readonly Lent[]): TaskEntry[] {
  return lent.flatMap(([id, token]) => {
    const entry = tasks.get(id);
    return entry?.status === 'leased' && entry.token === token ? [entry] : [];
  });
}

function nextDueIn(queue: Queue, now: number): number | null {
  if (queue.isPaused) return null;
  const next = queue.ready.size > 0 ? now : Math.min(firstIn(queue.delayed), firstIn(queue.leased));
  return next === Infinity ? null : Math.max(0, next - now);
}

function firstIn(set: SortedSet): number {
  return set.first?.score ?? Infinity;
}
