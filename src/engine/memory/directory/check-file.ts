import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Where lmdb writes its mark into the first of its two root pages, and what it is. */
const MARK_OFFSET = 24;
const MARK = 0xbeefc0de;
const ROOT_PAGES_BYTES = 2 * 4096;

/**
 * lmdb ends the process, without a word, when it meets a file that is not its own.
 * @throws Error that says what to do
 */
export function checkFile(path: string): void {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size === 0) return;
    const start = Buffer.alloc(MARK_OFFSET + 4);
    readSync(file, start, 0, start.length, 0);
    if (size >= ROOT_PAGES_BYTES && start.readUInt32LE(MARK_OFFSET) === MARK) return;
  } finally {
    closeSync(file);
  }
  throw new Error(`${path} is damaged or no journal of this service; move it away, or put a copy back`);
}
