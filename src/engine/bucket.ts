/** One token comes back every `windowMs / limit` milliseconds, up to `burst` tokens. */
export interface Rate {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
}

/** Tokens that are taken from one bucket, or given back to it. */
export interface Take {
  /** Letters, digits and `. _ : - @ ~ +`. */
  readonly bucket: string;
  readonly rate: Rate;
  /** Wanted tokens. If fewer are left, fewer are granted; if fewer than `least` are left, none are. */
  readonly want: number;
  readonly least: number;
  /** Tokens that are given back before this take. */
  readonly back?: number;
  /** Time of the store until which returned tokens are accepted; absent: always. */
  readonly backByMs?: number;
}

export interface Taken {
  readonly granted: number;
  /** Whole tokens that are left. */
  readonly left: number;
  /**
   * After a refusal, the time until `least` tokens are there. Otherwise the time until one more is there; 0 when the
   * bucket is full.
   */
  readonly nextMs: number;
  /** Time of the store. */
  readonly atMs: number;
}

/** Tolerance for the rounding of a division; far less than a token. */
const TOLERANCE = 1e-9;
/** Deadline of tokens that may come back at any time. */
export const NO_DEADLINE_MS = 9e12;

export function intervalUs({ limit, windowMs }: Rate): number {
  return (windowMs * 1000) / limit;
}

/**
 * One take from a bucket, by the generic cell rate algorithm (GCRA).
 * A bucket is one number: the time when it will be full again, in whole microseconds; undefined is full.
 * The Lua module `bucket` has the same steps, line by line.
 */
export function takeFrom(stored: number | undefined, nowUs: number, take: Take): { full?: number; taken: Taken } {
  const { want, least, back = 0, backByMs = NO_DEADLINE_MS } = take;
  const { burst } = take.rate;
  const interval = intervalUs(take.rate);
  // At most the time that an empty bucket needs to fill, even if the clock was set back or the limit was lowered.
  let full = Math.min(Math.max(stored ?? nowUs, nowUs), nowUs + burst * interval);
  if (back > 0 && nowUs <= backByMs * 1000) full = Math.max(nowUs, full - back * interval);
  const available = burst - (full - nowUs) / interval;
  let granted = Math.min(want, Math.floor(available + TOLERANCE));
  if (granted < least) granted = 0;
  // Rounded down, so that a burst never lacks a token.
  full = Math.floor(full + granted * interval);
  const left = Math.max(0, Math.floor(available - granted + TOLERANCE));
  const next = granted < least ? least : Math.min(left + 1, burst);
  const nextMs = Math.max(0, Math.ceil(((next + granted - available - TOLERANCE) * interval) / 1000));
  return { ...(full > nowUs && { full }), taken: { granted, left, nextMs, atMs: Math.floor(nowUs / 1000) } };
}
