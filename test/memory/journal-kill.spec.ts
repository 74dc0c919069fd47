import { describe, expect, it } from '@jest/globals';
import { killWhileWriting } from '../support/journal-kill.js';

describe('the journal of the embedded engine, when its process is killed', () => {
  // The long form is in test/chaos.
  it('keeps every acknowledged write, delete and outcome', async () => {
    const report = await killWhileWriting(3, 300, 1);
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(400);
  }, 60_000);
});
