import { crc32 } from 'node:zlib';
import * as lmdb from 'lmdb';
import { asBinary, type Database, type Key, type RootDatabase } from 'lmdb';

/** First byte of a sealed value. MessagePack gives it no meaning, so no value without a seal begins with it. */
export const SEALED = 0xc1;
/** Bytes of the checksum at the end of a sealed value. */
export const CHECKSUM_BYTES = 4;

/** Options of the encoder. It writes into its own buffer, which the next call overwrites, and leaves the first byte free. */
const REUSE_BUFFER = 512;
const RESET_BUFFER = 1024;
const RESERVE_FIRST_BYTE = 2048 | 1;
const IN_PLACE = REUSE_BUFFER | RESET_BUFFER | RESERVE_FIRST_BYTE;

/** The buffer of an encoder: the value is between `start` and `end`. */
type Place = Buffer & { start: number; end: number };

interface Codec {
  encode(value: unknown, options?: typeof IN_PLACE): Buffer;
  decode(bytes: Buffer, options?: number | { readonly start: number; readonly end: number }): unknown;
}

/** Parts of lmdb that its types do not declare. */
const { keyValueToBuffer, bufferToKeyValue } = lmdb as unknown as {
  keyValueToBuffer(key: Key): Buffer;
  bufferToKeyValue(key: Buffer): Key;
};
const codecOf = (database: object) => (database as { encoder: Codec }).encoder;

/** Reads an encoded value between `start` and `end`; undefined leaves it to the general decoder. */
export type ReadValue<V> = (bytes: Buffer, start: number, end: number) => V | undefined;

/**
 * Opens a database whose values may have a seal. The seal is checked when the file is opened: see checkJournalFile.
 * With `read`, bytes in values may be valid only until the next value of the database is read.
 */
export function openSealed<V, K extends Key>(
  root: RootDatabase<unknown, never>,
  name: string,
  read?: ReadValue<V>,
): Database<V, K> {
  const inner = codecOf(root);
  const encoder: Codec = {
    encode: (value, options) => inner.encode(value, options),
    decode(bytes, size = bytes.length) {
      const whole = typeof size === 'number' ? size : (size.end ?? bytes.length);
      const [start, end] = bytes[0] === SEALED ? [1, whole - CHECKSUM_BYTES] : [0, whole];
      return read?.(bytes, start, end) ?? inner.decode(bytes, { start, end });
    },
  };
  return root.openDB<V, K>({ name, encoder } as { name: string });
}

const seeds = new Map<string, number>();

/** Start of the checksums of a database: a row of one is not a row of another. */
export function seedOf(database: string): number {
  let seed = seeds.get(database);
  if (seed === undefined) seeds.set(database, (seed = crc32(database)));
  return seed;
}

/** A database with its values as they are in the file. */
export function openRaw(root: RootDatabase<unknown, never>, name: string): Database<Buffer, Key> {
  return root.openDB<Buffer, Key>({ name, encoding: 'binary' });
}

export function isSealed(value: Uint8Array): boolean {
  return value[0] === SEALED;
}

/** An encoded value without its seal. */
export function unsealed(value: Buffer): Buffer {
  return value.subarray(1, value.length - CHECKSUM_BYTES);
}

/** False if an encoded value is certainly damaged. */
export function canDecode(root: RootDatabase<unknown, never>, value: Buffer): boolean {
  try {
    codecOf(root).decode(value);
    return true;
  } catch {
    return false;
  }
}

/** A key as it is in the file, where rows are in the order of these bytes. */
export function keyBytes(key: Key | readonly (string | number)[]): Buffer {
  return Buffer.from(keyValueToBuffer(key as Key));
}

/** Key that is encoded so. */
export function keyOf(bytes: Buffer): Key {
  return bufferToKeyValue(bytes);
}

/**
 * Writes a row with its checksum over database, key and value. Called inside a transaction: lmdb copies the value before
 * the encoder uses its buffer again.
 */
export function putSealed<V, K extends Key>(database: Database<V, K>, key: K, value: V): void {
  const place = codecOf(database).encode(value, IN_PLACE) as Place;
  const { start, end } = place;
  const hasRoom = place.length - end >= CHECKSUM_BYTES;
  if (hasRoom) {
    seal(database, key, place, start, end);
    place.end = end + CHECKSUM_BYTES;
  }
  const bytes = hasRoom ? place : sealed(database, key, place.subarray(start + 1, end));
  database.putSync(key, asBinary(bytes) as unknown as V);
}

/** As `putSealed`, with an encoded value. */
export function putRaw(database: Database<Buffer, Key>, key: Key, value: Buffer): void {
  database.putSync(key, sealed(database, key, value));
}

function sealed(database: object, key: Key, packed: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(1 + packed.length + CHECKSUM_BYTES);
  bytes.set(packed, 1);
  seal(database, key, bytes, 0, bytes.length - CHECKSUM_BYTES);
  return bytes;
}

/** Seals an encoded value: its mark is written at `start`, the value follows it, and its checksum is written at `end`. */
function seal(database: object, key: Key, bytes: Buffer, start: number, end: number): void {
  bytes[start] = SEALED;
  const seed = crc32(keyValueToBuffer(key), seedOf((database as { name: string }).name));
  bytes.writeUInt32LE(crc32(bytes.subarray(start, end), seed), end);
}
