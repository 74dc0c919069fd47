import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Magic number in the first of lmdb's two root pages. */
const MAGIC_OFFSET = 24;
const MAGIC = 0xbeefc0de;
const ROOT_PAGES_BYTES = 2 * 4096;

/**
 * Checks the file before lmdb opens it: lmdb exits the process without a message if the file is not its own.
 * @throws Error
 */
export function checkJournalFile(path: string): void {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size === 0) return;
    const start = Buffer.alloc(MAGIC_OFFSET + 4);
    readSync(file, start, 0, start.length, 0);
    if (size >= ROOT_PAGES_BYTES && start.readUInt32LE(MAGIC_OFFSET) === MAGIC) return;
  } finally {
    closeSync(file);
  }
  throw new Error(`${path} is damaged or not a journal of this service: move it away or restore a backup`);
}
