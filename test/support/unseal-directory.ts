import { join } from 'node:path';
import { asBinary, open } from 'lmdb';
import { FILE, LAYOUT } from '../../src/engine/memory/journal/lmdb-journal.js';
import type { JournalLayout } from '../../src/engine/memory/journal-file/journal-walk.js';
import { isSealed, openRaw, unsealed } from '../../src/engine/memory/journal-file/seal.js';

/** Gives a journal that no service uses the former format: rows without checksums. */
export async function unsealFile(path: string, layout: JournalLayout): Promise<void> {
  const root = open<unknown, never>({ path, noSubdir: true, maxDbs: 16, overlappingSync: false });
  for (const name of [...layout.databases, layout.service]) {
    const rows = openRaw(root, name);
    root.transactionSync(() => {
      for (const { key, value } of Array.from(rows.getRange())) {
        if (isSealed(value)) rows.putSync(key, asBinary(Buffer.from(unsealed(value))) as unknown as Buffer);
      }
    });
  }
  root.openDB<number, string>({ name: layout.service }).putSync('format', layout.unsealedFormat);
  await root.close();
}

export function unsealDirectory(directory: string): Promise<void> {
  return unsealFile(join(directory, FILE), LAYOUT);
}
