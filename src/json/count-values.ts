import { COMMA, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './characters.js';
import { closingQuote } from './string-token.js';

/** Whether a JSON text has more than `max` values, about; JSON.parse would take long for millions. Texts are not read. */
export function hasManyValues(text: string, max: number): boolean {
  let count = 0;
  for (let i = 0; i < text.length && count <= max; i++) {
    const character = text.charCodeAt(i);
    if (character === QUOTE) {
      i = closingQuote(text, i + 1);
      if (i === -1) break;
    } else if (character === COMMA || character === OPEN_BRACE || character === OPEN_BRACKET) {
      count++;
    }
  }
  return count > max;
}
