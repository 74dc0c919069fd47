import { LmdbJournal } from './journal/lmdb-journal.js';
import { MemoryEngine, type MemoryEngineParts } from './memory-engine.js';

export interface OpenParts extends Omit<MemoryEngineParts, 'journal'> {
  readonly dataDir?: string | undefined;
  /** An engine that sweeps by itself does so at moments that nobody can repeat. */
  readonly sweeps?: boolean;
}

/** An engine that serves; durable when it has a directory. @throws DirectoryInUseError */
export async function openMemoryEngine({ dataDir, sweeps = true, ...parts }: OpenParts): Promise<MemoryEngine> {
  const journal = dataDir === undefined ? undefined : await LmdbJournal.open(dataDir);
  const engine = new MemoryEngine({ ...parts, ...(journal && { journal }) });
  try {
    if (sweeps) engine.start();
    else engine.restore();
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}
