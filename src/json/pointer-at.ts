import { CLOSE_BRACE, CLOSE_BRACKET, COLON, COMMA, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './characters.js';
import { escapeToken } from './pointer.js';
import { closingQuote, unescape } from './string-token.js';

/** An open container with the current index or name; no name between two members of an object. */
export interface OpenContainer {
  readonly isObject: boolean;
  readonly index: number;
  readonly name: string | undefined;
}

/**
 * JSON Pointer to the value at `offset` of a text that is well-formed up to there. Reads the text again from `start`, where
 * the containers `around` are open, outermost first: only refused documents need a pointer, so the scan does not track one.
 */
export function pointerAt(text: string, offset: number, start = 0, around: readonly OpenContainer[] = []): string {
  const open: Writable<OpenContainer>[] = around.map(({ isObject, index, name }) => ({ isObject, index, name }));
  let position = start;
  while (position < offset) {
    const character = text.charCodeAt(position);
    const innermost = open.at(-1);
    let next = position + 1;
    if (character === QUOTE) {
      const close = closingQuote(text, position + 1);
      if (close === -1 || close >= offset) break;
      next = close + 1;
      if (innermost?.isObject === true && innermost.name === undefined) {
        innermost.name = unescape(text, position, next);
        next = behindColon(text, next, offset);
      }
    } else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      open.push({ isObject: character === OPEN_BRACE, index: 0, name: undefined });
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) {
      open.pop();
    } else if (character === COMMA && innermost !== undefined) {
      innermost.index++;
      innermost.name = undefined;
    }
    position = next;
  }
  return open.map(step).join('');
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function behindColon(text: string, start: number, offset: number): number {
  let position = start;
  while (position < offset && text.charCodeAt(position) !== COLON) position++;
  return position + 1;
}

function step({ isObject, index, name }: OpenContainer): string {
  if (!isObject) return `/${index}`;
  return name === undefined ? '' : `/${escapeToken(name)}`;
}
