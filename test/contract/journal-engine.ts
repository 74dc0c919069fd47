import { rm } from 'node:fs/promises';
import { openMemoryEngine } from '../../src/engine/memory/open-memory-engine.js';
import { TestClock } from '../support/clock.js';
import { fastDirectory } from '../support/fast-directory.js';
import { testIndex } from '../support/parts.js';
import { testOptions, type EngineUnderTest, type OpenOptions } from './engine-under-test.js';

/** A memory engine with a journal in a directory of its own. */
export async function openJournalEngine({ options, observer }: OpenOptions = {}): Promise<
  EngineUnderTest & { reopen(): Promise<void> }
> {
  const dataDir = await fastDirectory('waymark-contract-');
  const clock = new TestClock();
  const parts = {
    options: { ...testOptions, ...options },
    index: testIndex,
    clock: clock.read,
    dataDir,
    // With a clock that jumps, the moment of a sweep would be random.
    sweeps: false,
    ...(observer && { observer }),
  };
  let engine = await openMemoryEngine(parts);
  return {
    get engine() {
      return engine;
    },
    clock,
    async reopen() {
      await engine.close();
      engine = await openMemoryEngine(parts);
    },
    async close() {
      await engine.close();
      await rm(dataDir, { recursive: true });
    },
  };
}
