import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compileSources, type CompiledSources } from '../support/compiled-sources.js';
import { scaled } from '../support/scale.js';
import { damageJournals } from './damage-journals.js';

const { damages, repairsEach, timeoutMs } = scaled({
  short: { damages: 60, repairsEach: 4, timeoutMs: 180_000 },
  long: { damages: 2000, repairsEach: 4, timeoutMs: 3_600_000 },
});
const first = Number(process.env['CHAOS_SEED'] ?? 1);

describe('a damaged journal of the embedded engine', () => {
  let sources: CompiledSources;
  beforeAll(async () => {
    sources = await compileSources();
  });
  afterAll(async () => {
    await sources.remove();
  });

  it(
    'is restored exactly, or refused with file, place and remedy; a repair saves what is whole',
    async () => {
      const seeds = Array.from({ length: damages }, (_, i) => first + i);
      const report = await damageJournals(sources.url, seeds, repairsEach);
      process.stdout.write(`${damages} damages from seed ${first}: ${JSON.stringify(report)}\n`);
      expect(report.violations).toEqual([]);
      expect(report.harmless).toBeGreaterThan(0);
      expect(report.refused).toBeGreaterThan(0);
    },
    timeoutMs,
  );
});
