import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { CHARACTERS_PER_TURN } from '../engine/character-turns.js';
import { InvalidJsonError } from '../json/invalid-json-error.js';
import { scanInTurns } from './scan-in-turns.js';

const zeros = (length: number) => `[${'0,'.repeat(length / 2 - 1)}0]`;

/** Turns of the event loop that other work gets until `work` ends. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let isDone = false;
  const done = () => (isDone = true);
  void work.then(done, done);
  let turns = 0;
  for (; turns < 1000; turns++) {
    await setImmediate();
    if (isDone) break;
  }
  return turns;
}

describe('scanInTurns', () => {
  it('divides the scan of a large text among turns of the event loop', async () => {
    const scan = scanInTurns(zeros(16 * CHARACTERS_PER_TURN));
    expect(await turnsDuring(scan)).toBeGreaterThanOrEqual(3);
    expect(await scan).toMatchObject({ kind: 'array', start: 0 });
  });

  it('gives several texts together no more of a turn than one', async () => {
    const texts = Array.from({ length: 4 }, () => scanInTurns(zeros(16 * CHARACTERS_PER_TURN)));
    expect(await turnsDuring(Promise.all(texts))).toBeGreaterThanOrEqual(15);
  });

  it('scans a small text at once', async () => {
    let isDone = false;
    void scanInTurns(zeros(64 * 1024)).then(() => (isDone = true));
    await Promise.resolve();
    await Promise.resolve();
    expect(isDone).toBe(true);
  });

  it('refuses in any turn', async () => {
    const scan = scanInTurns(zeros(16 * CHARACTERS_PER_TURN).replace(/0\]$/, '01]'));
    await expect(scan).rejects.toBeInstanceOf(InvalidJsonError);
  });
});
