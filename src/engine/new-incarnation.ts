import { randomFillSync } from 'node:crypto';

const LENGTH = 12;
const pool = Buffer.alloc(LENGTH * 256);
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';
let used = pool.length;

/** A new incarnation, for callers of `commit`: 72 random bits. A pool saves a system call for each. */
export function newIncarnation(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let text = '';
  for (let i = 0; i < LENGTH; i++) text += ALPHABET[(pool[used++] as number) & 63];
  return text;
}
