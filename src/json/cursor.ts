import { CLOSE_BRACE, CLOSE_BRACKET, COMMA, isWhitespace, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './characters.js';
import { closingQuote } from './string-token.js';

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

  skipValue(): void {
    const first = this.text.charCodeAt(this.position);
    if (first === OPEN_BRACE || first === OPEN_BRACKET) this.#skipContainer();
    else if (first === QUOTE) this.skipString();
    else this.#skipWord();
  }

  /** Skips the rest of the container that the cursor is in, with its closing bracket. */
  skipRest(): void {
    this.#skipContainer(1);
  }

  /** Reads all characters of a container; `open` are the open brackets before the cursor. */
  #skipContainer(open = 0): void {
    const { text } = this;
    for (let i = this.position; ; i++) {
      const character = text.charCodeAt(i);
      if (character === QUOTE) i = closingQuote(text, i + 1);
      // Fast path: digits, commas and whitespace have lower codes than brackets.
      if (character < OPEN_BRACKET) continue;
      if (character === OPEN_BRACE || character === OPEN_BRACKET) {
        open++;
      } else if ((character === CLOSE_BRACE || character === CLOSE_BRACKET) && --open === 0) {
        this.position = i + 1;
        return;
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
