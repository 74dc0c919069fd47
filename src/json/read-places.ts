import { CLOSE_BRACE, CLOSE_BRACKET, COMMA, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './characters.js';
import { SCALAR } from './part-places.js';
import type { SourceText } from './source-text.js';
import { closingQuote } from './string-token.js';

const SPACE = 0x20;

/** Takes the places of the parts of a container. */
export interface PlaceReceiver {
  /** Number of the parts. */
  readonly size: number;
  addItem(start: number, end: number, container: number): void;
  addMember(nameStart: number, nameEnd: number, start: number, end: number, container: number): void;
}

/**
 * Finds the parts of the container that starts at `start`, without reading what is inside of them. One loop without
 * calls for each character: an array may have half a million items.
 */
export function readPlaces(source: SourceText, start: number, container: number, places: PlaceReceiver): void {
  const { text, nesting } = source;
  const isArray = text.charCodeAt(start) === OPEN_BRACKET;
  let inner = container + 1;
  let nameStart = 0;
  let nameEnd = 0;
  let i = start + 1;
  for (let n = 0; n < places.size; n++) {
    let character = text.charCodeAt(i);
    while (character <= SPACE || character === COMMA) character = text.charCodeAt(++i);
    if (!isArray) {
      nameStart = i;
      nameEnd = closingQuote(text, i + 1) + 1;
      i = text.indexOf(':', nameEnd) + 1;
      character = text.charCodeAt(i);
      while (character <= SPACE) character = text.charCodeAt(++i);
    }
    const valueStart = i;
    let value = SCALAR;
    if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      value = inner;
      i = nesting.end(inner);
      inner = nesting.next(inner);
    } else if (character === QUOTE) {
      i = closingQuote(text, i + 1) + 1;
    } else {
      do character = text.charCodeAt(++i);
      while (character > SPACE && character !== COMMA && character !== CLOSE_BRACKET && character !== CLOSE_BRACE);
    }
    if (isArray) places.addItem(valueStart, i, value);
    else places.addMember(nameStart, nameEnd, valueStart, i, value);
  }
}
