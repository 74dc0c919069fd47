import { randomUUID } from 'node:crypto';
import type { Once, Outcome } from '../../src/engine/commit.js';
import type { Engine } from '../../src/engine/engine.js';
import type { Claimed, QueueRecord, Stepped } from '../../src/engine/task-queues.js';
import type { Claim, ClaimedTask, NewTask, TaskDetail, TaskStep } from '../../src/engine/task.js';
import { once } from './parts.js';
import { dump, type Parts } from './tenant.js';

export const SECOND = 1000;
export const DAY = 86_400_000;

/** A task with defaults; a case gives the fields that matter to it. */
export function newTask(queue: string, given: Partial<NewTask> = {}): NewTask {
  return {
    id: `task-${randomUUID()}`,
    queue,
    payload: '{}',
    headers: '{}',
    priority: 5,
    start: { delayMs: 0 },
    maxAttempts: 4,
    backoffMs: [5000, 15_000, 60_000],
    leaseMs: 30_000,
    limitMs: null,
    expires: { afterDueMs: 7 * DAY },
    ...given,
  };
}

export function claimOf(queue: string, count = 1, given: Partial<Claim> = {}): Claim {
  const tokens = Array.from({ length: count }, () => randomUUID());
  return { queue, worker: 'worker', leaseMs: undefined, tokens, ...given };
}

/** A claimed task as it is delivered again, for the n-th time. */
export function deliveredAgain(task: ClaimedTask, n = 1): ClaimedTask {
  return { ...task, redeliveries: n };
}

/** An outcome as its n-th repeat gives it. */
export function repeated({ next, ...outcome }: Outcome, n = 1): Outcome {
  return { ...outcome, replayed: true, ...(next && { next: deliveredAgain(next, n) }) };
}

/** A step of the holder of a lease. */
type Held<K extends TaskStep['kind']> = Omit<Extract<TaskStep, { kind: K }>, 'kind' | 'id' | 'token'>;

/** One queue of one tenant, with short methods for frequent calls. */
export class TestQueue {
  constructor(
    readonly engine: Engine,
    readonly tenant: string,
    readonly name = 'q',
  ) {}

  commit(parts: Parts, given?: Partial<Once>): Promise<Outcome> {
    return this.engine.commit(this.tenant, { once: once(given), ...parts });
  }

  async enqueue(given: Partial<NewTask> = {}): Promise<string> {
    const task = newTask(this.name, given);
    await this.commit({ enqueue: [task] });
    return task.id;
  }

  /** Enqueues `count` tasks; gives their ids in order. */
  async enqueueSome(count: number, given: Partial<NewTask> = {}): Promise<string[]> {
    const tasks = Array.from({ length: count }, () => newTask(this.name, given));
    await this.commit({ enqueue: tasks });
    return tasks.map(({ id }) => id);
  }

  claim(count = 1, given: Partial<Claim> = {}, key: string = randomUUID()): Promise<Claimed> {
    return this.engine.tasks.claim(this.tenant, claimOf(this.name, count, given), key);
  }

  /** @throws Error when there is none. */
  async take(given: Partial<Claim> = {}): Promise<ClaimedTask> {
    const [task] = (await this.claim(1, given)).tasks;
    if (task === undefined) throw new Error(`There is nothing to claim in ${this.name}`);
    return task;
  }

  async takeIds(count: number): Promise<string[]> {
    return (await this.claim(count)).tasks.map(({ id }) => id);
  }

  complete({ id, token }: Pick<ClaimedTask, 'id' | 'token'>, result = 'null', given?: Partial<Once>): Promise<Outcome> {
    return this.commit({ ack: { taskId: id, token, result } }, { alias: `ack-${id}-${token}`, ...given });
  }

  step(step: TaskStep, given?: Partial<Once>): Promise<Stepped> {
    return this.engine.tasks.step(this.tenant, step, once(given));
  }

  extend({ id, token }: ClaimedTask, leaseMs?: number): Promise<Stepped> {
    return this.step({ kind: 'extend', id, token, leaseMs });
  }

  release({ id, token }: ClaimedTask): Promise<Stepped> {
    return this.step({ kind: 'release', id, token });
  }

  /** Releases a lease, as the service does when it could not deliver the answer to a claim. */
  giveBack({ id, token, redeliveries }: ClaimedTask): Promise<Stepped> {
    return this.step({ kind: 'release', id, token, redeliveries });
  }

  fail({ id, token }: ClaimedTask, given: Partial<Held<'fail'>> = {}): Promise<Stepped> {
    const error = { code: 'BROKEN', message: 'it broke' };
    return this.step({ kind: 'fail', id, token, error, isRetryable: true, jitter: 1, ...given });
  }

  progress({ id, token }: ClaimedTask, event = '{}'): Promise<Stepped> {
    return this.step({ kind: 'progress', id, token, event });
  }

  cancel(id: string, isForced = false): Promise<Stepped> {
    return this.step({ kind: 'cancel', id, reason: undefined, isForced });
  }

  /** @throws Error when there is no such task. */
  async get(id: string): Promise<TaskDetail> {
    const task = await this.engine.tasks.find(this.tenant, id);
    if (task === undefined) throw new Error(`Task ${id} is not there`);
    return task;
  }

  find(id: string): Promise<TaskDetail | undefined> {
    return this.engine.tasks.find(this.tenant, id);
  }

  look(): Promise<QueueRecord> {
    return this.engine.tasks.findQueue(this.tenant, this.name);
  }

  /** Tasks by status. */
  async depth(): Promise<Pick<QueueRecord, 'ready' | 'delayed' | 'leased' | 'dead'>> {
    const { ready, delayed, leased, dead } = await this.look();
    return { ready, delayed, leased, dead };
  }

  /** All calls that need a lease token. */
  heldSteps({ id, token }: ClaimedTask): (() => Promise<unknown>)[] {
    const task = { id, token } as ClaimedTask;
    return [
      () => this.extend(task),
      () => this.progress(task),
      () => this.fail(task),
      () => this.release(task),
      () => this.complete(task, 'null', { alias: randomUUID() }),
    ];
  }
}

/** Names of all queues, page by page. */
export async function queueNames({ tasks }: Engine, tenant: string, prefix = '', limit = 100): Promise<string[]> {
  const names: string[] = [];
  let after: string | undefined;
  do {
    const page = await tasks.listQueues(tenant, { prefix, after, limit });
    names.push(...page.queues.map(({ name }) => name));
    after = page.next;
  } while (after !== undefined);
  return names;
}

/** Everything readable of a tenant's workflows and of these tasks. Equal dumps mean the same data. */
export async function dumpAll(engine: Engine, tenant: string, ids: readonly string[]): Promise<unknown> {
  const queues = await queueNames(engine, tenant);
  return {
    workflows: await dump(engine, tenant),
    queues: await Promise.all(
      queues.map(async (name) => {
        const { workers: _workers, ...queue } = await engine.tasks.findQueue(tenant, name);
        return { ...queue, deadTasks: await engine.tasks.listDead(tenant, name, 1000) };
      }),
    ),
    tasks: await Promise.all(ids.map((id) => engine.tasks.find(tenant, id))),
    progress: await Promise.all(ids.map((id) => engine.tasks.readProgress(tenant, id, 0, 1000))),
    events: (await engine.readFeed(tenant, undefined, 10_000)).map(({ type, fields }) => [type, fields]),
  };
}
