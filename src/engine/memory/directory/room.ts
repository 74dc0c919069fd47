import { open, rm, stat } from 'node:fs/promises';

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const BLOCK = Buffer.alloc(64 * 1024);
const MOST_PROBED = 16 * 1024 * 1024;

/**
 * Whether a file could not grow by so many bytes. lmdb calls a write that the disk cut short an I/O error, whatever the reason,
 * so it is found out by writing at the same place of another file.
 */
export async function isFull(path: string, bytes: number): Promise<boolean> {
  const probe = `${path}-probe`;
  try {
    const { size } = await stat(path);
    const file = await open(probe, 'w', 0o600);
    try {
      for (let done = 0; done < Math.min(bytes, MOST_PROBED); done += BLOCK.length) {
        const { bytesWritten } = await file.write(BLOCK, 0, BLOCK.length, size + done);
        if (bytesWritten < BLOCK.length) return true;
      }
      return false;
    } finally {
      await file.close();
    }
  } catch (error) {
    return NO_ROOM.has(String((error as NodeJS.ErrnoException).code));
  } finally {
    await rm(probe, { force: true });
  }
}
