import { OPEN_BRACE, OPEN_BRACKET, CLOSE_BRACE, CLOSE_BRACKET, COMMA, QUOTE } from '../../json/characters.js';
import { compilePointers, type PointerSet } from '../../json/pointer-set.js';
import { formatPointer, parsePointer } from '../../json/pointer.js';
import type { JsonSlice } from '../../json/scan.js';
import { Cursor } from '../../json/cursor.js';
import { unescape } from '../../json/string-token.js';
import { scanBody } from '../body.js';
import { InvalidBodyError, type Issue } from '../http-errors.js';
import { fieldsOf, rulesOf, type Field, type Shape } from './field.js';

/** Reads the value at the cursor and moves the cursor past it. */
type ReadValue = (reading: Reading, name: string) => unknown;

/** Issues with a pointer and a message. Further ones are only counted: an answer does not list them. */
const MAX_NAMED = 1000;
const UNNAMED: Issue = { pointer: '', message: '' };

/** Valid JSON text, the position in it, and the issues found. */
class Reading extends Cursor {
  readonly issues: Issue[] = [];
  /** Names and indexes of the containers around the cursor. */
  readonly path: string[] = [];

  constructor(text: string) {
    super(text, 0);
  }

  refuse(name: string, message: string): void {
    if (this.issues.length >= MAX_NAMED) this.issues.push(UNNAMED);
    else this.issues.push({ pointer: formatPointer([...this.path, name]), message });
  }
}

interface Slot {
  readonly key: string;
  readonly bit: number;
  readonly isRaw: boolean;
  readonly read: ReadValue;
}

interface ShapeReader {
  readonly shape: Shape;
  readonly fields: readonly Field[];
  /** Slots by the name in JSON. A Map, so that `__proto__` is an unknown member too. */
  readonly slots: ReadonlyMap<string, Slot>;
  readonly allBits: number;
  /** Paths of the members of a root, for the scan. */
  readonly names: readonly (readonly string[])[];
  readonly pointers: PointerSet;
  readonly check: (made: object, reading: Reading, isWhole: boolean) => void;
}

const READERS = new WeakMap<Shape, ShapeReader>();

/**
 * Reads a JSON text into a shape. One scan validates the text and finds the members of the root. With `find`, made by
 * `pointersBeside`, the scan also finds other values.
 * @throws InvalidBodyError with every issue at once
 */
export async function readJson<T extends object>(
  shape: Shape<T>,
  text: string,
  find?: PointerSet,
): Promise<{ value: T; found: readonly (JsonSlice | undefined)[] }> {
  const reader = readerOf(shape);
  const { names, slots, pointers } = reader;
  const { kind, found, memberNames } = await scanBody(text, { find: find ?? pointers });
  if (kind !== 'object') throw new InvalidBodyError([{ pointer: '', message: 'must be a JSON object' }]);
  const reading = new Reading(text);
  const made = new shape() as Record<string, unknown>;
  let seen = 0;
  for (let i = 0; i < names.length; i++) {
    const slice = found[i];
    if (slice === undefined) continue;
    const name = (names[i] as readonly string[])[0] as string;
    const slot = slots.get(name) as Slot;
    reading.position = slice.start;
    made[slot.key] = slot.isRaw ? text.slice(slice.start, slice.end) : slot.read(reading, name);
    seen |= slot.bit;
  }
  for (const name of memberNames) if (!slots.has(name)) reading.refuse(name, UNKNOWN);
  finish(reader, made, seen, reading);
  if (reading.issues.length > 0) throw new InvalidBodyError(reading.issues);
  return { value: made as T, found };
}

/**
 * Pointers for a `readJson` that finds the members of the root and also the values at `others`. In `found`, the first
 * `skip` entries are the members; the values at `others` follow.
 */
export function pointersBeside(
  shape: Shape,
  others: readonly (readonly string[])[],
): { pointers: PointerSet; skip: number } {
  const { names } = readerOf(shape);
  return { pointers: compilePointers([...names, ...others]), skip: names.length };
}

const UNKNOWN = 'is not known here';

function readerOf(shape: Shape): ShapeReader {
  const known = READERS.get(shape);
  if (known !== undefined) return known;
  const fields = fieldsOf(shape);
  if (fields.length > 31)
    throw new Error(`${shape.name} has more than 31 fields, which are counted in the bits of a number`);
  const names = fields.map(({ name }) => [name]);
  const rules = rulesOf(shape);
  const reader: ShapeReader = {
    shape,
    fields,
    slots: new Map(
      fields.map((field, i) => [
        field.name,
        { key: field.key, bit: 1 << i, isRaw: field.kind === 'raw', read: valueReader(field) },
      ]),
    ),
    allBits: 2 ** fields.length - 1,
    names,
    pointers: compilePointers(names),
    check: (made, { issues, path }, isWhole) => {
      for (const rule of rules) {
        if (!isWhole && rule.alwaysChecked !== true) continue;
        const issue = rule.check(made);
        if (issue !== undefined) issues.push({ ...issue, pointer: formatPointer(path) + issue.pointer });
      }
    },
  };
  READERS.set(shape, reader);
  return reader;
}

