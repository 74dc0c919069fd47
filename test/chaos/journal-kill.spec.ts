import { describe, expect, it } from '@jest/globals';
import { killWhileWriting } from '../support/journal-kill.js';

const ROUNDS = 20;
const WRITES_PER_ROUND = 350;

describe('the journal of the embedded engine, killed again and again', () => {
  it('keeps every acknowledged write, delete and outcome', async () => {
    const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
    const report = await killWhileWriting(ROUNDS, WRITES_PER_ROUND, seed);
    console.log(`seed ${seed}: ${ROUNDS} kills, ${JSON.stringify(report)}`);
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(5000);
  }, 300_000);
});
