/**
 * Where an event stands: its time, its number among the events of one millisecond, and the epoch of the feed it belongs to. Padded,
 * so that the ids of an epoch sort as texts in the order of the feed. Another epoch is another feed: the store was emptied or
 * replaced in between.
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

/** Undefined for a text that no feed has ever given out. */
export function placeOf(id: string): EventPlace | undefined {
  const found = EVENT_ID.exec(id);
  if (found === null) return undefined;
  const [, ms, count, epoch = ''] = found;
  return { ms: Number(ms), count: Number(count), epoch };
}

export function eventTimeMs(id: string): number {
  return placeOf(id)?.ms ?? 0;
}

/** Of two ids of one epoch. */
export function isBehind(id: string, other: string): boolean {
  // Nearly all have the same length; then texts compare as the numbers in them.
  if (id.length === other.length) return id > other;
  const [a, b] = [placeOf(id), placeOf(other)];
  if (a === undefined || b === undefined) return id > other;
  return a.ms > b.ms || (a.ms === b.ms && a.count > b.count);
}
