import { describe, expect, it } from '@jest/globals';
import { scaled } from '../support/scale.js';
import { killWhileWriting } from './kill-while-writing.js';

const { rounds, writesPerRound, minAcknowledged, seed, timeoutMs } = scaled({
  short: { rounds: 3, writesPerRound: 300, minAcknowledged: 400, seed: 1, timeoutMs: 360_000 },
  long: {
    rounds: 20,
    writesPerRound: 350,
    minAcknowledged: 5000,
    seed: Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000),
    timeoutMs: 300_000,
  },
});

describe('the journal of the embedded engine, when its process is killed again and again', () => {
  it(
    'keeps every acknowledged write, delete and outcome',
    async () => {
      const report = await killWhileWriting(rounds, writesPerRound, seed);
      process.stdout.write(`seed ${seed}: ${rounds} kills, ${JSON.stringify(report)}\n`);
      expect(report.violations).toEqual([]);
      expect(report.acknowledged).toBeGreaterThan(minAcknowledged);
    },
    timeoutMs,
  );
});
