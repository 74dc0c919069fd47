import type { Queue } from '../../client/index.js';
import { spanOf } from '../command-line/span.js';

/** What an operator would want to know of; docs/worker-kit.md lists the rules. */
export function warningsOf(queue: Queue, longestWaitMs: number): readonly string[] {
  const { depth, oldestReadyAgeMs } = queue;
  const warnings: string[] = [];
  if (depth.dead > 0) warnings.push(`${depth.dead} dead`);
  if (queue.paused && depth.ready + depth.delayed > 0) warnings.push('paused, with tasks waiting');
  // A worker with its hands full does not ask, so one that has tasks counts as well.
  else if (depth.ready > 0 && queue.pollers === 0 && depth.leased === 0) warnings.push('tasks wait and no worker asks');
  if (oldestReadyAgeMs !== null && oldestReadyAgeMs > longestWaitMs) {
    warnings.push(`the oldest has been ready for ${spanOf(oldestReadyAgeMs)}`);
  }
  return warnings;
}
