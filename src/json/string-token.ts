import { BACKSLASH } from './characters.js';

/**
 * Offset of the closing quote of a string in well-formed JSON, or -1 when the text ends first. `start` is the offset
 * after the opening quote.
 */
export function closingQuote(text: string, start: number): number {
  let quote = text.indexOf('"', start);
  while (quote !== -1 && isEscaped(text, start, quote)) quote = text.indexOf('"', quote + 1);
  return quote;
}

/** An odd number of backslashes before a character escapes it. */
function isEscaped(text: string, start: number, offset: number): boolean {
  let run = offset;
  while (run > start && text.charCodeAt(run - 1) === BACKSLASH) run--;
  return (offset - run) % 2 === 1;
}

/** Value of the string token, with quotes, at [start, end). */
export function unescape(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  return inner.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : inner;
}
