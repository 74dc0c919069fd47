import { CLOSE_BRACE, CLOSE_BRACKET, COMMA, isWhitespace, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './characters.js';
import { closingQuote } from './string-token.js';

/** Numbers kept for each container. */
const FIELDS = 5;
const END = 0;
const NEXT = 1;
const PARTS = 2;
const LEVELS = 3;
const NAMES = 4;

/**
 * The containers of a valid text, numbered in the order in which they begin; the outermost is 0. Made by one scan of
 * the text, so that no part is scanned again for each level above it.
 */
export class Nesting {
  private constructor(private readonly fields: Uint32Array) {}

  static of(text: string): Nesting {
    return new Nesting(readContainers(text));
  }

  /** Offset after the last character of a container. */
  end(container: number): number {
    return this.fields[container * FIELDS + END] as number;
  }

  /** Number of the first container that begins after the end of this one. */
  next(container: number): number {
    return this.fields[container * FIELDS + NEXT] as number;
  }

  /** Number of members or items. */
  parts(container: number): number {
    return this.fields[container * FIELDS + PARTS] as number;
  }

  /** Depth of nested containers: 1 for `[]`. */
  levels(container: number): number {
    return this.fields[container * FIELDS + LEVELS] as number;
  }

  /** Number of member names in it, at all depths. */
  names(container: number): number {
    return this.fields[container * FIELDS + NAMES] as number;
  }

  /** Numbers of the containers that are direct parts of a container. */
  *inside(container: number): Generator<number> {
    const end = this.next(container);
    for (let child = container + 1; child < end; child = this.next(child)) yield child;
  }
}

function readContainers(text: string): Uint32Array {
  let fields = new Uint32Array(FIELDS * (4 + (text.length >> 6)));
  let used = 0;
  /** Places of the open containers in `fields`, and where they start. */
  const open: number[] = [];
  const starts: number[] = [];
  let place = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === QUOTE) {
      i = closingQuote(text, i + 1);
      if (i === -1) break;
    } else if (character === COMMA) {
      fields[place + PARTS]!++;
    } else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      place = used;
      used += FIELDS;
      if (used > fields.length) fields = enlarged(fields);
      open.push(place);
      starts.push(i);
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) {
      open.pop();
      const start = starts.pop() ?? i;
      // One part more than commas, unless there is none.
      if (fields[place + PARTS]! > 0 || used > place + FIELDS || !isBlank(text, start + 1, i)) fields[place + PARTS]!++;
      fields[place + END] = i + 1;
      fields[place + NEXT] = used / FIELDS;
      const levels = ++fields[place + LEVELS]!;
      if (character === CLOSE_BRACE) fields[place + NAMES]! += fields[place + PARTS]!;
      const above = open.at(-1);
      if (above === undefined) return fields.subarray(0, used);
      fields[above + NAMES]! += fields[place + NAMES]!;
      if (fields[above + LEVELS]! < levels) fields[above + LEVELS] = levels;
      place = above;
    }
  }
  throw new Error('The text of a document ends inside of a container or a string');
}

function enlarged(fields: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(fields.length * 2);
  larger.set(fields);
  return larger;
}

function isBlank(text: string, start: number, end: number): boolean {
  let i = start;
  while (i < end && isWhitespace(text.charCodeAt(i))) i++;
  return i === end;
}
