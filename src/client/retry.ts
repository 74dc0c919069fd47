import { isTransient, ProblemError } from './client-errors.js';
import { sleep } from './sleep.js';

export interface RetryPolicy {
  /** Longest pause before the first retry; it doubles with each. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** No retry begins later than this after the first attempt; 0 means none at all. */
  readonly giveUpAfterMs: number;
}

export const USUAL_RETRY: RetryPolicy = { firstMs: 200, mostMs: 10_000, giveUpAfterMs: 30_000 };

export interface Retry {
  readonly error: unknown;
  readonly inMs: number;
}

/**
 * Full jitter: anything from nothing to the bound, so that clients that failed together do not come back together. The
 * service's own wish is a least time, and the jitter comes on top.
 */
export function pauseMs(attempt: number, policy: RetryPolicy, retryAfterMs = 0, random = Math.random()): number {
  return retryAfterMs + random * Math.min(policy.mostMs, policy.firstMs * 2 ** Math.min(attempt, 30));
}

/** Repeats `work` while its failure is one that may pass. @throws what the last attempt threw. */
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

/** Of a Retry-After header: seconds, or a date. */
export function retryAfterMsOf(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
