import { open, rm, stat } from 'node:fs/promises';

const DISK_FULL_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const BLOCK = Buffer.alloc(64 * 1024);
const MAX_PROBED_BYTES = 16 * 1024 * 1024;

/**
 * Whether a file cannot grow by this many bytes. lmdb reports every short write as an I/O error, so this writes at the same
 * offset of a probe file to learn whether the disk is full.
 */
export async function isDiskFull(path: string, bytes: number): Promise<boolean> {
  const probe = `${path}-probe`;
  try {
    const { size } = await stat(path);
    const file = await open(probe, 'w', 0o600);
    try {
      for (let done = 0; done < Math.min(bytes, MAX_PROBED_BYTES); done += BLOCK.length) {
        const { bytesWritten } = await file.write(BLOCK, 0, BLOCK.length, size + done);
        if (bytesWritten < BLOCK.length) return true;
      }
      return false;
    } finally {
      await file.close();
    }
  } catch (error) {
    return DISK_FULL_CODES.has(String((error as NodeJS.ErrnoException).code));
  } finally {
    await rm(probe, { force: true });
  }
}
