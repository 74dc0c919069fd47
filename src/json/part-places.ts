import type { Items } from './persistent-list.js';
import type { SourceText } from './source-text.js';
import { unescape } from './string-token.js';

/** Stands for the number of a value that is no container. */
export const SCALAR = -1;

/** Numbers kept for each part. The name of a member begins at START; an item has no name, and its value begins there. */
const FIELDS = 5;
const START = 0;
const NAME_LENGTH = 1;
const VALUE = 2;
const END = 3;
const CONTAINER = 4;

/** Name length of an item: with the colon that it has not, it adds nothing. */
const NO_NAME = -1;

export type MakePart<T> = (start: number, end: number, container: number) => T;

/**
 * The parts of a container in a text: only their places, because nodes of all parts would take many times the text. The
 * node of a container is kept once it was asked for, since it keeps its own parts.
 */
export class PartPlaces<T> implements Items<T> {
  /** Length of the texts of all parts, without commas and whitespace. */
  contentLength = 0;
  readonly #places: Int32Array;
  #filled = 0;
  /** Undefined until a container is asked for. */
  #containers: Map<number, T> | undefined;

  constructor(
    private readonly source: SourceText,
    readonly size: number,
    private readonly make: MakePart<T>,
  ) {
    this.#places = new Int32Array(FIELDS * size);
  }

  addItem(start: number, end: number, container: number): void {
    this.#add(start, NO_NAME, start, end, container);
  }

  addMember(nameStart: number, nameEnd: number, start: number, end: number, container: number): void {
    this.#add(nameStart, nameEnd - nameStart, start, end, container);
  }

  at(index: number): T {
    const part = this.pass(index);
    if (this.#field(index, CONTAINER) !== SCALAR) (this.#containers ??= new Map()).set(index, part);
    return part;
  }

  pass(index: number): T {
    const known = this.#containers?.get(index);
    if (known !== undefined) return known;
    return this.make(this.#field(index, VALUE), this.#field(index, END), this.#field(index, CONTAINER));
  }

  /** The name of a member as it is written, with its quotes. */
  nameText(index: number): string {
    const start = this.#field(index, START);
    return this.source.text.slice(start, start + this.#field(index, NAME_LENGTH));
  }

  /** Length of `nameText`. */
  nameLength(index: number): number {
    return this.#field(index, NAME_LENGTH);
  }

  /** The unescaped name of a member. */
  name(index: number): string {
    const start = this.#field(index, START);
    return unescape(this.source.text, start, start + this.#field(index, NAME_LENGTH));
  }

  /** Length of the text of a part, without whitespace. */
  lengthOf(index: number): number {
    return this.#field(index, NAME_LENGTH) + 1 + this.#field(index, END) - this.#field(index, VALUE);
  }

  /** Appends the texts of consecutive parts, with commas between them. */
  write(from: number, to: number, pieces: string[]): void {
    const { text } = this.source;
    const start = this.#field(from, START);
    const end = this.#field(to - 1, END);
    let length = to - from - 1;
    for (let index = from; index < to; index++) length += this.lengthOf(index);
    // Without whitespace among the parts, the text of all is one piece.
    if (end - start === length) {
      pieces.push(text.slice(start, end));
      return;
    }
    for (let index = from; index < to; index++) {
      if (index > from) pieces.push(',');
      if (this.#field(index, NAME_LENGTH) !== NO_NAME) pieces.push(this.nameText(index), ':');
      pieces.push(text.slice(this.#field(index, VALUE), this.#field(index, END)));
    }
  }

  #add(start: number, nameLength: number, value: number, end: number, container: number): void {
    const places = this.#places;
    const place = this.#filled;
    places[place + START] = start;
    places[place + NAME_LENGTH] = nameLength;
    places[place + VALUE] = value;
    places[place + END] = end;
    places[place + CONTAINER] = container;
    this.#filled = place + FIELDS;
    this.contentLength += nameLength + 1 + end - value;
  }

  #field(index: number, field: number): number {
    return this.#places[index * FIELDS + field] as number;
  }
}
