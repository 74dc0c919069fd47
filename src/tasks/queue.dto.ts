import type { QueueTotal } from '../engine/records/queue-fields.js';
import type { QueueRecord } from '../engine/task-queues.js';
import { AtMostOne } from '../http/shapes/field.js';
import { Count, Decimal, Flag, Integer, ListOf, Nested, Text, Time, Values } from '../http/shapes/fields.js';
import { Name, queueName, QueueName, QueueOrDeadList, QueuePrefix, taskId } from '../http/shapes/names.js';
import { LEASE_MS } from './new-task.dto.js';

const MAX_CLAIMED = 50;
const MAX_CLAIM_WAIT_MS = 30_000;
const MAX_REPLAYED = 100;
const MAX_SPREAD_MS = 86_400_000;

export class QueuePath {
  @QueueName({ about: 'Name of a queue' }) queue!: string;
}

export class DeadListPath {
  @QueueOrDeadList({ about: 'Name of a queue; `orders.dlq` is read as `orders`' }) queue!: string;
}

export class QueueDepth {
  @Count() ready!: number;
  @Count() delayed!: number;
  @Count() leased!: number;
  @Count() dead!: number;
}

export class QueueRates {
  @Decimal({ as: 'enqueuedPerMinute' }) enqueued!: number;
  @Decimal({ as: 'completedPerMinute' }) completed!: number;
}

export class QueueTotals implements Readonly<Record<QueueTotal, number>> {
  @Count() enqueued!: number;
  @Count() claimed!: number;
  @Count() completed!: number;
  @Count() retried!: number;
  @Count() died!: number;
  @Count() cancelled!: number;
}

export class QueueWorker {
  @Text() name!: string;
  @Time({ as: 'lastSeenAt' }) seenAtMs!: number;
  @Count() leased!: number;
}

export class Queue {
  @QueueName() name!: string;
  @Flag({ as: 'paused' }) isPaused!: boolean;
  @Nested(() => QueueDepth) depth!: QueueDepth;
  @Count({ about: 'Bytes of headers and payloads of the ready, delayed and leased tasks' }) bytes!: number;
  @Count({ about: 'Bytes of headers and payloads of the dead tasks' }) deadBytes!: number;
  @Count({ nullable: true }) oldestReadyAgeMs!: number | null;
  @Count({ nullable: true }) nextDueInMs!: number | null;
  @Count({ about: 'Number of workers that claimed within the last minute' }) pollers!: number;
  @Nested(() => QueueRates) rates!: QueueRates;
  @Nested(() => QueueTotals) totals!: QueueTotals;
  @Text({ nullable: true }) lastEventId!: string | null;
  @ListOf(() => QueueWorker) workers!: readonly QueueWorker[];
}

export class QueueListQuery {
  @Integer({ min: 1, max: 1000, default: 100 }) limit!: number;
  @Text({ optional: true, about: '`nextCursor` of the previous page' }) cursor?: string;
  @QueuePrefix({ optional: true, about: 'Only names that start with this', example: 'mail' }) prefix?: string;
}

/** May be shorter than its limit, where queues have many leased tasks. */
export class QueuePage {
  @ListOf(() => Queue) items!: readonly Queue[];
  @Values(queueName(), { about: 'Queues of this page whose keys in Redis another program has replaced' })
  unreadable!: readonly string[];
  @Text({ nullable: true }) nextCursor!: string | null;
}

/** A worker counts as a poller for this time after its last claim. */
const POLLING_MS = 60_000;

export function queueView(queue: QueueRecord, lastEventId: string, now: number): Queue {
  const { oldestReadyAtMs, nextDueAtMs, perMinute, workers } = queue;
  return {
    ...queue,
    depth: queue,
    oldestReadyAgeMs: oldestReadyAtMs === null ? null : Math.max(0, now - oldestReadyAtMs),
    nextDueInMs: nextDueAtMs === null ? null : Math.max(0, nextDueAtMs - now),
    pollers: workers.filter(({ seenAtMs }) => seenAtMs > now - POLLING_MS).length,
    rates: perMinute,
    lastEventId,
  };
}

export class ClaimHeaders {
  @Text({
    as: 'Claim-Id',
    pattern: /^[!-~]{1,255}$/,
    optional: true,
    says: 'must be 1 to 255 visible ASCII characters',
    about: 'A repeated claim with the same id gets the same tasks and tokens, as long as their leases last',
  })
  claimId?: string;
}

export class ClaimRequest {
  @Integer({
    min: 1,
    max: MAX_CLAIMED,
    default: 1,
    about: 'An answer has at most 8 MiB of payloads, or one task; further tasks stay ready',
    example: 10,
  })
  max!: number;
  @Integer({ ...LEASE_MS, optional: true, about: 'Replaces the leaseMs of the tasks', example: 30_000 })
  leaseMs?: number;
  @Integer({ min: 0, max: MAX_CLAIM_WAIT_MS, default: 0 }) waitMs!: number;
  @Name({ optional: true, example: 'worker-1' }) worker?: string;
}

/** Neither `ids` nor `max`: the oldest hundred. */
@AtMostOne('ids', 'max')
export class DeadSelection {
  @Values(taskId(), {
    min: 1,
    max: MAX_REPLAYED,
    optional: true,
    says: `must be a list of 1 to ${MAX_REPLAYED} ids of tasks`,
  })
  ids?: readonly string[];
  @Integer({
    min: 1,
    max: MAX_REPLAYED,
    optional: true,
    about: 'Maximum number of tasks, oldest first; 100 when `ids` is absent too',
    example: 10,
  })
  max?: number;
}

export function selectionOf({ ids, max = MAX_REPLAYED }: DeadSelection): { ids: readonly string[] } | { max: number } {
  return ids === undefined ? { max } : { ids };
}

export class DeadReplay extends DeadSelection {
  @Flag({ default: true }) resetAttempts!: boolean;
  @Integer({ min: 0, max: MAX_SPREAD_MS, default: 0 }) spreadMs!: number;
}

export class ReplayedTasks {
  @Count() replayed!: number;
  @Values(taskId(), { max: MAX_REPLAYED }) ids!: readonly string[];
}

export class RemovedTasks {
  @Count() removed!: number;
}
