import { createHash } from 'node:crypto';
import type { ListPosition } from '../engine/engine.js';
import { InvalidCursorError } from './http-errors.js';

const DIGEST_BYTES = 9;

/** Cursor: a position, and a digest that ties it to its list. `list` is a text that names tenant, filters and order. */
export function cursorOf(list: string, position: ListPosition | undefined): string | null {
  if (position === undefined) return null;
  const { atMs, id, sinceMs, rising } = position;
  const place = JSON.stringify([atMs, id, sinceMs ?? null, rising ?? null]);
  return Buffer.concat([digestOf(list, place), Buffer.from(place)]).toString('base64url');
}

/** @throws InvalidCursorError */
export function positionOf(list: string, cursor: string): ListPosition {
  const bytes = Buffer.from(cursor, 'base64url');
  const place = bytes.subarray(DIGEST_BYTES).toString('utf8');
  // Compares the text too, since base64 decoding skips characters outside its alphabet.
  if (bytes.toString('base64url') !== cursor || !digestOf(list, place).equals(bytes.subarray(0, DIGEST_BYTES))) {
    throw new InvalidCursorError();
  }
  // The digest is not secret: a forged cursor only reaches positions in the caller's own list.
  const [atMs, id, sinceMs, rising] = membersOf(place);
  if (!isTime(atMs) || typeof id !== 'string' || !(sinceMs === null || isTime(sinceMs))) throw new InvalidCursorError();
  return { atMs, id, ...(sinceMs !== null && { sinceMs }), ...(rising === true && { rising }) };
}

function membersOf(place: string): readonly unknown[] {
  try {
    const members: unknown = JSON.parse(place);
    return Array.isArray(members) ? members : [];
  } catch {
    return [];
  }
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value);

function digestOf(list: string, place: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([list, place]))
    .digest()
    .subarray(0, DIGEST_BYTES);
}
