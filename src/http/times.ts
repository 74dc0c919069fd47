const DAY_MS = 86_400_000;
const two = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'));

interface Day {
  readonly number: number;
  readonly iso: string;
  readonly http: string;
}

/** Cache of two days. Nearly all times are on the day of a write or of its deadline. */
let [latest, other]: [Day, Day] = [dayOf(0), dayOf(0)];

/** 2026-01-31T12:00:00.000Z. Every answer has three or four, and `toISOString` takes half a microsecond each. */
export function isoTime(ms: number): string {
  const { iso, number } = cachedDay(ms);
  const rest = ms - number * DAY_MS;
  const millis = rest % 1000;
  return `${iso}T${clock(rest)}.${millis < 100 ? '0' : ''}${two[millis] ?? millis}Z`;
}

/** Sat, 31 Jan 2026 12:00:00 GMT */
export function httpTime(ms: number): string {
  const { http, number } = cachedDay(ms);
  return `${http} ${clock(ms - number * DAY_MS)} GMT`;
}

/** Date and time by RFC 3339 without leap seconds. `parseTime` checks that the day exists. */
export const RFC_3339 =
  /^(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** Milliseconds; NaN for any other text. */
export function parseTime(text: string): number {
  const [, day] = RFC_3339.exec(text) ?? [];
  const midnight = day === undefined ? Number.NaN : Date.parse(`${day}T00:00:00Z`);
  // Date.parse reads 30 February as 2 March.
  const isDay = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(`${day}T`);
  return isDay ? Date.parse(text.toUpperCase()) : Number.NaN;
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${two[Math.floor(seconds / 3600)]}:${two[Math.floor(seconds / 60) % 60]}:${two[seconds % 60]}`;
}

function cachedDay(ms: number): Day {
  const number = Math.floor(ms / DAY_MS);
  if (number === latest.number) return latest;
  if (number === other.number) return other;
  [latest, other] = [dayOf(number), latest];
  return latest;
}

function dayOf(number: number): Day {
  const date = new Date(number * DAY_MS);
  return { number, iso: date.toISOString().slice(0, -14), http: date.toUTCString().slice(0, -13) };
}
