import type { RedisConfig } from '../../config/config.js';
import { MIN_RETRY_WINDOW_MS } from '../commit.js';
import { longestConfirmMs } from './connection/confirmer.js';
import { longestSendMs } from './scripts/script-sender.js';

/** For stalls of this process and of Redis, and for edits that wait for a batch before them. */
const MARGIN_MS = 15_000;

/**
 * Longest time between the first and the last moment at which Redis may apply one write of a request. A write that
 * asks for a replica is sent, confirmed, and sent again if a failover lost it.
 */
function longestRetryMs(config: RedisConfig): number {
  return 2 * longestSendMs(config) + longestConfirmMs(config) + MARGIN_MS;
}

/** Retention of the outcome of a write under a key of the service itself: longer than its retries can take. */
export function retryWindowOf(config: RedisConfig): number {
  return Math.max(MIN_RETRY_WINDOW_MS, longestRetryMs(config));
}

/** @throws Error if a retry could come after the end of the window, and be applied a second time. */
export function assertRetryWindow(windowMs: number, config: RedisConfig): void {
  const needed = longestRetryMs(config);
  if (windowMs >= needed) return;
  throw new Error(`The retry window is ${windowMs} ms; with these timeouts of Redis it must be at least ${needed} ms`);
}
