import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  kindOf,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  type JsonKind,
} from './characters.js';
import { InvalidJsonError, type JsonRefusal } from './invalid-json-error.js';
import { pointerAt, type OpenContainer } from './pointer-at.js';
import { escapeToken } from './pointer.js';
import { MAX_DEPTH, MAX_NAMES } from './limits.js';
import { compilePointers, type PointerSet, type PointerStep } from './pointer-set.js';
import { shortened } from './shortened.js';

/** Longest name or number in a message. */
const MAX_SHOWN = 64;

/** A value inside a text: `text.slice(start, end)`, without the whitespace around it. */
export interface JsonSlice {
  readonly start: number;
  readonly end: number;
  readonly kind: JsonKind;
}

export interface JsonScan extends JsonSlice {
  /** Unescaped member names of the root object, in order; empty when the root is not an object. */
  readonly memberNames: string[];
  /** One entry for each pointer of `find`, in order. */
  readonly found: (JsonSlice | undefined)[];
}

export interface ScanOptions {
  /** The root container is level 1. Also bounds the stack of the recursive scan. */
  readonly maxDepth?: number;
  /** Limit for all objects together. */
  readonly maxKeys?: number;
  /** Reference tokens of the values to find; a compiled set is faster for many texts. */
  readonly find?: PointerSet | readonly (readonly string[])[];
}

/**
 * Validates a text and finds values in it, in one pass that builds no objects. Stricter than RFC 8259: refuses duplicate names,
 * numbers beyond a double, lone surrogates and deep nesting, which cannot be kept exactly or handled safely.
 * @throws InvalidJsonError
 */
export function scanJson(text: string, options?: ScanOptions): JsonScan {
  return new JsonScanner(text, options).goOn(text.length) as JsonScan;
}

const NO_POINTERS = compilePointers([]);

/** In objects with more names, a set finds duplicates faster than comparing one by one. */
const MAX_LINEAR_NAMES = 24;

/** A container that a pause leaves open, behind one of its values. */
interface LeftOpen extends OpenContainer {
  readonly depth: number;
  readonly start: number;
  /** Matching node of the pointer set, if any. */
  readonly step: PointerStep | undefined;
  /** Place of its first name in the names of all open objects. */
  readonly firstName: number;
  /** Names of an object that has many. */
  readonly seen: Set<string> | undefined;
}

/**
 * `scanJson` in several steps. A pause ends the recursion: each open container leaves a record of where it is, and the next
 * step goes on with the innermost.
 */
export class JsonScanner {
  readonly #maxDepth: number;
  readonly #maxKeys: number;
  readonly #root: PointerStep;
  /** A pause is due behind the first value that ends here or later. Greater than the length: none is due. */
  #pauseAt = 0;
  #position = 0;
  /** Start of the root; -1 before the first step. */
  #start = -1;
  /** Containers that a pause has left open, innermost first. */
  #left: LeftOpen[] = [];
  /** Where the step began, and the containers that were open there. */
  #stepStart = 0;
  #openAtStart: readonly LeftOpen[] = [];
  #keys = 0;
  /** True when the last string has an escape. */
  #hasEscape = false;
  /** Names of all open objects, those of the innermost last. */
  readonly #names: string[] = [];
  readonly #memberNames: string[] = [];
  readonly #found: (JsonSlice | undefined)[] = [];

  constructor(
    readonly text: string,
    { maxDepth = MAX_DEPTH, maxKeys = MAX_NAMES, find }: ScanOptions = {},
  ) {
    const pointers = find === undefined ? NO_POINTERS : 'root' in find ? find : compilePointers(find);
    this.#maxDepth = maxDepth;
    this.#maxKeys = maxKeys;
    this.#root = pointers.root;
    // Array.from takes as long as the scan of a short text.
    for (let i = 0; i < pointers.size; i++) this.#found.push(undefined);
  }

