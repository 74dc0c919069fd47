import type { Queue } from '../../client/index.js';
import { spanOf } from '../command-line/span.js';

type Row = readonly (string | number)[];

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

/** One line for each queue. */
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

/** All that is known of one queue. */
export function queuePage(queue: Queue): string {
  const { depth, rates, totals } = queue;
  const facts = [
    `queue         ${queue.paused ? `${queue.name} (paused)` : queue.name}`,
    `ready         ${depth.ready}`,
    `delayed       ${depth.delayed}`,
    `leased        ${depth.leased}`,
    `dead          ${depth.dead}`,
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

/** Texts to the left, numbers to the right; the first row is the head. */
function table(rows: readonly Row[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  const isNumeric = widths.map((_, column) => typeof rows[1]?.[column] === 'number');
  return rows
    .map((row) =>
      row
        .map((cell, i) => (isNumeric[i] ? String(cell).padStart(widths[i] ?? 0) : String(cell).padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
