import type { Database, Key, RootDatabase } from 'lmdb';
import type { DirectoryLock } from '../directory/directory-lock.js';
import { PLAIN_KEYS, SEALING, type JournalLayout } from './journal-walk.js';
import { isSealed, openRaw, putRaw, putSealed } from './seal.js';

/** One transaction takes no longer than the heartbeat of the directory may wait. */
const MAX_ROWS = 5000;
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Writes the format into a new journal, and raises that of one without checksums: from then on rows with and without a
 * checksum may be there, until `sealRows` is done.
 * @throws Error for any other format; its message begins with `name`
 */
export async function ensureFormat(
  service: Database<unknown, string>,
  lock: DirectoryLock,
  { format, unsealedFormat }: JournalLayout,
  name: string,
): Promise<void> {
  const found = service.get('format');
  if (found === format) return;
  if (found !== undefined && found !== unsealedFormat)
    throw new Error(`${name} holds data of format ${String(found)}; this version reads format ${format} only`);
  await lock.write(() => {
    service.putSync('format', format);
    if (found === unsealedFormat) putSealed(service, SEALING, true);
  });
}

/**
 * Gives each row a checksum, once, after the format was raised. A transaction has some thousand rows; if the process ends in
 * between, the next start goes on.
 */
export async function sealRows(
  root: RootDatabase<unknown, never>,
  service: Database<unknown, string>,
  lock: DirectoryLock,
  layout: JournalLayout,
): Promise<void> {
  if (service.get(SEALING) === undefined) return;
  for (const name of [...layout.databases, layout.service]) await sealDatabase(openRaw(root, name), lock);
  await lock.write(() => service.removeSync(SEALING));
}

async function sealDatabase(rows: Database<Buffer, Key>, lock: DirectoryLock): Promise<void> {
  let last: Key | undefined;
  for (;;) {
    const unsealed: { readonly key: Key; readonly value: Buffer }[] = [];
    let bytes = 0;
    for (const { key, value } of rows.getRange({ ...(last !== undefined && { start: last, exclusiveStart: true }) })) {
      last = key;
      if (isSealed(value) || PLAIN_KEYS.includes(key as string)) continue;
      unsealed.push({ key, value: Buffer.from(value) });
      bytes += value.length;
      if (unsealed.length === MAX_ROWS || bytes > MAX_BYTES) break;
    }
    if (unsealed.length === 0) return;
    await lock.write(() => {
      for (const { key, value } of unsealed) putRaw(rows, key, value);
    });
  }
}
