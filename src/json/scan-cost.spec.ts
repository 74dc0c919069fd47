import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StepCounter } from '../../test/support/step-counter.js';
import { JsonScanner } from './scan.js';

const many = (count: number, item: string) => `[${`${item},`.repeat(count - 1)}${item}]`;

/** Takes one step; true when the text is read or refused. */
function hasEnded(scanner: JsonScanner): boolean {
  try {
    return scanner.goOn(5000) !== undefined;
  } catch {
    return true;
  }
}

/** In a file of its own: earlier cases would compile the code before the counter starts. */
describe('A step of the scan of a large text', () => {
  const steps = new StepCounter('json');
  beforeAll(() => steps.start());
  afterAll(() => steps.stop());

  it.each([
    ['numbers', many(20_000, '1234')],
    ['empty arrays', many(20_000, '[]')],
    ['short strings', many(20_000, '"ab"')],
    ['objects', many(10_000, '{"a":1}')],
    ['nested lists', many(5_000, '[[[1],2],3]')],
    ['text that is refused at its end', `${many(20_000, '1234')}x`],
  ])('takes work for its own characters only: %s', async (_, text) => {
    const scanner = new JsonScanner(text);
    const counts: number[] = [];
    for (;;) {
      let isRead = false;
      const step = () => void (isRead = hasEnded(scanner));
      counts.push(await steps.count(step));
      if (isRead) break;
    }
    expect(counts.length).toBeGreaterThan(text.length / 5100);
    expect(Math.max(...counts)).toBeLessThan(5000 * 10);
  });
});
