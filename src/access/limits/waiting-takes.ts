import { setTimeout as sleep } from 'node:timers/promises';
import { TooManyTakesError } from './limit-errors.js';
import type { Lease, Leases } from './leases.js';

const MAX_WAITING = 5000;
/** Maximum time between two attempts, since tokens may be given back at any time. */
const MAX_PAUSE_MS = 1000;

interface Waiting {
  readonly cost: number;
  readonly over: AbortSignal;
  readonly answer: (isGranted: boolean) => void;
}

/**
 * Takes that wait for tokens, in one line per bucket. The first one asks again when its cost should be available; the
 * others wait behind it.
 */
export class WaitingTakes {
  readonly #lines = new Map<Lease, Waiting[]>();
  #count = 0;

  constructor(private readonly leases: Leases) {}

  /** @throws TooManyTakesError */
  async take(lease: Lease, cost: number, waitMs: number, over: AbortSignal): Promise<boolean> {
    if (waitMs === 0) return this.leases.spend(lease, cost);
    if (this.#count >= MAX_WAITING) throw new TooManyTakesError(MAX_WAITING);
    this.#count++;
    const ends = new AbortController();
    const end = () => ends.abort();
    const timer = setTimeout(end, waitMs);
    over.addEventListener('abort', end, { once: true });
    if (over.aborted) end();
    try {
      return await new Promise<boolean>((answer) => {
        const waiting = { cost, over: ends.signal, answer };
        ends.signal.addEventListener('abort', () => answer(false), { once: true });
        const line = this.#lines.get(lease);
        if (line !== undefined) line.push(waiting);
        else {
          const begun = [waiting];
          this.#lines.set(lease, begun);
          void this.#serve(lease, begun);
        }
      });
    } finally {
      clearTimeout(timer);
      over.removeEventListener('abort', end);
      this.#count--;
    }
  }

  async #serve(lease: Lease, line: Waiting[]): Promise<void> {
    for (let first = line[0]; first !== undefined; first = line[0]) {
      const { cost, over, answer } = first;
      if (!over.aborted && !(await this.leases.spend(lease, cost))) {
        const pauseMs = Math.min(MAX_PAUSE_MS, Math.max(1, this.leases.retryAfterMs(lease, cost)));
        await sleep(pauseMs, undefined, { signal: over }).catch(() => undefined);
        continue;
      }
      // If the client has left, nobody gets the tokens; they end with their lease.
      answer(!over.aborted);
      line.shift();
    }
    this.#lines.delete(lease);
  }
}
