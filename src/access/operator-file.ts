import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newKeyId, newToken } from './token.js';

export const OPERATOR_FILE = 'operator-token';

/**
 * Makes the operator's token of this process, in a file that only its user can read. A program that can read DATA_DIR
 * can read and change all state anyway.
 * The token is new at each start, so that an old copy is useless.
 */
export function writeOperatorFile(dataDir: string): string {
  const token = newToken({ kind: 'operator', id: newKeyId() });
  const path = join(dataDir, OPERATOR_FILE);
  const fresh = `${path}.${process.pid}`;
  mkdirSync(dataDir, { recursive: true });
  try {
    writeFileSync(fresh, `${token}\n`, { mode: 0o600, flag: 'wx' });
    chmodSync(fresh, 0o600);
    renameSync(fresh, path);
  } finally {
    rmSync(fresh, { force: true });
  }
  return token;
}