/** Sets defaults, reports missing members, and checks rules. */
function finish(reader: ShapeReader, made: Record<string, unknown>, seen: number, reading: Reading, before = 0): void {
  if (seen !== reader.allBits) {
    const { fields } = reader;
    for (let i = 0; i < fields.length; i++) {
      if ((seen & (1 << i)) !== 0) continue;
      const field = fields[i] as Field;
      if (field.default !== undefined) made[field.key] = field.default;
      else if (field.isRequired) reading.refuse(field.name, `is missing: ${field.says}`);
    }
  }
  const isWhole = reading.issues.length === before;
  if (!isWhole) inOrderOfFields(reader, reading, before);
  reader.check(made, reading, isWhole);
}

/** Sorts the issues of an object by the fields of its class; unknown members come first. */
function inOrderOfFields({ fields }: ShapeReader, { issues, path }: Reading, before: number): void {
  if (issues.length - before < 2) return;
  const placed = issues.splice(before).map((issue) => {
    if (issue === UNNAMED) return { issue, place: fields.length };
    const member = parsePointer(issue.pointer)[path.length];
    return { issue, place: fields.findIndex(({ name }) => name === member) };
  });
  for (const { issue } of placed.sort((a, b) => a.place - b.place)) issues.push(issue);
}

function readObject(reader: ShapeReader, reading: Reading, name: string): object {
  const { text, issues, path } = reading;
  const before = issues.length;
  const made = new reader.shape() as Record<string, unknown>;
  if (text.charCodeAt(reading.position) !== OPEN_BRACE) {
    reading.skipValue();
    reading.refuse(name, 'must be a JSON object');
    return made;
  }
  path.push(name);
  reading.position++;
  let seen = 0;
  while (reading.skipTo() !== CLOSE_BRACE) {
    const start = reading.position;
    reading.skipString();
    const member = unescape(text, start, reading.position);
    reading.skipTo();
    reading.position++; // the colon
    reading.skipTo();
    const slot = reader.slots.get(member);
    if (slot === undefined) {
      reading.skipValue();
      reading.refuse(member, UNKNOWN);
    } else {
      made[slot.key] = slot.read(reading, member);
      seen |= slot.bit;
    }
    if (reading.skipTo() === COMMA) reading.position++;
  }
  reading.position++;
  finish(reader, made, seen, reading, before);
  path.pop();
  return made;
}

function valueReader(field: Field): ReadValue {
  const { kind, of, isNullable } = field;
  if (kind === 'raw') {
    return (reading) => {
      const start = reading.position;
      reading.skipValue();
      return reading.text.slice(start, reading.position);
    };
  }
  if (of === undefined) return scalarReader(field);
  // Compiled at first use: a shape may contain itself.
  let inner: ShapeReader | undefined;
  const readOne = (reading: Reading, name: string) => readObject((inner ??= readerOf(of())), reading, name);
  if (kind === 'list') return listReader(field, readOne);
  if (!isNullable) return readOne;
  return (reading, name) => {
    if (!reading.text.startsWith('null', reading.position)) return readOne(reading, name);
    reading.skipValue();
    return null;
  };
}

/** Lists and objects of single values are shorter, even if all their characters are escaped. A longer value is not parsed. */
const MAX_VALUE_CHARACTERS = 256 * 1024;

function scalarReader({ accepts, says, parse, isTextual }: Field): ReadValue {
  return (reading, name) => {
    const { text, position: start } = reading;
    let value: unknown;
    if (text.charCodeAt(start) === QUOTE) {
      reading.skipString();
      value = unescape(text, start, reading.position);
      if (isTextual === true) value = parse?.(value as string);
    } else {
      reading.skipValue();
      // JSON.parse keeps __proto__ as an own member.
      if (reading.position - start <= MAX_VALUE_CHARACTERS) value = JSON.parse(text.slice(start, reading.position));
      if (isTextual === true && value !== null) value = undefined;
    }
    if (value !== undefined && accepts(value)) return value;
    reading.refuse(name, says);
    return undefined;
  };
}

function listReader({ accepts, says }: Field, readOne: ReadValue): ReadValue {
  return (reading, name) => {
    const { text, path } = reading;
    const items: unknown[] = [];
    if (text.charCodeAt(reading.position) !== OPEN_BRACKET) {
      reading.skipValue();
      reading.refuse(name, says);
      return items;
    }
    path.push(name);
    reading.position++;
    const before = reading.issues.length;
    while (reading.skipTo() !== CLOSE_BRACKET) {
      const { length } = items;
      items.push(readOne(reading, String(length)));
      // A list of wrong length is refused, so a million further items are not read.
      if (accepts(length) && !accepts(length + 1)) break;
      if (reading.skipTo() === COMMA) reading.position++;
    }
    reading.skipRest();
    path.pop();
    if (accepts(items.length)) return items;
    // A list of wrong length is one issue; those of its items are dropped.
    reading.issues.length = before;
    reading.refuse(name, says);
    return items;
  };
}
