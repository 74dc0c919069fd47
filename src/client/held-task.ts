import { isFinal, TaskCancelledError } from './client-errors.js';
import { sleep } from './sleep.js';
import type { ClaimedTask } from './task-types.js';
import type { WaymarkClient } from './waymark-client.js';

/** Renewed at a third of the lease, so that one lost heartbeat does not lose it. */
const BEATS_PER_LEASE = 3;

/** A task in the hands of this worker: keeps its lease alive, and says when there is no use in going on. */
export class HeldTask {
  readonly #noUse = new AbortController();
  readonly #over = new AbortController();
  #isLost = false;

  constructor(
    private readonly client: WaymarkClient,
    readonly task: ClaimedTask,
    private readonly leaseMs: number,
  ) {
    void this.#keep();
  }

  get signal(): AbortSignal {
    return this.#noUse.signal;
  }

  /** Somebody else has it, or it has ended: nothing we say of it counts any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  abort(reason: Error): void {
    this.#noUse.abort(reason);
  }

  /** No heartbeats any more; an answer that is still under way is not listened to. */
  end(): void {
    this.#over.abort();
  }

  async progress(event: unknown): Promise<void> {
    try {
      this.#hear(await this.client.progress(this.task, event, { signal: this.signal }));
    } catch (error) {
      this.#refuse(error);
      throw error;
    }
  }

  async #keep(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await sleep(this.leaseMs / BEATS_PER_LEASE, this.#over.signal).catch(() => undefined);
      if (!this.#over.signal.aborted) await this.#beat();
    }
  }

  async #beat(): Promise<void> {
    const betweenMs = this.leaseMs / BEATS_PER_LEASE;
    try {
      const options = { signal: this.#over.signal, timeoutMs: Math.min(betweenMs, 10_000) };
      this.#hear(
        await this.client.heartbeat(this.task, this.leaseMs, {
          ...options,
          // Then the next one tries: an expired lease can be renewed as long as nobody else has claimed the task.
          retry: { mostMs: betweenMs / 2, giveUpAfterMs: betweenMs },
        }),
      );
    } catch (error) {
      this.#refuse(error);
    }
  }

  #hear({ cancelRequested }: { readonly cancelRequested: boolean }): void {
    if (!cancelRequested) return;
    const detail = `Task ${this.task.id} was asked to stop`;
    this.abort(new TaskCancelledError({ code: 'TASK_CANCELLED', status: 200, detail }));
  }

  #refuse(error: unknown): void {
    if (!isFinal(error) || this.#over.signal.aborted) return;
    this.#isLost = true;
    this.end();
    this.abort(error as Error);
  }
}
