import { join } from 'node:path';
import { open, type Database } from 'lmdb';
import { FILE, openDatabases } from '../../src/engine/memory/journal/lmdb-journal.js';

/** Number of rows of the tenants in each database of a data directory, which may be in use. */
export async function rowsOf(dataDir: string, tenants: readonly string[]): Promise<Record<string, number>> {
  const root = open<unknown, never>({ path: join(dataDir, FILE), noSubdir: true, maxDbs: 16, readOnly: true });
  try {
    const { service: _service, ...databases } = openDatabases(root);
    const counts: Record<string, number> = {};
    for (const [name, database] of Object.entries(databases) as [string, Database<unknown, [string, string]>][]) {
      for (const [tenant] of database.getKeys()) if (tenants.includes(tenant)) counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  } finally {
    await root.close();
  }
}
