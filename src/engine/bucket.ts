/** Tokens come back one each `windowMs / limit`, up to `burst` of them. */
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
  /** Tokens wanted. Fewer are granted when fewer are there, but no fewer than `least`: then none is. */
  readonly want: number;
  readonly least: number;
  /** Tokens given back before that, and the time of the store until which they count; without one they always do. */
  readonly back?: number;
  readonly backByMs?: number;
}

export interface Taken {
  readonly granted: number;
  /** Whole tokens that are left. */
  readonly left: number;
  /** After a refusal the time until `least` tokens are there, else until one more is; 0 when the bucket is full. */
  readonly nextMs: number;
  /** Time of the store. */
  readonly atMs: number;
}

/** Absorbs the rounding of a division, far less than a token. */
const ALMOST = 1e-9;
/** Time by which tokens without a deadline may come back: always. */
export const NO_DEADLINE_MS = 9e12;

export function intervalUs({ limit, windowMs }: Rate): number {
  return (windowMs * 1000) / limit;
}

/**
 * One take from a bucket by GCRA. A bucket is one number: the time when it will be full again, in whole microseconds; undefined is full.
 * The Lua module `bucket` does the same step for step, so each line here has its line there.
 */
export function takeFrom(stored: number | undefined, nowUs: number, take: Take): { full?: number; taken: Taken } {
  const { want, least, back = 0, backByMs = NO_DEADLINE_MS } = take;
  const { burst } = take.rate;
  const interval = intervalUs(take.rate);
  // A clock that is set back, or a limit that is lowered, costs at most one bucket.
  let full = Math.min(Math.max(stored ?? nowUs, nowUs), nowUs + burst * interval);
  if (back > 0 && nowUs <= backByMs * 1000) full = Math.max(nowUs, full - back * interval);
  const room = burst - (full - nowUs) / interval;
  let granted = Math.min(want, Math.floor(room + ALMOST));
  if (granted < least) granted = 0;
  // Rounded down: a burst is never a token short.
  full = Math.floor(full + granted * interval);
  const left = Math.max(0, Math.floor(room - granted + ALMOST));
  const next = granted < least ? least : Math.min(left + 1, burst);
  const nextMs = Math.max(0, Math.ceil(((next + granted - room) * interval) / 1000));
  return { ...(full > nowUs && { full }), taken: { granted, left, nextMs, atMs: Math.floor(nowUs / 1000) } };
}
