import { isFinal, isTransient, ProblemError } from './client-errors.js';
import { TaskFailure, WorkerStoppedError, type Handler, type TaskContext } from './handler.js';
import { HeldTask } from './held-task.js';
import { outcomeOf, type Outcome } from './outcome.js';
import { sleep } from './sleep.js';
import type { Claim, ClaimedTask, TaskError } from './task-types.js';
import type { WaymarkClient } from './waymark-client.js';

export interface WorkerOptions {
  readonly queue: string;
  /** Name under which the service shows this worker. */
  readonly worker: string;
  readonly handler: Handler;
  /** Tasks at the same time, 1 to 50. */
  readonly concurrency?: number;
  readonly leaseMs?: number;
  /** How long a claim waits for tasks. */
  readonly waitMs?: number;
  /** How long a handler may take to notice that it was aborted. */
  readonly graceMs?: number;
  readonly onEvent?: (event: WorkerEvent) => void;
}

/** What became of a task; `unreported` when the service could not be told, so that the task will be worked on again. */
export type TaskEnd = 'done' | 'failed' | 'released' | 'dropped' | 'unreported';

export interface WorkerEvent {
  readonly kind: TaskEnd;
  readonly task: ClaimedTask;
  readonly tookMs: number;
  readonly error?: unknown;
}

/** A result that took an hour is worth some patience with a service that is away. */
const REPORT_FOR_MS = 10 * 60_000;
/** At the end of a worker there is no such time. */
const LAST_REPORT_MS = 4000;
const LAST_TRY = { retry: { giveUpAfterMs: 0 }, timeoutMs: 2000 } as const;
/** An empty answer that comes at once, as from a service about to end, must not be asked for at once again. */
const SOON_MS = 1000;

const ENDING = new WorkerStoppedError('The worker is about to end');

/**
 * Claims tasks of one queue, as many as it has free hands, works on them and says how it went. At least once: a task whose
 * worker dies, or whose answer is lost for longer than its lease, is worked on again.
 */
export class Worker {
  readonly #options: Required<WorkerOptions>;
  readonly #held = new Set<HeldTask>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  /** Aborted when even reports have no time any more. */
  readonly #ending = new AbortController();
  #isHurried = false;
  #hasContact = false;

