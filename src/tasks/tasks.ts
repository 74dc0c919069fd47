import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { CharacterTurns } from '../engine/character-turns.js';
import type { Enqueued, Once } from '../engine/commit.js';
import { Engine } from '../engine/engine.js';
import { FeedTrimmedError, TaskNotFoundError } from '../engine/errors.js';
import {
  isOpen,
  type Ack,
  type ClaimedTask,
  type NewTask,
  type TaskDetail,
  type TaskRecord,
  type TaskStep,
} from '../engine/task.js';
import type { Progress, Stepped } from '../engine/task-queues.js';
import { ServiceError } from '../service-error.js';
import { waitForChange } from '../waiting/wait-for-change.js';
import { newWorkflowId } from '../workflows/identifiers.js';
import type { TaskLimits } from './new-task.js';
import { leaseOnce } from './lease-once.js';

const MAX_EVENTS = 100;

/** Outcome of one completion in a batch. */
export type TaskEnd =
  | { readonly id: string; readonly replayed: boolean; readonly error?: undefined }
  | { readonly id: string; readonly error: ServiceError };

/** Tasks in queues. Each writing method is one commit or one step. */
@Injectable()
export class Tasks {
  constructor(
    private readonly engine: Engine,
    private readonly config: Config,
  ) {}

  get limits(): TaskLimits {
    const { maxStateBytes, tasks } = this.config;
    return { maxBytes: maxStateBytes, waitLimitMs: tasks.waitLimitMs, newId: () => newWorkflowId(Date.now()) };
  }

  /** Retention of the outcome of a step, for clients that repeat a request. */
  get keepMs(): number {
    return this.config.tasks.resultMs;
  }

  async enqueue(
    tenant: string,
    tasks: readonly NewTask[],
    once: Once,
  ): Promise<{ tasks: readonly Enqueued[]; replayed: boolean }> {
    const outcome = await this.engine.commit(tenant, { once, enqueue: tasks });
    return { tasks: outcome.tasks ?? [], replayed: outcome.replayed };
  }

  async complete(tenant: string, ack: Ack, once: Once): Promise<{ replayed: boolean }> {
    return this.engine.commit(tenant, { once, ack });
  }

  /**
   * Completes each task by itself; refusals are in the result.
   * @throws ServiceError if all failed with the same code and a retry may help, such as when the store is unreachable
   */
  async completeEach(tenant: string, acks: readonly Ack[]): Promise<readonly TaskEnd[]> {
    const turns = new CharacterTurns();
    const ending: Promise<TaskEnd>[] = [];
    for (const ack of acks) {
      await turns.spend(ack.result.length);
      const end = this.#end(tenant, ack);
      // Promise.all throws its error. Without this handler, one that comes earlier would end the process.
      end.catch(() => undefined);
      ending.push(end);
    }
    const ends = await Promise.all(ending);
    const [first] = ends;
    if (first?.error?.retryAfterSeconds !== undefined && ends.every(({ error }) => error?.code === first.error?.code)) {
      throw first.error;
    }
    return ends;
  }

  async #end(tenant: string, ack: Ack): Promise<TaskEnd> {
    const { taskId: id, token } = ack;
    try {
      const { replayed } = await this.complete(tenant, ack, leaseOnce('ack', id, token, this.keepMs));
      return { id, replayed };
    } catch (error) {
      if (error instanceof ServiceError) return { id, error };
      throw error;
    }
  }

  step(tenant: string, step: TaskStep, once: Once): Promise<Stepped> {
    return this.engine.tasks.step(tenant, step, once);
  }

  /** @throws TaskNotFoundError */
  async get(tenant: string, id: string): Promise<TaskDetail> {
    const task = await this.engine.tasks.find(tenant, id);
    if (task === undefined) throw new TaskNotFoundError(id);
    return task;
  }

  /** Task when it has ended, or as it is after `waitMs`. @throws TaskNotFoundError */
  getEnded(tenant: string, id: string, waitMs: number, signal: AbortSignal): Promise<TaskDetail> {
    return waitForChange(
      {
        listen: (listener) => this.engine.onChange(tenant, `task ${id}`, listener),
        read: () => this.get(tenant, id),
        isEnough: ({ status }) => !isOpen(status),
      },
      waitMs,
      signal,
    );
  }

  listOfWorkflow(tenant: string, workflowId: string, limit: number): Promise<readonly TaskRecord[]> {
    return this.engine.tasks.listOfWorkflow(tenant, workflowId, limit);
  }

  /**
   * Progress events after `after`, as soon as there are any or the task has ended.
   * @throws TaskNotFoundError @throws FeedTrimmedError when some of them are already trimmed
   */
  async readProgress(
    tenant: string,
    id: string,
    after: number,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<Progress> {
    const progress = await waitForChange(
      {
        listen: (listener) => this.engine.onChange(tenant, `task ${id}`, listener),
        read: () => this.engine.tasks.readProgress(tenant, id, after, MAX_EVENTS),
        isEnough: (read) => read === undefined || read.isOver || read.events.length > 0,
      },
      waitMs,
      signal,
    );
    if (progress === undefined) throw new TaskNotFoundError(id);
    const { oldest } = progress;
    if (oldest !== null && after < oldest - 1) throw new FeedTrimmedError(oldest);
    return progress;
  }

  /**
   * Releases tasks whose answer was not delivered, unless the claim was repeated since and answered again. If that
   * fails, their leases expire.
   */
  giveBack(tenant: string, tasks: readonly ClaimedTask[]): void {
    for (const { id, token, redeliveries } of tasks) {
      const once = { key: `undelivered:${token}`, fingerprint: '', keepMs: this.keepMs };
      this.step(tenant, { kind: 'release', id, token, redeliveries }, once).catch(() => undefined);
    }
  }
}
