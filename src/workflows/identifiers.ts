import { randomBytes, randomFillSync } from 'node:crypto';

const INCARNATION_LENGTH = 12;
const pool = Buffer.alloc(INCARNATION_LENGTH * 256);
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';
let used = pool.length;

/** 72 random bits, new for each creation. A pool saves a system call for each. */
export function newIncarnation(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let text = '';
  for (let i = 0; i < INCARNATION_LENGTH; i++) text += ALPHABET[(pool[used++] as number) & 63];
  return text;
}

/** UUID of version 7 (RFC 9562): ids sort by creation time. */
export function newWorkflowId(nowMs: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
