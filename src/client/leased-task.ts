import { isFinal, LeaseExpiredError, TaskCancelledError } from './client-errors.js';
import { sleep } from './sleep.js';
import type { ClaimedTask } from './task-types.js';
import type { WaymarkClient } from './waymark-client.js';

/** One failed heartbeat must not lose the lease. */
const HEARTBEATS_PER_LEASE = 3;

/** Keeps the lease of a task alive, and aborts `signal` when the handler should stop. */
export class LeasedTask {
  readonly #aborted = new AbortController();
  readonly #ended = new AbortController();
  readonly signal = this.#aborted.signal;
  #isLost = false;
  #leaseUntil: number;
  #expiry: NodeJS.Timeout | undefined;

  constructor(
    private readonly client: WaymarkClient,
    readonly task: ClaimedTask,
    private readonly leaseMs: number,
    /** False lets the handler go on when the lease has expired. */
    private readonly abortsWhenExpired = true,
  ) {
    this.#leaseUntil = performance.now() + leaseMs;
    this.#watchExpiry();
    void this.#keepLease();
  }

  /** Another worker has the task, or it has ended: reports would be refused. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** End of the lease as far as it is confirmed, by the clock of `performance.now()`. */
  get leaseUntil(): number {
    return this.#leaseUntil;
  }

  abort(reason: Error): void {
    this.#aborted.abort(reason);
  }

  /** Stops heartbeats and ignores pending answers. */
  end(): void {
    this.#ended.abort();
    clearTimeout(this.#expiry);
  }

  async progress(event: unknown): Promise<void> {
    const sentAt = performance.now();
    try {
      this.#handleAnswer(sentAt, await this.client.progress(this.task, event, { signal: this.signal }));
    } catch (error) {
      this.#handleError(error);
      throw error;
    }
  }

  async #keepLease(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      await sleep(this.leaseMs / HEARTBEATS_PER_LEASE, this.#ended.signal).catch(() => undefined);
      if (!this.#ended.signal.aborted) await this.#heartbeat();
    }
  }

  async #heartbeat(): Promise<void> {
    const intervalMs = this.leaseMs / HEARTBEATS_PER_LEASE;
    const sentAt = performance.now();
    try {
      // The next heartbeat retries: an expired lease can be renewed until another worker claims the task.
      const retry = { maxMs: intervalMs / 2, giveUpAfterMs: intervalMs };
      const options = { signal: this.#ended.signal, timeoutMs: Math.min(intervalMs, 10_000), retry };
      this.#handleAnswer(sentAt, await this.client.heartbeat(this.task, this.leaseMs, options));
    } catch (error) {
      this.#handleError(error);
    }
  }

  #handleAnswer(sentAt: number, { cancelRequested }: { readonly cancelRequested: boolean }): void {
    // The service has renewed the lease when it got the request, which was not before `sentAt`.
    this.#leaseUntil = Math.max(this.#leaseUntil, sentAt + this.leaseMs);
    if (!cancelRequested) return;
    const detail = `Cancellation of task ${this.task.id} was requested`;
    this.abort(new TaskCancelledError({ code: 'TASK_CANCELLED', status: 200, detail }));
  }

  #watchExpiry(): void {
    if (!this.abortsWhenExpired || this.#ended.signal.aborted) return;
    const leftMs = this.#leaseUntil - performance.now();
    if (leftMs > 0) {
      this.#expiry = setTimeout(() => this.#watchExpiry(), leftMs);
      return;
    }
    this.abort(new LeaseExpiredError(`No heartbeat of task ${this.task.id} was answered for ${this.leaseMs} ms`));
  }

  #handleError(error: unknown): void {
    if (!isFinal(error) || this.#ended.signal.aborted) return;
    this.#isLost = true;
    this.end();
    this.abort(error as Error);
  }
}
