import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from './find-program.js';
import { startRedisWith, type RedisProcess } from './redis-process.js';

const compiler = findProgram('cc', 'gcc', 'clang');

/** A shifted clock needs a C compiler, and a system with LD_PRELOAD. */
export const canShiftClocks = process.platform === 'linux' && compiler !== undefined;

export interface ShiftedRedis extends RedisProcess {
  /** A step of its clock: it is ahead of that of the machine by so much. */
  shift(ms: number): void;
}

/** A redis-server whose clock is ahead of that of the machine. */
export async function startShiftedRedis(aheadMs: number, ...more: string[]): Promise<ShiftedRedis> {
  const directory = mkdtempSync(join(tmpdir(), 'waymark-clock-'));
  const [library, file] = [join(directory, 'shifted-clock.so'), join(directory, 'shift')];
  const source = fileURLToPath(new URL('shifted-clock.c', import.meta.url));
  execFileSync(compiler as string, ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  // Written in place: the server has the file mapped.
  const shift = (ms: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(ms));
    writeFileSync(file, bytes, { flag: 'r+' });
  };
  writeFileSync(file, Buffer.alloc(8));
  shift(aheadMs);
  const server = await startRedisWith({ LD_PRELOAD: library, SHIFT_FILE: file }, ...more);
  return {
    ...server,
    shift,
    async stop() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
