import { CLOSE_BRACE, CLOSE_BRACKET, COMMA, kindOf, OPEN_BRACE, OPEN_BRACKET } from './characters.js';
import type { PointerSet, PointerStep } from './pointer-set.js';
import type { JsonSlice } from './scan.js';
import { unescape } from './string-token.js';
import { Cursor } from './cursor.js';

/** Finds values in a text known to be valid, without checking it again; one for each pointer, in their order. */
export function findValues(text: string, { size, root }: PointerSet): (JsonSlice | undefined)[] {
  const found: (JsonSlice | undefined)[] = Array.from({ length: size });
  const cursor = new Cursor(text, 0);
  cursor.skipTo();
  find(cursor, root, found);
  return found;
}

function find(cursor: Cursor, step: PointerStep, found: (JsonSlice | undefined)[]): void {
  const { text, position: start } = cursor;
  const first = text.charCodeAt(start);
  if (first === OPEN_BRACE && step.next.length > 0) findInObject(cursor, step, found);
  else if (first === OPEN_BRACKET && step.lastIndex >= 0) findInArray(cursor, step, found);
  else cursor.skipValue();
  for (const end of step.ends) found[end] = { start, end: cursor.position, kind: kindOf(first) };
}

function findInObject(cursor: Cursor, { next }: PointerStep, found: (JsonSlice | undefined)[]): void {
  cursor.position++;
  while (cursor.skipTo() !== CLOSE_BRACE) {
    const nameStart = cursor.position;
    cursor.skipString();
    const name = unescape(cursor.text, nameStart, cursor.position);
    cursor.skipTo();
    cursor.position++; // the colon
    cursor.skipTo();
    const step = next.find(({ token }) => token === name);
    if (step === undefined) cursor.skipValue();
    else find(cursor, step, found);
    if (cursor.skipTo() === COMMA) cursor.position++;
  }
  cursor.position++;
}

function findInArray(cursor: Cursor, { next }: PointerStep, found: (JsonSlice | undefined)[]): void {
  cursor.position++;
  for (let i = 0; cursor.skipTo() !== CLOSE_BRACKET; i++) {
    const step = next.find(({ index }) => index === i);
    if (step === undefined) cursor.skipValue();
    else find(cursor, step, found);
    if (cursor.skipTo() === COMMA) cursor.position++;
  }
  cursor.position++;
}
