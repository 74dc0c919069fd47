import { isFinal, isTransient, ProblemError } from './client-errors.js';
import { TaskFailure, WorkerStoppedError, type Handler, type TaskContext } from './handler.js';
import { LeasedTask } from './leased-task.js';
import { runHandler, type HandlerOutcome } from './run-handler.js';
import { sleep } from './sleep.js';
import type { Claim, ClaimedTask, TaskError } from './task-types.js';
import type { WaymarkClient } from './waymark-client.js';

export interface WorkerOptions {
  readonly queue: string;
  /** Name of this worker in the queue views of the service. */
  readonly worker: string;
  readonly handler: Handler;
  /** Tasks at the same time, 1 to 50; 1 when absent. */
  readonly concurrency?: number;
  readonly leaseMs?: number;
  /**
   * Aborts a handler whose lease has expired without an answer to a heartbeat; true when absent. False is for handlers
   * that may run twice at the same time.
   */
  readonly abortsWhenExpired?: boolean;
  /** How long a claim waits for tasks. */
  readonly waitMs?: number;
  /** How long to wait for a handler after its signal was aborted. */
  readonly graceMs?: number;
  readonly onEvent?: (event: WorkerEvent) => void;
}

/**
 * How the work on a task ended. After `unreported`, the service does not know the result and delivers the task again.
 */
export type TaskEnd = 'done' | 'failed' | 'released' | 'dropped' | 'unreported';

export interface WorkerEvent {
  readonly kind: TaskEnd;
  readonly task: ClaimedTask;
  readonly tookMs: number;
  readonly error?: unknown;
}

const DEFAULTS = {
  concurrency: 1,
  leaseMs: 30_000,
  abortsWhenExpired: true,
  waitMs: 20_000,
  graceMs: 5000,
  onEvent: () => undefined,
};

/** Time to retry the report of a result, which may be the work of an hour. */
const REPORT_RETRY_MS = 10 * 60_000;
/** While the worker stops, reports are retried only briefly. */
const FINAL_REPORT_RETRY_MS = 4000;
const SINGLE_TRY = { retry: { giveUpAfterMs: 0 }, timeoutMs: 2000 } as const;
/** Pause after an empty answer that came before `waitMs`, as from a service that shuts down. */
const EMPTY_CLAIM_PAUSE_MS = 1000;

const STOPPING = new WorkerStoppedError('The worker is stopping');

/**
 * Claims tasks of one queue up to `concurrency`, runs the handler and reports the results. Delivery is at least once: a task whose
 * worker dies, or whose report is lost for longer than its lease, is delivered again.
 */
export class Worker {
  readonly #options: Required<WorkerOptions>;
  readonly #leased = new Set<LeasedTask>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  /** Aborted when the time for reports is over. */
  readonly #ending = new AbortController();
  #isAborting = false;
  #hasContact = false;