  /**
   * Reads at least `characters` further ones, and pauses behind the value that ends next. Undefined: not all is read.
   * @throws InvalidJsonError
   */
  goOn(characters: number): JsonScan | undefined {
    const { text } = this;
    this.#stepStart = this.#position;
    const pauseAt = this.#position + characters;
    this.#pauseAt = pauseAt < text.length ? pauseAt : text.length + 1;
    if (!this.#goesOn()) return undefined;
    const start = this.#start;
    const end = this.#position;
    if (this.#skipWhitespace() < text.length) this.#failSyntax(this.#position);
    return { kind: kindOf(text.charCodeAt(start)), start, end, memberNames: this.#memberNames, found: this.#found };
  }

  /** True when the root has ended. */
  #goesOn(): boolean {
    if (this.#start === -1) {
      this.#start = this.#skipWhitespace();
      return this.#value(0, this.#root);
    }
    const left = this.#left;
    this.#openAtStart = left.toReversed();
    this.#left = [];
    for (const [i, container] of left.entries()) {
      const { isObject, depth, step, start, index } = container;
      const ends = isObject ? this.#members(depth, step, start, container) : this.#items(depth, step, start, index + 1);
      if (!ends) {
        this.#left.push(...left.slice(i + 1));
        return false;
      }
      if (step !== undefined) this.#keep(step, start);
    }
    return true;
  }

  /**
   * Reads the value at the position. `step` is the matching node of the pointer set, if any. False: a container is left
   * open.
   */
  #value(depth: number, step: PointerStep | undefined): boolean {
    const start = this.#position;
    const first = this.text.charCodeAt(start);
    if (first === QUOTE) {
      this.#string();
    } else if (first === OPEN_BRACE) {
      if (!this.#object(depth + 1, step)) return false;
    } else if (first === OPEN_BRACKET) {
      if (!this.#array(depth + 1, step)) return false;
    } else if (first === 0x74) {
      this.#literal('true');
    } else if (first === 0x66) {
      this.#literal('false');
    } else if (first === 0x6e) {
      this.#literal('null');
    } else {
      this.#number();
    }
    if (step !== undefined) this.#keep(step, start);
    return true;
  }

  #keep({ ends }: PointerStep, start: number): void {
    const kind = kindOf(this.text.charCodeAt(start));
    for (const end of ends) this.#found[end] = { start, end: this.#position, kind };
  }

  #object(depth: number, step: PointerStep | undefined): boolean {
    if (depth > this.#maxDepth) this.#failDepth();
    const start = this.#position++;
    if (this.text.charCodeAt(this.#skipWhitespace()) !== CLOSE_BRACE) return this.#members(depth, step, start);
    this.#position++;
    return true;
  }

  /** Reads members up to the end of their object: all, or those behind the one at which it was left open. */
  #members(depth: number, step: PointerStep | undefined, start: number, left?: LeftOpen): boolean {
    const { text } = this;
    const firstName = left === undefined ? this.#names.length : left.firstName;
    let seen = left?.seen;
    for (let isFirst = left === undefined; ; isFirst = false) {
      if (!isFirst) {
        const next = text.charCodeAt(this.#skipWhitespace());
        if (next !== COMMA && next !== CLOSE_BRACE) this.#failSyntax(this.#position);
        this.#position++;
        if (next === CLOSE_BRACE) break;
        this.#skipWhitespace();
      }
      const nameStart = this.#position;
      if (text.charCodeAt(nameStart) !== QUOTE) this.#failSyntax(nameStart);
      this.#string();
      const raw = text.slice(nameStart + 1, this.#position - 1);
      const name = this.#hasEscape ? (JSON.parse(`"${raw}"`) as string) : raw;
      if (++this.#keys > this.#maxKeys) this.#failKeys(nameStart);
      if (seen === undefined && this.#names.length - firstName === MAX_LINEAR_NAMES) {
        seen = new Set(this.#names.slice(firstName));
      }
      if (seen === undefined ? this.#names.includes(name, firstName) : seen.has(name)) {
        this.#failDuplicate(name, nameStart);
      }
      if (seen === undefined) this.#names.push(name);
      else seen.add(name);
      if (depth === 1) this.#memberNames.push(name);

      if (text.charCodeAt(this.#skipWhitespace()) !== COLON) this.#failSyntax(this.#position);
      this.#position++;
      this.#skipWhitespace();
      this.#value(depth, step === undefined ? undefined : memberStep(step, name));
      if (this.#position >= this.#pauseAt) {
        return this.#leave({ isObject: true, depth, step, start, index: 0, name, firstName, seen });
      }
    }
    this.#names.length = firstName;
    return true;
  }

  #array(depth: number, step: PointerStep | undefined): boolean {
    if (depth > this.#maxDepth) this.#failDepth();
    const start = this.#position++;
    if (this.text.charCodeAt(this.#skipWhitespace()) !== CLOSE_BRACKET) return this.#items(depth, step, start, 0);
    this.#position++;
    return true;
  }

  /** Reads items up to the end of their array, from `index` on. */
  #items(depth: number, step: PointerStep | undefined, start: number, from: number): boolean {
    const pauseAt = this.#pauseAt;
    const lastIndex = step?.lastIndex ?? -1;
    for (let index = from; ; index++) {
      if (index > 0) {
        const next = this.#next();
        if (next !== COMMA && next !== CLOSE_BRACKET) this.#failSyntax(this.#position);
        this.#position++;
        if (next === CLOSE_BRACKET) return true;
        this.#skipWhitespace();
      }
      this.#value(depth, index > lastIndex ? undefined : itemStep(step as PointerStep, index));
      if (this.#position >= pauseAt) {
        return this.#leave({
          isObject: false,
          depth,
          step,
          start,
          index,
          name: undefined,
          firstName: 0,
          seen: undefined,
        });
      }
    }
  }

  #leave(container: LeftOpen): false {
    this.#left.push(container);
    return false;
  }

  #string(): void {
    const { text } = this;
    const { length } = text;
    let hasEscape = false;
    for (let i = this.#position + 1; i < length; i++) {
      const character = text.charCodeAt(i);
      if (character === QUOTE) {
        this.#hasEscape = hasEscape;
        this.#position = i + 1;
        return;
      }
      if (character === BACKSLASH) {
        hasEscape = true;
        i = this.#escape(i);
      } else if (character < 0x20) {
        this.#fail('syntax', 'a control character in a string must be escaped', i);
      } else if (character >= 0xd800 && character < 0xe000) {
        // Skips the second unit of a surrogate pair. A pair must be written in one way: both units literal, or both
        // escaped.
        if (character >= 0xdc00 || !isLowSurrogate(text.charCodeAt(i + 1))) this.#failSurrogate(i);
        i++;
      }
    }
    this.#failSyntax(length);
  }

  /** Reads the escape whose backslash is at `offset`; returns the offset of its last character. */
  #escape(offset: number): number {
    const { text } = this;
    const letter = text.charAt(offset + 1);
    if (letter !== 'u') {
      if (letter === '' || !'"\\/bfnrt'.includes(letter)) this.#failSyntax(offset + 1);
      return offset + 1;
    }
    const unit = this.#hex(offset + 2);
    if (unit < 0xd800 || unit >= 0xe000) return offset + 5;
    const hasLow = unit < 0xdc00 && text.startsWith('\\u', offset + 6) && isLowSurrogate(this.#hex(offset + 8));
    if (!hasLow) this.#failSurrogate(offset);
    return offset + 11;
  }

  #hex(offset: number): number {
    let unit = 0;
    for (let i = offset; i < offset + 4; i++) {
      const digit = hexDigit(this.text.charCodeAt(i));
      if (digit === -1) this.#failSyntax(i);
      unit = unit * 16 + digit;
    }
    return unit;
  }

  #number(): void {
    const { text } = this;
    const start = this.#position;
    let i = text.charCodeAt(start) === 0x2d ? start + 1 : start;
    const firstDigit = i;
    i = this.#digits(i);
    if (i > firstDigit + 1 && text.charCodeAt(firstDigit) === 0x30) this.#failSyntax(firstDigit + 1);
    // Only an exponent, or more digits than the largest double has, can overflow.
    let mayOverflow = i - firstDigit > 308;
    if (text.charCodeAt(i) === 0x2e) i = this.#digits(i + 1);
    const letter = text.charCodeAt(i);
    if (letter === 0x65 || letter === 0x45) {
      mayOverflow = true;
      const sign = text.charCodeAt(i + 1);
      i = this.#digits(sign === 0x2b || sign === 0x2d ? i + 2 : i + 1);
    }
    if (mayOverflow) this.#refuseOverflow(start, i);
    this.#position = i;
  }

  #refuseOverflow(start: number, end: number): void {
    const number = this.text.slice(start, end);
    if (Number.isFinite(Number(number))) return;
    this.#fail('number', `number ${shortened(number, MAX_SHOWN)} does not fit a double`, start);
  }

  /** Reads one or more digits; returns the offset after them. */
  #digits(start: number): number {
    const { text } = this;
    let i = start;
    for (; i < text.length; i++) {
      const character = text.charCodeAt(i);
      if (character < 0x30 || character > 0x39) break;
    }
    if (i === start) this.#failSyntax(start);
    return i;
  }

  #literal(word: string): void {
    const start = this.#position;
    if (!this.text.startsWith(word, start)) this.#failSyntax(start);
    this.#position = start + word.length;
  }

  /** Skips whitespace and returns the next character. */
  #next(): number {
    const character = this.text.charCodeAt(this.#position);
    // Fast path: most tokens follow each other without whitespace.
    return character > 0x20 ? character : this.text.charCodeAt(this.#skipWhitespace());
  }

  #skipWhitespace(): number {
    const { text } = this;
    let i = this.#position;
    for (; i < text.length; i++) {
      const character = text.charCodeAt(i);
      if (character > 0x20) break;
      if (character !== 0x20 && character !== 0x0a && character !== 0x0d && character !== 0x09) break;
    }
    this.#position = i;
    return i;
  }

  #failSyntax(offset: number): never {
    this.#fail('syntax', describe(this.text, offset), offset);
  }

