import { CLOSE_BRACE, CLOSE_BRACKET, COMMA, isWhitespace, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './characters.js';
import { closingQuote } from './string-token.js';

/** `levels` counts the containers of the value that lie inside each other: 0 for a scalar, 1 for `[]`. */
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

/** How many items or members the container has that starts at the beginning of a valid text. */
export function countParts(text: string): number {
  let count = 0;
  const visit = () => {
    count++;
  };
  if (text.charCodeAt(0) === OPEN_BRACKET) visitItems(text, 0, visit);
  else visitMembers(text, 0, visit);
  return count;
}

/** How many containers of a valid text lie inside each other. */
export function levelsOf(text: string): number {
  const cursor = new Cursor(text, 0);
  cursor.skipTo();
  return cursor.skipValue();
}

/** Steps over a text known to be valid, so that brackets outside of strings always match. */
class Cursor {
  constructor(
    private readonly text: string,
    public position: number,
  ) {}

  /** Goes to the next character that is no whitespace, and returns it. */
  skipTo(): number {
    let character = this.text.charCodeAt(this.position);
    while (isWhitespace(character)) character = this.text.charCodeAt(++this.position);
    return character;
  }

  skipString(): void {
    this.position = closingQuote(this.text, this.position + 1) + 1;
  }

  /** Goes behind the value and returns how many levels it has. */
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
      // Digits, commas and whitespace come before all brackets.
      if (character < OPEN_BRACKET) continue;
      if (character === OPEN_BRACE || character === OPEN_BRACKET) {
        if (++open > levels) levels = open;
      } else if ((character === CLOSE_BRACE || character === CLOSE_BRACKET) && --open === 0) {
        this.position = i + 1;
        return levels;
      }
    }
  }

  /** A number or a literal: ends where the text does or where something follows that it cannot contain. */
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
