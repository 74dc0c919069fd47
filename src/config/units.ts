/** Milliseconds of each unit, in ascending order. */
export const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `500ms`, `5s`, `5` (seconds), `10m`, `24h`, `30d`; NaN for anything else. */
export function durationMs(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  return amount === undefined ? Number.NaN : Math.round(Number(amount) * (UNITS[unit] as number));
}

/** Duration in the largest unit that divides it; a single day is `24h`, nothing is `0s`. */
export function showDuration(ms: number): string {
  const fits = Object.entries(UNITS).filter(
    ([unit, size]) => ms % size === 0 && ms >= size && (unit !== 'd' || ms > size),
  );
  const [unit, size] = fits.at(-1) ?? ['s', 1000];
  return `${ms / size}${unit}`;
}

/** NaN if the text is not a plain decimal integer. */
export function integerOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}
