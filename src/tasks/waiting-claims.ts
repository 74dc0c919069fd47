import { Injectable } from '@nestjs/common';
import { Engine } from '../engine/engine.js';
import type { Claim } from '../engine/task.js';
import type { Claimed } from '../engine/task-queues.js';
import { tenantKey } from '../engine/tenant-key.js';
import { TooManyWaitingError } from './task-errors.js';

const MAX_WAITING = 5000;
/** Poll interval per queue, since hints can be lost. */
const SLOW_POLL_MS = 5000;
const AFTER_FAILURE_MS = 1000;
/** Time to keep listening to a queue without waiters: a worker usually claims again soon. */
const LINGER_MS = 30_000;

export interface WaitingClaim {
  readonly claim: Claim;
  /** Once key. */
  readonly key: string;
}

interface Waiter extends WaitingClaim {
  /** The claim is in progress, so the waiter stays until it ends. */
  isServed: boolean;
  /** The wait ended: timeout or abort. */
  isOver: boolean;
  readonly resolve: (claimed: Claimed) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Claims that wait for tasks, in one line per queue.
 * A hint, the next due time or a slow poll lets the first claim in the line run, then the next one, until the queue is
 * empty. So a hundred waiting claims cost as much as one.
 */
@Injectable()
export class WaitingClaims {
  readonly #lines = new Map<string, Line>();
  #waiting = 0;

  constructor(private readonly engine: Engine) {}

  /** @throws TooManyWaitingError */
  async claim(tenant: string, waiting: WaitingClaim, waitMs: number, signal: AbortSignal): Promise<Claimed> {
    if (waitMs === 0) return this.engine.tasks.claim(tenant, waiting.claim, waiting.key);
    if (this.#waiting >= MAX_WAITING) throw new TooManyWaitingError(MAX_WAITING);
    this.#waiting++;
    try {
      return await this.#line(tenant, waiting.claim.queue).wait(waiting, waitMs, signal);
    } finally {
      this.#waiting--;
    }
  }

  #line(tenant: string, queue: string): Line {
    const key = tenantKey(tenant, queue);
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = new Line(this.engine, tenant, queue, () => this.#lines.delete(key));
      this.#lines.set(key, line);
    }
    return line;
  }
}

/** Claims that wait for one queue, first in, first out. */
class Line {
  readonly #waiters: Waiter[] = [];
  readonly #stopListening: () => void;
  #isServing = false;
  /** A hint has arrived since the last claim began. */
  #isAwake = true;
  #nextDueInMs: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly tenant: string,
    queue: string,
    private readonly over: () => void,
  ) {
    this.#stopListening = engine.onChange(tenant, `queue ${queue}`, () => this.#wake());
  }

  wait(waiting: WaitingClaim, waitMs: number, signal: AbortSignal): Promise<Claimed> {
    clearTimeout(this.#linger);
    return new Promise((resolve, reject) => {
      const leave = () => {
        waiter.isOver = true;
        if (!waiter.isServed) this.#dismiss(waiter);
      };
      const timer = setTimeout(leave, waitMs);
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        if (this.#waiters.length === 0) this.#lingerOn();
      };
      const waiter: Waiter = {
        ...waiting,
        isServed: false,
        isOver: false,
        resolve: (claimed) => {
          done();
          resolve(claimed);
        },
        reject: (error) => {
          done();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      this.#waiters.push(waiter);
      signal.addEventListener('abort', leave, { once: true });
      if (signal.aborted) return leave();
      // If others wait and no hint has arrived, the queue is empty.
      if (this.#isAwake || this.#waiters.length === 1) this.#wake();
    });
  }

  #wake(): void {
    this.#isAwake = true;
    if (!this.#isServing && this.#waiters.length > 0) void this.#serve();
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    clearTimeout(this.#timer);
    let pauseMs = SLOW_POLL_MS;
    while (this.#waiters.length > 0) {
      this.#isAwake = false;
      const waiter = this.#waiters[0] as Waiter;
      waiter.isServed = true;
      try {
        const claimed = await this.engine.tasks.claim(this.tenant, waiter.claim, waiter.key);
        waiter.isServed = false;
        this.#nextDueInMs = claimed.nextDueInMs;
        if (claimed.tasks.length > 0) {
          this.#waiters.shift();
          waiter.resolve(claimed);
          continue;
        }
        pauseMs = Math.min(SLOW_POLL_MS, claimed.nextDueInMs ?? SLOW_POLL_MS);
        if (waiter.isOver) this.#dismiss(waiter);
      } catch (error) {
        this.#waiters.shift();
        waiter.reject(error);
        pauseMs = AFTER_FAILURE_MS;
        break;
      }
      // A hint during the claim may be newer than the answer.
      if (!this.#isAwake) break;
    }
    this.#isServing = false;
    if (this.#waiters.length > 0) this.#timer = setTimeout(() => this.#wake(), Math.max(1, pauseMs));
  }

  /** Ends the wait without a task. */
  #dismiss(waiter: Waiter): void {
    this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    waiter.resolve({ tasks: [], nextDueInMs: this.#nextDueInMs, isPaused: false });
  }

  #lingerOn(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      if (this.#waiters.length > 0) return;
      this.#stopListening();
      this.over();
    }, LINGER_MS).unref();
  }
}
