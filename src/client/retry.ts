import { isTransient, ProblemError } from './client-errors.js';
import { sleep } from './sleep.js';

export interface RetryPolicy {
  /** Maximum pause before the first retry; doubles with each retry. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** No retry starts later than this after the first attempt; 0 means no retries. */
  readonly giveUpAfterMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { firstMs: 200, maxMs: 10_000, giveUpAfterMs: 30_000 };

export interface Retry {
  readonly error: unknown;
  readonly inMs: number;
}

/**
 * Back-off with full jitter: random between 0 and the bound, so that clients that failed together do not retry together.
 * Retry-After is a minimum, to which the jitter is added.
 */
export function pauseMs(attempt: number, policy: RetryPolicy, retryAfterMs = 0, random = Math.random()): number {
  return retryAfterMs + random * Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt, 30));
}

/** Retries `work` after transient failures. @throws the error of the last attempt */
export async function withRetries<T>(
  work: () => Promise<T>,
  policy: RetryPolicy,
  { signal, onRetry }: { readonly signal?: AbortSignal | undefined; readonly onRetry?: (retry: Retry) => void } = {},
): Promise<T> {
  const start = performance.now();
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const inMs = pauseMs(attempt, policy, error instanceof ProblemError ? error.retryAfterMs : undefined);
      const isTooLate = performance.now() - start + inMs > policy.giveUpAfterMs;
      if (!isTransient(error) || policy.giveUpAfterMs === 0 || isTooLate) throw error;
      onRetry?.({ error, inMs });
      await sleep(inMs, signal);
    }
  }
}

/** Delay of a Retry-After header, which has seconds or a date. */
export function retryAfterMsOf(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
