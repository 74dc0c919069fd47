/**
 * Position of an event: its time, its number among the events of one millisecond, and the epoch of its feed.
 * The number is padded, so that ids of one epoch sort as text in the order of the feed.
 * Another epoch means another feed: the store was emptied or replaced.
 */
export interface EventPlace {
  readonly ms: number;
  readonly count: number;
  readonly epoch: string;
}

const COUNT_DIGITS = 6;
const EVENT_ID = /^(\d{1,15})-(\d{1,15})-([A-Za-z0-9]{1,32})$/;

export function eventIdOf({ ms, count, epoch }: EventPlace): string {
  return `${ms}-${String(count).padStart(COUNT_DIGITS, '0')}-${epoch}`;
}

/** Undefined for a text that is not an event id. */
export function placeOf(id: string): EventPlace | undefined {
  const found = EVENT_ID.exec(id);
  if (found === null) return undefined;
  const [, ms, count, epoch = ''] = found;
  return { ms: Number(ms), count: Number(count), epoch };
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
