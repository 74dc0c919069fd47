/**
 * Order of the UTF-8 bytes of two texts, as in Redis. It is that of the code units, except that surrogates, which make the
 * highest characters, come last.
 */
export function isBeforeInBytes(text: string, other: string): boolean {
  const length = Math.min(text.length, other.length);
  for (let i = 0; i < length; i++) {
    const [unit, otherUnit] = [text.charCodeAt(i), other.charCodeAt(i)];
    if (unit !== otherUnit) return placeOf(unit) < placeOf(otherUnit);
  }
  return text.length < other.length;
}

/** U+FFFF, which no id has, stays the last. */
function placeOf(unit: number): number {
  if (unit < 0xd800) return unit;
  if (unit === 0xffff) return 0x1_0000;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
