import type { ComplexityFactors as Factors, ComplexityScore } from './routing.dto.js';

export type { Factors };

/**
 * For each factor, its weight (the sum is 1), and the value at which it contributes half of its weight. See
 * docs/routing.md.
 */
export const CURVES: Readonly<Record<keyof Factors, { readonly weight: number; readonly half: number }>> = {
  length: { weight: 0.4, half: 400 },
  punctuation: { weight: 0.2, half: 12 },
  uniqueTokens: { weight: 0.4, half: 60 },
};

const DIGITS = 10_000;

/** Score in [0, 1). A larger factor never lowers it. */
export function scoreOf(factors: Factors): number {
  const names = Object.keys(CURVES) as (keyof Factors)[];
  const sum = names.reduce((total, name) => {
    const { weight, half } = CURVES[name];
    return total + weight * (factors[name] / (factors[name] + half));
  }, 0);
  // Rounded down, so that no text reaches 1.
  return Math.floor(sum * DIGITS) / DIGITS;
}

/** Scripts without spaces between words: each character is a token. */
const UNSPACED = String.raw`\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}`;
const TOKEN = new RegExp(
  String.raw`[${UNSPACED}]|\p{Extended_Pictographic}|(?:(?![${UNSPACED}])[\p{L}\p{M}\p{N}_])+`,
  'gu',
);
const PUNCTUATION = /\p{P}/gu;
/** No script puts more marks on a letter (UAX #15, stream-safe text). Normalising a longer run takes quadratic time. */
const SURPLUS_MARKS = /(?<=\p{M}{30})\p{M}+/gu;

/** Features of a text. */
export interface TextReading {
  readonly factors: Factors;
  readonly tokens: ReadonlySet<string>;
}

export function readText(text: string): TextReading {
  // Normalised, so that letters that look the same are equal.
  const plain = text.replace(SURPLUS_MARKS, '').normalize('NFC').trim().replace(/\s+/gu, ' ');
  const tokens = new Set(plain.toLowerCase().match(TOKEN));
  let length = 0;
  for (const _character of plain) length++;
  return {
    factors: { length, punctuation: plain.match(PUNCTUATION)?.length ?? 0, uniqueTokens: tokens.size },
    tokens,
  };
}

export function complexityOf({ factors }: TextReading): ComplexityScore {
  return { d_var: scoreOf(factors), factors };
}
