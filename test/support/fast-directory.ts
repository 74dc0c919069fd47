import { statfsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const IN_MEMORY = '/dev/shm';
/** Containers often have 64 MB there; a mapped file that does not fit ends the process. */
const MIN_FREE_BYTES = 2 ** 30;

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return bavail * bsize >= MIN_FREE_BYTES;
  } catch {
    return false;
  }
}

/**
 * A new directory, in memory where the system has such a place: thousands of small flushes to a disk take longer than all else,
 * and the death of a process shows nothing about a disk. Specs about disks and power cuts use a real one.
 */
export function fastDirectory(prefix: string): Promise<string> {
  return mkdtemp(join(hasRoom() ? IN_MEMORY : tmpdir(), prefix));
}
