import { CLOSE_BRACE, CLOSE_BRACKET, COMMA, isWhitespace, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './characters.js';
import { closingQuote } from './string-token.js';

/** `levels` is the depth of nested containers: 0 for a scalar, 1 for `[]`. */
export type ItemVisitor = (start: number, end: number, levels: number) => void;
export type MemberVisitor = (nameStart: number, nameEnd: number, start: number, end: number, levels: number) => void;

/** Visits the items of the array that starts at `start` of a valid text. */
export function visitItems(text: string, start: number, visit: ItemVisitor): void {
  const cursor = new Cursor(text, start + 1);
  while (cursor.skipTo() !== CLOSE_BRACKET) {
    const itemStart = cursor.position;
    const levels = cursor.skipValue();
    visit(itemStart, cursor.position, levels);
    if (cursor.skipTo() === COMMA) cursor.position++;
  }
}

/** Visits the members of the object that starts at `start` of a valid text. */
export function visitMembers(text: string, start: number, visit: MemberVisitor): void {
  const cursor = new Cursor(text, start + 1);
  while (cursor.skipTo() !== CLOSE_BRACE) {
    const nameStart = cursor.position;
    cursor.skipString();
    const nameEnd = cursor.position;
    cursor.skipTo();
    cursor.position++; // the colon
    cursor.skipTo();
    const valueStart = cursor.position;
    const levels = cursor.skipValue();
    visit(nameStart, nameEnd, valueStart, cursor.position, levels);
    if (cursor.skipTo() === COMMA) cursor.position++;
  }
}

/** Number of items or members of the container that a valid text consists of. */
export function countParts(text: string): number {
  let count = 0;
  const visit = () => {
    count++;
  };
  if (text.charCodeAt(0) === OPEN_BRACKET) visitItems(text, 0, visit);
  else visitMembers(text, 0, visit);
  return count;
}

/** Depth of nested containers in a valid text. */
export function levelsOf(text: string): number {
  const cursor = new Cursor(text, 0);
  cursor.skipTo();
  return cursor.skipValue();
}

/** Skips over parts of a valid text; brackets outside strings always match. */
export class Cursor {
  constructor(
    readonly text: string,
    public position: number,
  ) {}

  /** Skips whitespace and returns the next character. */
  skipTo(): number {
    let character = this.text.charCodeAt(this.position);
    while (isWhitespace(character)) character = this.text.charCodeAt(++this.position);
    return character;
  }

  skipString(): void {
    this.position = closingQuote(this.text, this.position + 1) + 1;
  }

  /** Skips a value and returns its levels. */
  skipValue(): number {
    const first = this.text.charCodeAt(this.position);
    if (first === OPEN_BRACE || first === OPEN_BRACKET) return this.#skipContainer();
    if (first === QUOTE) this.skipString();
    else this.#skipWord();
    return 0;
  }

  #skipContainer(): number {
    const { text } = this;
    let open = 0;
    let levels = 0;
    for (let i = this.position; ; i++) {
      const character = text.charCodeAt(i);
      if (character === QUOTE) i = closingQuote(text, i + 1);
      // Fast path: digits, commas and whitespace have lower codes than brackets.
      if (character < OPEN_BRACKET) continue;
      if (character === OPEN_BRACE || character === OPEN_BRACKET) {
        if (++open > levels) levels = open;
      } else if ((character === CLOSE_BRACE || character === CLOSE_BRACKET) && --open === 0) {
        this.position = i + 1;
        return levels;
      }
    }
  }

  /** Skips a number or a literal. */
  #skipWord(): void {
    const { text } = this;
    let i = this.position + 1;
    for (; i < text.length; i++) {
      const character = text.charCodeAt(i);
      if (character === COMMA || character === CLOSE_BRACE || character === CLOSE_BRACKET || isWhitespace(character))
        break;
    }
    this.position = i;
  }
}
