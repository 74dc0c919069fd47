import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StepCounter } from '../../../test/support/step-counter.js';
import { parseDocument } from '../../json/document.js';
import { mergeSectionEdit } from './section-edit.js';

/** In a file of its own: earlier cases would compile the code before the counter starts. */
describe('An edit of a large state takes few steps', () => {
  const steps = new StepCounter('json');
  beforeAll(() => steps.start());
  afterAll(() => steps.stop());

  it('to find a section behind 300,000 objects without names', async () => {
    const state = `{"sections":[${'{},'.repeat(300_000)}{"id":"last"}]}`;
    let changed: readonly string[] | null = null;
    const millions =
      (await steps.count(() => {
        ({ changed } = mergeSectionEdit('last', '{}').apply(parseDocument(state), new Date(0)));
      })) / 1e6;
    expect(changed).toEqual(['/sections/300000/updated_at']);
    // Each object that is split takes ten steps and more.
    expect(millions).toBeLessThan(20);
    expect(millions).toBeGreaterThan(1);
  });
});
