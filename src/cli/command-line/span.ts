const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** 1500 is 1.5s: short, for people. Nothing is a dash. */
export function spanOf(ms: number | null): string {
  if (ms === null) return '-';
  const [unit, length] = UNITS.find(([, length]) => ms >= length) ?? ['ms', 1];
  return `${Math.floor((ms / length) * 10) / 10}${unit}`;
}
