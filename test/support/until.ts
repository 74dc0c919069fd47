import { setTimeout as sleep } from 'node:timers/promises';

/** Ends a wait for something that never happens; a busy machine stays far below it. */
const TIMEOUT_MS = 90_000;
const MIN_PAUSE_MS = 5;
const MAX_PAUSE_MS = 100;

/** Waits until the condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const begin = performance.now();
  while (!(await condition())) {
    const waitedMs = performance.now() - begin;
    if (waitedMs > timeoutMs) throw new Error(`Not true within ${timeoutMs} ms: ${what}`);
    // Conditions that ask a service again and again cost more processor time than all other requests of a long wait.
    await sleep(Math.min(Math.max(waitedMs / 10, MIN_PAUSE_MS), MAX_PAUSE_MS));
  }
}