  constructor(
    private readonly client: WaymarkClient,
    options: WorkerOptions,
  ) {
    this.#options = {
      concurrency: 1,
      leaseMs: 30_000,
      waitMs: 20_000,
      graceMs: 5000,
      onEvent: () => undefined,
      ...options,
    };
  }

  /**
   * Until `stop`. Outages are ridden out once the service has answered a first time.
   * @throws UnreachableError when it never did @throws ProblemError when claims are refused for good
   */
  async run(): Promise<void> {
    try {
      while (!this.#stopping.signal.aborted) {
        if (this.#running.size >= this.#options.concurrency) {
          await Promise.race(this.#running);
          continue;
        }
        const tasks = await this.#claim();
        if (this.#stopping.signal.aborted) await this.#giveBack(tasks);
        else for (const task of tasks) this.#start(task);
      }
    } finally {
      await Promise.all(this.#running);
      this.#ending.abort(ENDING);
    }
  }

  /**
   * Claims no more and lets what is running finish. What is not done after `timeoutMs` is aborted and released. Again, with less
   * time: hurries.
   */
  stop(timeoutMs: number): void {
    this.#stopping.abort(ENDING);
    if (this.#ending.signal.aborted) return;
    const timer = setTimeout(() => this.#hurry(), timeoutMs);
    this.#ending.signal.addEventListener('abort', () => clearTimeout(timer));
    // Not a moment later: what fails from now on fails because of this.
    if (timeoutMs === 0) this.#hurry();
  }

  #hurry(): void {
    if (this.#isHurried) return;
    this.#isHurried = true;
    for (const held of this.#held) held.abort(ENDING);
    const timer = setTimeout(() => this.#ending.abort(ENDING), this.#options.graceMs + LAST_REPORT_MS);
    this.#ending.signal.addEventListener('abort', () => clearTimeout(timer));
  }

  /** Keeps its Claim-Id until it is answered, so that no task is lost with an answer. */
  async #claim(): Promise<readonly ClaimedTask[]> {
    const { queue, worker, leaseMs, waitMs, concurrency } = this.#options;
    const { signal } = this.#stopping;
    const claim = { claimId: crypto.randomUUID(), worker, leaseMs, max: concurrency - this.#running.size };
    const startedAt = performance.now();
    for (;;) {
      try {
        const retry = this.#hasContact ? { giveUpAfterMs: Infinity } : {};
        const tasks = await this.client.claim(queue, { ...claim, waitMs }, { signal, retry });
        this.#hasContact = true;
        const isEarly = performance.now() - startedAt < Math.min(SOON_MS, waitMs);
        if (tasks.length === 0 && isEarly) await sleep(Math.random() * SOON_MS, signal).catch(() => undefined);
        return tasks;
      } catch (error) {
        if (signal.aborted) return this.#repeat(claim);
        // It is there, only not well: that passes.
        if (!(error instanceof ProblemError) || !isTransient(error)) throw error;
        this.#hasContact = true;
      }
    }
  }

  /** A claim that was cut off may have been answered all the same: asked once more, it says with what. */
  #repeat(claim: Omit<Claim, 'waitMs'>): Promise<readonly ClaimedTask[]> {
    return this.client.claim(this.#options.queue, { ...claim, waitMs: 0 }, LAST_TRY).catch(() => []);
  }

  /** What came when no more was wanted. */
  async #giveBack(tasks: readonly ClaimedTask[]): Promise<void> {
    await Promise.all(tasks.map((task) => this.client.release(task, LAST_TRY).catch(() => undefined)));
  }

  #start(task: ClaimedTask): void {
    const running = this.#work(task).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #work(task: ClaimedTask): Promise<void> {
    const { handler, leaseMs, graceMs, onEvent } = this.#options;
    const startedAt = performance.now();
    const held = new HeldTask(this.client, task, leaseMs);
    this.#held.add(held);
    if (this.#isHurried) held.abort(ENDING);
    let isCommitted = false;
    const context: TaskContext = {
      signal: held.signal,
      progress: (event) => held.progress(event),
      commit: async (parts, result) => {
        const ack = { taskId: task.id, leaseToken: task.leaseToken, result: result ?? null };
        const committed = await this.client.commit({ ...parts, ack }, this.#reporting());
        isCommitted = true;
        return committed;
      },
    };
    const tell = (kind: TaskEnd, error?: unknown) =>
      onEvent({ kind, task, tookMs: performance.now() - startedAt, ...(error !== undefined && { error }) });
    try {
      const outcome = await outcomeOf(() => handler(task, context), held.signal, graceMs);
      if (isCommitted) tell('done');
      else if (held.isLost) tell('dropped', held.signal.reason);
      else await this.#report(held, outcome, tell);
    } catch (error) {
      tell(isFinal(error) ? 'dropped' : 'unreported', error);
    } finally {
      held.end();
      this.#held.delete(held);
    }
  }

  /** Heartbeats go on meanwhile. @throws what the service says when it does not take the report. */
  async #report({ task, signal }: HeldTask, outcome: Outcome, tell: (kind: TaskEnd, error?: unknown) => void) {
    if (outcome.kind === 'returned') {
      const refused = await this.#complete(task, outcome.value);
      return refused === undefined ? tell('done') : tell('failed', refused);
    }
    if (signal.aborted) {
      // Of a task that was asked to stop, this is the end; any other goes back to its place.
      await this.client.release(task, this.#reporting());
      return tell('released', signal.reason);
    }
    const error = outcome.kind === 'threw' ? outcome.error : undefined;
    const { retryAfterMs, ...failure } = failureOf(error);
    await this.client.fail(task, failure, { ...this.#reporting(), retryAfterMs });
    tell('failed', error);
  }

  /** A result that the service does not take (too large, say) would not be taken the next time either. */
  async #complete(task: ClaimedTask, result: unknown): Promise<ProblemError | undefined> {
    try {
      await this.client.complete(task, result, this.#reporting());
      return undefined;
    } catch (error) {
      if (!(error instanceof ProblemError) || isFinal(error) || isTransient(error)) throw error;
      const failure = { code: error.code, message: `The result was refused: ${error.message}`, retryable: false };
      await this.client.fail(task, failure, this.#reporting());
      return error;
    }
  }

  #reporting() {
    const giveUpAfterMs = this.#isHurried ? LAST_REPORT_MS : REPORT_FOR_MS;
    return { signal: this.#ending.signal, retry: { giveUpAfterMs } };
  }
}

function failureOf(error: unknown): TaskError & { readonly retryAfterMs?: number } {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof TaskFailure)) return { code: 'FAILED', message, retryable: true };
  return { code: error.code, message, retryable: true, ...error.options };
}
