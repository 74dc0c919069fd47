import { isFinal, TaskCancelledError } from './client-errors.js';
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

  constructor(
    private readonly client: WaymarkClient,
    readonly task: ClaimedTask,
    private readonly leaseMs: number,
  ) {
    void this.#keepLease();
  }

  /** Another worker has the task, or it has ended: reports would be refused. */
  get isLost(): boolean {
    return this.#isLost;
  }

  abort(reason: Error): void {
    this.#aborted.abort(reason);
  }

  /** Stops heartbeats and ignores pending answers. */
  end(): void {
    this.#ended.abort();
  }

  async progress(event: unknown): Promise<void> {
    try {
      this.#handleAnswer(await this.client.progress(this.task, event, { signal: this.signal }));
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
    try {
      // The next heartbeat retries: an expired lease can be renewed until another worker claims the task.
      const retry = { maxMs: intervalMs / 2, giveUpAfterMs: intervalMs };
      const options = { signal: this.#ended.signal, timeoutMs: Math.min(intervalMs, 10_000), retry };
      this.#handleAnswer(await this.client.heartbeat(this.task, this.leaseMs, options));
    } catch (error) {
      this.#handleError(error);
    }
  }

  #handleAnswer({ cancelRequested }: { readonly cancelRequested: boolean }): void {
    if (!cancelRequested) return;
    const detail = `Cancellation of task ${this.task.id} was requested`;
    this.abort(new TaskCancelledError({ code: 'TASK_CANCELLED', status: 200, detail }));
  }

  #handleError(error: unknown): void {
    if (!isFinal(error) || this.#ended.signal.aborted) return;
    this.#isLost = true;
    this.end();
    this.abort(error as Error);
  }
}
