import { isDeepStrictEqual } from 'node:util';
import { expect } from '@jest/globals';
import type { Engine } from '../../src/engine/engine.js';
import { isOpen, type ClaimedTask, type TaskDetail, type TaskStatus } from '../../src/engine/task.js';
import { Random } from '../contract/fuzz/random.js';
import type { TestClock } from './clock.js';
import { once, put } from './parts.js';
import { claimOf, DAY, newTask, TestQueue } from './tasks.js';
import { sweepAll } from './task-dump.js';
import type { TestTenant } from './tenant.js';

const QUEUES = ['q', 'r'];
const WORKFLOWS = ['a', 'b', 'never'];

/** A random walk through all calls about tasks, with checks of what must hold at any moment. */
export class TaskWalk {
  readonly #engine: Engine;
  readonly #random: Random;
  readonly #queues: readonly TestQueue[];
  /** Tokens of all deliveries, by the id of each accepted task. */
  readonly #tokens = new Map<string, string[]>();
  readonly #queueOf = new Map<string, string>();
  readonly #purged = new Set<string>();
  readonly #leases: ClaimedTask[] = [];

  constructor(
    private readonly tenant: TestTenant,
    private readonly clock: TestClock,
    seed: number,
  ) {
    this.#engine = tenant.engine;
    this.#random = new Random(seed);
    this.#queues = QUEUES.map((name) => new TestQueue(tenant.engine, tenant.name, name));
  }

  async begin(): Promise<void> {
    await this.tenant.commit({
      puts: WORKFLOWS.map((id) => put(id, {}, { ttl: id === 'never' ? null : DAY })),
    });
  }

