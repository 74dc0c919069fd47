/**
 * The same text for all spellings of a number, exact at any size: its significant digits and their power of ten.
 * 1, 1.0 and 10e-1 all give `1e0`; -0 gives `0`.
 */
export function canonicalNumber(text: string): string {
  const isNegative = text.startsWith('-');
  const exponentAt = text.search(/[eE]/);
  const mantissa = text.slice(isNegative ? 1 : 0, exponentAt === -1 ? text.length : exponentAt);
  const point = mantissa.indexOf('.');
  const digits = point === -1 ? mantissa : mantissa.slice(0, point) + mantissa.slice(point + 1);

  const first = digits.search(/[1-9]/);
  if (first === -1) return '0';
  let end = digits.length;
  while (digits[end - 1] === '0') end--;

  const fractionDigits = point === -1 ? 0 : mantissa.length - point - 1;
  const shift = digits.length - end - fractionDigits;
  const power = exponentAt === -1 ? shift : plus(text.slice(exponentAt + 1), shift);
  return `${isNegative ? '-' : ''}${digits.slice(first, end)}e${power}`;
}

/**
 * Adds to an exponent of any length. Up to 1,000 digits the sum is exact; a longer exponent stays as it is written, because
 * arithmetic with a million digits would block the process.
 */
function plus(exponent: string, shift: number): number | bigint | string {
  if (exponent.length < 15) return Number(exponent) + shift;
  if (exponent.length > 1000) return `${exponent}+${shift}`;
  return BigInt(exponent) + BigInt(shift);
}
