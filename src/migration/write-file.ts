import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import type { Keyring } from '../access/seal/keyring.js';
import type { Moving } from '../engine/moving/moving.js';
import { exportLines, KINDS, type Access } from './export-lines.js';
import type { DamagedLine } from './lines.js';

export interface WrittenFile {
  readonly lines: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Number of damaged records, which the file names and does not have. */
  readonly damaged: number;
}

export interface WriteOptions {
  readonly access: Access;
  readonly keyring: Keyring;
  readonly onDamage?: (line: DamagedLine) => void;
}

/** Exports a store to a file, which appears only when it is complete. */
export async function writeFile(
  from: Moving,
  name: string,
  onText: (lines: number) => void,
  { access, keyring, onDamage }: WriteOptions,
): Promise<WrittenFile> {
  const draft = `${name}.part-${process.pid}`;
  const hash = createHash('sha256');
  let lines = 0;
  let bytes = 0;
  let damaged = 0;
  const countDamage = (line: DamagedLine) => {
    damaged++;
    onDamage?.(line);
  };
  try {
    const stream = createWriteStream(draft, { mode: 0o600 });
    await once(stream, 'open');
    const failed = once(stream, 'error').then(([error]) => Promise.reject(error as Error));
    failed.catch(() => undefined);
    for await (const text of exportLines(from, { view: 'records', kinds: KINDS, access }, keyring, countDamage)) {
      hash.update(text);
      bytes += Buffer.byteLength(text);
      const count = text.split('\n').length - 1;
      lines += count;
      onText(count);
      if (!stream.write(text)) await Promise.race([once(stream, 'drain'), failed]);
    }
    stream.end();
    await Promise.race([once(stream, 'finish'), failed]);
    await flush(draft);
    await rename(draft, name);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  return { lines, bytes, sha256: hash.digest('hex'), damaged };
}

/** Flushes the content before the rename, so that a crash cannot leave a name without its content. */
async function flush(name: string): Promise<void> {
  const file = await open(name, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