  #failDepth(): never {
    this.#fail('depth', `more than ${this.#maxDepth} levels deep`, this.#position);
  }

  #failSurrogate(offset: number): never {
    this.#fail('surrogate', 'lone surrogate in a string', offset);
  }

  #failKeys(offset: number): never {
    this.#fail('too-many-keys', `more than ${this.#maxKeys} keys in total`, offset);
  }

  #failDuplicate(name: string, offset: number): never {
    const message = `duplicate key ${JSON.stringify(shortened(name, MAX_SHOWN))}`;
    this.#fail('duplicate-key', message, offset, `/${escapeToken(name)}`);
  }

  #fail(reason: JsonRefusal, message: string, offset: number, below = ''): never {
    const pointer = pointerAt(this.text, offset, this.#stepStart, this.#openAtStart);
    throw new InvalidJsonError(reason, message, pointer + below, offset);
  }
}

function memberStep(step: PointerStep, name: string): PointerStep | undefined {
  for (const next of step.next) if (next.token === name) return next;
  return undefined;
}

function itemStep(step: PointerStep, index: number): PointerStep | undefined {
  for (const next of step.next) if (next.index === index) return next;
  return undefined;
}

/** Value of a hexadecimal digit; -1 for any other character. */
function hexDigit(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const letter = character | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

function describe(text: string, offset: number): string {
  if (text === '') return 'the text is empty';
  if (offset >= text.length) return 'the text ends too early';
  const character = text.codePointAt(offset) ?? 0;
  if (character === 0xfeff) return 'unexpected byte order mark';
  return `unexpected character ${JSON.stringify(String.fromCodePoint(character))}`;
}
