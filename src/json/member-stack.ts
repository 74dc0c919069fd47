import { readPlaces, type PlaceReceiver } from './read-places.js';
import type { SourceText } from './source-text.js';

/** Numbers kept for each member. */
const FIELDS = 6;
const START = 0;
const NAME_END = 1;
const VALUE = 2;
const END = 3;
const CONTAINER = 4;
const MATCH = 5;

/** The match of a member that has none. */
export const NO_MATCH = -1;

/**
 * Places of the members of nested objects of one text, those of the innermost open object last. One list for all of
 * them: a document may have many small objects, and a list for each takes longer than the search in it.
 */
export class MemberStack implements PlaceReceiver {
  /** Number of members of the object that is being read. */
  size = 0;
  #used = 0;
  #fields = new Int32Array(FIELDS * 64);

  constructor(readonly source: SourceText) {}

  /** Number of members on the stack. */
  get top(): number {
    return this.#used / FIELDS;
  }

  /** Adds the members of an object of the text. */
  open(start: number, container: number): void {
    this.size = this.source.nesting.parts(container);
    const needed = this.#used + this.size * FIELDS;
    if (needed > this.#fields.length) {
      const larger = new Int32Array(Math.max(needed, 2 * this.#fields.length));
      larger.set(this.#fields);
      this.#fields = larger;
    }
    readPlaces(this.source, start, container, this);
  }

  /** Removes the members from `base` on. */
  close(base: number): void {
    this.#used = base * FIELDS;
  }

  addMember(nameStart: number, nameEnd: number, start: number, end: number, container: number): void {
    const fields = this.#fields;
    const place = this.#used;
    fields[place + START] = nameStart;
    fields[place + NAME_END] = nameEnd;
    fields[place + VALUE] = start;
    fields[place + END] = end;
    fields[place + CONTAINER] = container;
    fields[place + MATCH] = NO_MATCH;
    this.#used = place + FIELDS;
  }

  addItem(start: number, end: number, container: number): void {
    this.addMember(start, start, start, end, container);
  }

  /** Where the name begins, with its quotes. */
  start(member: number): number {
    return this.#fields[member * FIELDS + START] as number;
  }

  nameEnd(member: number): number {
    return this.#fields[member * FIELDS + NAME_END] as number;
  }

  value(member: number): number {
    return this.#fields[member * FIELDS + VALUE] as number;
  }

  end(member: number): number {
    return this.#fields[member * FIELDS + END] as number;
  }

  /** Number in the nesting of the text, or SCALAR. */
  container(member: number): number {
    return this.#fields[member * FIELDS + CONTAINER] as number;
  }

  /** The member of another stack that `setMatch` named, or NO_MATCH. */
  match(member: number): number {
    return this.#fields[member * FIELDS + MATCH] as number;
  }

  setMatch(member: number, match: number): void {
    this.#fields[member * FIELDS + MATCH] = match;
  }

  valueText(member: number): string {
    return this.source.text.slice(this.value(member), this.end(member));
  }
}