  async step(): Promise<void> {
    const random = this.#random;
    const q = random.pick(this.#queues);
    const kind = random.weighted({
      enqueue: 12,
      claim: 14,
      complete: 6,
      chain: 6,
      refused: 3,
      fail: 8,
      release: 4,
      extend: 4,
      progress: 3,
      cancel: 3,
      advance: 9,
      sweep: 3,
      replay: 2,
      purge: 1,
      cancelAll: 1,
      pause: 1,
      resume: 6,
    });
    switch (kind) {
      case 'enqueue':
        return this.#accept(await q.commit({ enqueue: this.#newTasks() }));
      case 'claim':
        return this.#lend((await q.claim(1 + random.below(3), { leaseMs: random.pick([20, 60]) })).tasks);
      case 'advance':
        return this.clock.advance(random.below(25));
      case 'sweep':
        return sweepAll(this.#engine);
      case 'replay': {
        const options = { resetAttempts: random.chance(0.5), spreadMs: random.pick([0, 40]) };
        await this.#engine.tasks.replayDead(q.tenant, q.name, { max: 2 }, options, once());
        return;
      }
      case 'purge': {
        const { ids } = await this.#engine.tasks.purgeDead(q.tenant, q.name, { max: 1 }, once());
        for (const id of ids) this.#purged.add(id);
        return;
      }
      case 'cancelAll':
        await q.commit({ cancelTasksOf: [random.pick(WORKFLOWS)] });
        return;
      case 'pause':
      case 'resume':
        return this.#engine.tasks.pause(q.tenant, q.name, kind === 'pause');
      default:
        // Most leases are old ones: their steps are refused.
        await this.#held(kind, q).catch(refusedIsFine);
    }
  }

  async #held(
    kind: 'complete' | 'chain' | 'refused' | 'fail' | 'release' | 'extend' | 'progress' | 'cancel',
    q: TestQueue,
  ): Promise<void> {
    const random = this.#random;
    const lease = this.#leases.at(-1 - random.below(Math.min(6, this.#leases.length)));
    if (lease === undefined) return;
    const ack = { taskId: lease.id, token: lease.token, result: '"done"' };
    switch (kind) {
      case 'complete':
        await q.complete(lease);
        break;
      case 'chain': {
        const outcome = await q.commit({
          ack,
          puts: [put(random.pick(WORKFLOWS), {}, { expect: { exists: true } })],
          enqueue: this.#newTasks(),
          claim: claimOf(q.name),
        });
        this.#accept(outcome);
        if (outcome.next) this.#lend([outcome.next]);
        break;
      }
      case 'refused':
        await q.commit({ ack, enqueue: this.#newTasks(), puts: [put('a', {}, { expect: { version: 0 } })] });
        break;
      case 'fail':
        await q.fail(lease, { isRetryable: random.chance(0.8) });
        break;
      case 'cancel':
        await q.cancel(random.pick([...this.#tokens.keys()]), random.chance(0.5));
        break;
      default:
        await q[kind](lease);
    }
  }

  /** The clock stands still, and the sweep has moved everything that was due: nothing changes between two reads. */
  async check(): Promise<void> {
    await sweepAll(this.#engine);
    const ids = [...this.#tokens.keys()];
    const found = await Promise.all(ids.map((id) => this.#engine.tasks.find(this.tenant.name, id)));
    const there = found.filter((task) => task !== undefined);
    // One comparison for all tasks, and `expect` only shows a difference: it costs more than the walk itself.
    const gone = ids.filter((_, i) => found[i] === undefined);
    const purged = ids.filter((id) => this.#purged.has(id));
    if (!isDeepStrictEqual(gone, purged)) expect(gone).toEqual(purged);
    const shown = there.map((task) => this.#shown(task));
    const expected = there.map((task) => this.#expected(task));
    if (!isDeepStrictEqual(shown, expected)) expect(shown).toEqual(expected);
    for (const q of this.#queues) await this.#checkQueue(q, there);
    for (const id of WORKFLOWS) await this.#checkWorkflow(id, there);
  }

  /** Tries every token that was ever given out. Changes leases, so it comes last. */
  async checkTokens(): Promise<void> {
    const all = [...this.#tokens.values()].flat();
    expect(new Set(all).size).toBe(all.length);
    const wrong: unknown[] = [];
    for (const [id, tokens] of this.#tokens) {
      const tried = await Promise.allSettled(
        tokens.map((token) => (this.#queues[0] as TestQueue).extend({ id, token } as ClaimedTask)),
      );
      const good = tried.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
      // Only the last token may still be good.
      if (good.some((i) => i !== tokens.length - 1)) wrong.push({ id, good, of: tokens.length });
    }
    expect(wrong).toEqual([]);
  }

  get deliveries(): number {
    return [...this.#tokens.values()].reduce((sum, tokens) => sum + tokens.length, 0);
  }

  /** What of a task follows from its status and its deliveries. */
  #shown(task: TaskDetail) {
    return {
      id: task.id,
      isReady: task.readyAtMs !== null,
      isDelayed: task.dueAtMs !== null,
      isLeased: task.leaseEndsAtMs !== null,
      hasEnded: task.endedAtMs !== null,
      hasPayload: task.payload !== undefined,
      hasResult: task.result !== undefined,
      hasSpentTooManyAttempts: task.attempt > task.maxAttempts,
      deliveries: this.#tokens.get(task.id)?.length,
    };
  }

  #expected({ id, status, attempt, releases, replays }: TaskDetail) {
    return {
      id,
      isReady: status === 'ready',
      isDelayed: status === 'delayed',
      isLeased: status === 'leased',
      hasEnded: !isOpen(status),
      hasPayload: status !== 'done' && status !== 'cancelled',
      hasResult: status === 'done',
      hasSpentTooManyAttempts: false,
      // Each delivery is an attempt, or was released; a replay forgets the attempts before it.
      deliveries: replays === 0 ? attempt + releases : this.#tokens.get(id)?.length,
    };
  }

  async #checkQueue(q: TestQueue, there: readonly TaskDetail[]): Promise<void> {
    const here = there.filter(({ queue }) => queue === q.name);
    const count = (status: TaskStatus) => here.filter((task) => task.status === status).length;
    const { totals, ...found } = await q.look();
    expect({ ...found, ...totals }).toMatchObject({
      ready: count('ready'),
      delayed: count('delayed'),
      leased: count('leased'),
      dead: count('dead'),
      enqueued: [...this.#queueOf.values()].filter((queue) => queue === q.name).length,
      completed: count('done'),
      cancelled: count('cancelled'),
    });
    const dead = await this.#engine.tasks.listDead(q.tenant, q.name, 10_000);
    expect(dead.map(({ id }) => id).toSorted()).toEqual(
      here
        .filter(({ status }) => status === 'dead')
        .map(({ id }) => id)
        .toSorted(),
    );
  }

  async #checkWorkflow(id: string, there: readonly TaskDetail[]): Promise<void> {
    const named = there.filter(({ workflowId }) => workflowId === id);
    const open = named.filter(({ status }) => isOpen(status));
    const { deadlineMs } = await this.tenant.get(id);
    expect([id, deadlineMs === null]).toEqual([id, open.length > 0 || id === 'never']);
    const listed = await this.#engine.tasks.listOfWorkflow(this.tenant.name, id, 10_000);
    expect(listed.map((task) => task.id).toSorted()).toEqual(named.map((task) => task.id).toSorted());
  }

  #newTasks() {
    const random = this.#random;
    return Array.from({ length: 1 + random.below(2) }, () =>
      newTask(random.pick(QUEUES), {
        maxAttempts: 1 + random.below(3),
        backoffMs: [15, 30],
        priority: random.pick([0, 5, 5, 9]),
        start: random.pick([{ delayMs: 0 }, { delayMs: 0 }, { delayMs: 30 }]),
        expires: { afterDueMs: random.pick([80, DAY]) },
        limitMs: random.pick([null, 50]),
        ...(random.chance(0.7) && { workflowId: random.pick(WORKFLOWS) }),
      }),
    );
  }

  #accept({ tasks = [] }: Awaited<ReturnType<TestQueue['commit']>>): void {
    for (const { task } of tasks) {
      this.#tokens.set(task.id, []);
      this.#queueOf.set(task.id, task.queue);
    }
  }

  #lend(tasks: readonly ClaimedTask[]): void {
    for (const task of tasks) {
      this.#tokens.get(task.id)?.push(task.token);
      this.#leases.push(task);
    }
  }
}

const REFUSALS = ['LEASE_LOST', 'TASK_CANCELLED', 'TASK_ENDED', 'TASK_NOT_FOUND', 'VERSION_CONFLICT'];

function refusedIsFine(error: unknown): void {
  if (!REFUSALS.includes((error as { code?: string }).code ?? '')) throw error;
}
