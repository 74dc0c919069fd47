import type { Queue } from '../../client/index.js';
import { spanOf } from '../command-line/output.js';
import { table, type Row } from '../command-line/table.js';

const HEAD = [
  'QUEUE',
  'READY',
  'DELAYED',
  'LEASED',
  'DEAD',
  'OLDEST READY',
  'NEXT DUE',
  'POLLERS',
  'IN/MIN',
  'DONE/MIN',
];

/** A table with a row per queue. */
export function queuesTable(queues: readonly Queue[]): string {
  const rows = queues.map(({ name, paused, depth, rates, ...queue }): Row => [
    paused ? `${name} (paused)` : name,
    depth.ready,
    depth.delayed,
    depth.leased,
    depth.dead,
    spanOf(queue.oldestReadyAgeMs),
    spanOf(queue.nextDueInMs),
    queue.pollers,
    rates.enqueuedPerMinute,
    rates.completedPerMinute,
  ]);
  return table([HEAD, ...rows]);
}

/** The details of one queue, with its workers. */
export function queuePage(queue: Queue): string {
  const { depth, rates, totals } = queue;
  const facts = [
    `queue         ${queue.paused ? `${queue.name} (paused)` : queue.name}`,
    `ready         ${depth.ready}`,
    `delayed       ${depth.delayed}`,
    `leased        ${depth.leased}`,
    `dead          ${depth.dead}`,
    `bytes         ${queue.bytes} in open tasks, ${queue.deadBytes} in dead ones`,
    `oldest ready  ${spanOf(queue.oldestReadyAgeMs)}`,
    `next due      ${spanOf(queue.nextDueInMs)}`,
    `pollers       ${queue.pollers}`,
    `per minute    ${rates.enqueuedPerMinute} in, ${rates.completedPerMinute} done`,
    `so far        ${totals.enqueued} enqueued, ${totals.claimed} claimed, ${totals.completed} completed`,
    `              ${totals.retried} retried, ${totals.died} died, ${totals.cancelled} cancelled`,
    `last event    ${queue.lastEventId ?? '-'}`,
  ].join('\n');
  if (queue.workers.length === 0) return facts;
  const workers = queue.workers.map(({ name, leased, lastSeenAt }): Row => [name, leased, lastSeenAt]);
  return `${facts}\n\n${table([['WORKER', 'LEASED', 'LAST ASKED'], ...workers])}`;
}

/** Conditions that an operator should look at; docs/worker-kit.md lists the rules. */
export function warningsOf(queue: Queue, maxWaitMs: number): readonly string[] {
  const { depth, oldestReadyAgeMs } = queue;
  const warnings: string[] = [];
  if (depth.dead > 0) warnings.push(`${depth.dead} dead`);
  if (queue.paused && depth.ready + depth.delayed > 0) warnings.push('paused, with tasks waiting');
  // A busy worker does not poll, so leased tasks count as a worker too.
  else if (depth.ready > 0 && queue.pollers === 0 && depth.leased === 0)
    warnings.push('tasks are ready and no worker polls');
  if (oldestReadyAgeMs !== null && oldestReadyAgeMs > maxWaitMs) {
    warnings.push(`the oldest task has been ready for ${spanOf(oldestReadyAgeMs)}`);
  }
  return warnings;
}
