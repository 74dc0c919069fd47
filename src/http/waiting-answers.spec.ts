import { describe, expect, it } from '@jest/globals';
import { WaitingAnswers } from './waiting-answers.js';

const MIB = 1024 * 1024;

describe('pages', () => {
  it('are read a few at a time, in line, and refused when the line is long', async () => {
    const answers = new WaitingAnswers(32 * MIB, 30_000);
    const ends: (() => void)[] = [];
    let begun = 0;
    const read = () =>
      answers.readPage(() => {
        begun++;
        return new Promise<string>((resolve) => ends.push(() => resolve('page')));
      });
    const pages = Array.from({ length: 1002 }, read);
    expect(begun).toBe(2);
    await expect(read()).rejects.toMatchObject({ code: 'TOO_MANY_ANSWERS_WAITING', retryAfterSeconds: 2 });
    // The end of one makes room in the line.
    ends.shift()?.();
    expect(await pages[0]).toBe('page');
    pages.push(read());
    while (ends.length > 0) {
      ends.shift()?.();
      await new Promise(setImmediate);
    }
    expect(new Set(await Promise.all(pages))).toEqual(new Set(['page']));
    expect(begun).toBe(1003);
  });
});
