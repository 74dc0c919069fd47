import { LmdbJournal } from './journal/lmdb-journal.js';
import { MemoryEngine, type MemoryEngineParts } from './memory-engine.js';

export interface OpenParts extends Omit<MemoryEngineParts, 'journal'> {
  readonly dataDir?: string | undefined;
  /** False in tests that call `sweep` themselves, to be repeatable. */
  readonly sweeps?: boolean;
}

/** A started engine; durable when `dataDir` is given. @throws DirectoryInUseError */
export async function openMemoryEngine({ dataDir, sweeps = true, ...parts }: OpenParts): Promise<MemoryEngine> {
  const journal = dataDir === undefined ? undefined : await LmdbJournal.open(dataDir);
  const engine = new MemoryEngine({ ...parts, ...(journal && { journal }) });
  try {
    if (sweeps) await engine.start();
    else await engine.restore();
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}
