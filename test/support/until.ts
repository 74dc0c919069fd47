import { setTimeout as sleep } from 'node:timers/promises';

/** Ends a wait for something that never happens; a busy machine stays far below it. */
const TIMEOUT_MS = 90_000;

/** Waits until the condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Not true within ${timeoutMs} ms: ${what}`);
    await sleep(5);
  }
}
