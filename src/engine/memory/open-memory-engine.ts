import { LmdbJournal } from './lmdb-journal.js';
import { MemoryEngine, type MemoryEngineParts } from './memory-engine.js';

/** An engine that serves; durable when it has a directory. @throws DirectoryInUseError */
export async function openMemoryEngine({
  dataDir,
  ...parts
}: Omit<MemoryEngineParts, 'journal'> & { readonly dataDir?: string | undefined }): Promise<MemoryEngine> {
  const journal = dataDir === undefined ? undefined : await LmdbJournal.open(dataDir);
  const engine = new MemoryEngine({ ...parts, ...(journal && { journal }) });
  try {
    engine.start();
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}
