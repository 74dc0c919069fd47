import { randomFillSync } from 'node:crypto';

/**
 * Position of an event: its time, its number among the events of one millisecond, the epoch of its feed, and the run
 * that wrote it.
 * The number is padded, so that ids of one epoch sort as text in the order of the feed. A longer number has a letter in
 * front, the later the longer: letters sort after digits. Such numbers occur when the clock of the store stands still or
 * was set back, and all events get the same millisecond.
 * Another epoch means another feed: the store was emptied or replaced. Another run at the same time and number means
 * another event: the store lost its newest events, and time and number were given out again.
 */
export interface EventPlace {
  readonly ms: number;
  readonly count: number;
  readonly epoch: string;
  /** Empty for an event that was written before runs had names. */
  readonly run: string;
}

const COUNT_DIGITS = 6;
const EVENT_ID = /^(\d{1,15})-([a-i]?)(\d{1,15})-([A-Za-z0-9]{1,32})(?:_([A-Za-z0-9]{1,16}))?$/;
const LONGER = 'abcdefghi';

export function eventIdOf({ ms, count, epoch, run }: EventPlace): string {
  const digits = String(count).padStart(COUNT_DIGITS, '0');
  const longer = LONGER[digits.length - COUNT_DIGITS - 1] ?? '';
  const place = `${ms}-${longer}${digits}-${epoch}`;
  return run === '' ? place : `${place}_${run}`;
}

/** Undefined for a text that is not an event id. */
export function placeOf(id: string): EventPlace | undefined {
  const found = EVENT_ID.exec(id);
  if (found === null) return undefined;
  const [, ms, , count, epoch = '', run = ''] = found;
  return { ms: Number(ms), count: Number(count), epoch, run };
}

const RUN_BYTES = 3;
const pool = Buffer.alloc(RUN_BYTES * 512);
let used = pool.length;

/** Name of a run of a script, or of a start of the embedded engine. A pool saves a system call for each. */
export function newRun(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += RUN_BYTES;
  return pool.toString('hex', used - RUN_BYTES, used);
}

export function eventTimeMs(id: string): number {
  return placeOf(id)?.ms ?? 0;
}

/** Whether `id` comes after `other`, for ids of one epoch. */
export function isAfter(id: string, other: string): boolean {
  // Ids of equal length, as nearly all are, compare as text.
  if (id.length === other.length) return id > other;
  const [a, b] = [placeOf(id), placeOf(other)];
  if (a === undefined || b === undefined) return id > other;
  return a.ms > b.ms || (a.ms === b.ms && a.count > b.count);
}