  constructor(
    private readonly client: WaymarkClient,
    options: WorkerOptions,
  ) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /**
   * Runs until `stop`. Outages are retried forever once the service has answered a first time.
   * @throws UnreachableError when it never answered @throws ProblemError when claims are refused
   */
  async run(): Promise<void> {
    try {
      while (!this.#stopping.signal.aborted) {
        if (this.#running.size >= this.#options.concurrency) {
          await Promise.race(this.#running);
          continue;
        }
        const tasks = await this.#claim();
        if (this.#stopping.signal.aborted) await this.#releaseAll(tasks);
        else for (const task of tasks) this.#start(task);
      }
    } finally {
      await Promise.all(this.#running);
      this.#ending.abort(STOPPING);
    }
  }

  /**
   * Stops claiming and lets running tasks finish. Tasks that are not done after `timeoutMs` are aborted and released. A second call
   * can shorten the time.
   */
  stop(timeoutMs: number): void {
    this.#stopping.abort(STOPPING);
    if (this.#ending.signal.aborted) return;
    const timer = setTimeout(() => this.#abortRunning(), timeoutMs);
    this.#ending.signal.addEventListener('abort', () => clearTimeout(timer));
    // In this turn: a task whose handler fails from now on is then released and not counted as failed.
    if (timeoutMs === 0) this.#abortRunning();
  }

  #abortRunning(): void {
    if (this.#isAborting) return;
    this.#isAborting = true;
    for (const leased of this.#leased) leased.abort(STOPPING);
    const timer = setTimeout(() => this.#ending.abort(STOPPING), this.#options.graceMs + FINAL_REPORT_RETRY_MS);
    this.#ending.signal.addEventListener('abort', () => clearTimeout(timer));
  }

  /** Retries with the same Claim-Id, so that no task is lost with an answer. */
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
        const isEarly = performance.now() - startedAt < Math.min(EMPTY_CLAIM_PAUSE_MS, waitMs);
        if (tasks.length === 0 && isEarly)
          await sleep(Math.random() * EMPTY_CLAIM_PAUSE_MS, signal).catch(() => undefined);
        return tasks;
      } catch (error) {
        if (signal.aborted) return this.#repeatClaim(claim);
        // A transient refusal proves that the service is there, so the claim is retried.
        if (!(error instanceof ProblemError) || !isTransient(error)) throw error;
        this.#hasContact = true;
      }
    }
  }

  /** An aborted claim may have been applied; repeating it returns its tasks. */
  #repeatClaim(claim: Omit<Claim, 'waitMs'>): Promise<readonly ClaimedTask[]> {
    return this.client.claim(this.#options.queue, { ...claim, waitMs: 0 }, SINGLE_TRY).catch(() => []);
  }

  /** Releases tasks that were claimed while the worker stopped. */
  async #releaseAll(tasks: readonly ClaimedTask[]): Promise<void> {
    await Promise.all(tasks.map((task) => this.client.release(task, SINGLE_TRY).catch(() => undefined)));
  }

  #start(task: ClaimedTask): void {
    const running = this.#work(task).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #work(task: ClaimedTask): Promise<void> {
    const { handler, leaseMs, abortsWhenExpired, graceMs, onEvent } = this.#options;
    const startedAt = performance.now();
    const leased = new LeasedTask(this.client, task, leaseMs, abortsWhenExpired);
    this.#leased.add(leased);
    if (this.#isAborting) leased.abort(STOPPING);
    let isCommitted = false;
    const context: TaskContext = {
      signal: leased.signal,
      get leaseUntil() {
        return leased.leaseUntil;
      },
      progress: (event) => leased.progress(event),
      commit: async (parts, result) => {
        const ack = { taskId: task.id, leaseToken: task.leaseToken, result: result ?? null };
        const committed = await this.client.commit({ ...parts, ack }, this.#reporting());
        isCommitted = true;
        return committed;
      },
    };
    const emit = (kind: TaskEnd, error?: unknown) =>
      onEvent({ kind, task, tookMs: performance.now() - startedAt, ...(error !== undefined && { error }) });
    try {
      const outcome = await runHandler(() => handler(task, context), leased.signal, graceMs);
      if (isCommitted) emit('done');
      else if (leased.isLost) emit('dropped', leased.signal.reason);
      else await this.#report(leased, outcome, emit);
    } catch (error) {
      emit(isFinal(error) ? 'dropped' : 'unreported', error);
    } finally {
      leased.end();
      this.#leased.delete(leased);
    }
  }

  /** Heartbeats continue during the report. @throws the refusal of the report */
  async #report({ task, signal }: LeasedTask, outcome: HandlerOutcome, emit: (kind: TaskEnd, error?: unknown) => void) {
    if (outcome.kind === 'returned') {
      const refused = await this.#complete(task, outcome.value);
      return refused === undefined ? emit('done') : emit('failed', refused);
    }
    if (signal.aborted) {
      // A task with a requested cancellation ends here; any other returns to its place.
      await this.client.release(task, this.#reporting());
      return emit('released', signal.reason);
    }
    const error = outcome.kind === 'threw' ? outcome.error : undefined;
    const { retryAfterMs, ...failure } = failureOf(error);
    await this.client.fail(task, failure, { ...this.#reporting(), retryAfterMs });
    emit('failed', error);
  }

  /** A refused result (too large, for example) would be refused again, so the task fails for good. */
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
    const giveUpAfterMs = this.#isAborting ? FINAL_REPORT_RETRY_MS : REPORT_RETRY_MS;
    return { signal: this.#ending.signal, retry: { giveUpAfterMs } };
  }
}

function failureOf(error: unknown): TaskError & { readonly retryAfterMs?: number } {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof TaskFailure)) return { code: 'FAILED', message, retryable: true };
  return { code: error.code, message, retryable: true, ...error.options };
}
