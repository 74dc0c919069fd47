import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { StepCounter } from '../../../test/support/step-counter.js';
import { CommitBody } from '../../commits/commit.dto.js';
import { NewTasks } from '../../tasks/new-task.dto.js';
import { InvalidBodyError } from '../http-errors.js';
import { readJson } from './read.js';
import type { Shape } from './field.js';

const many = (count: number, item: string) => `[${`${item},`.repeat(count - 1)}${item}]`;
const wide = (names: number) => `{${Array.from({ length: names }, (_, i) => `"k${i}":0`).join(',')}}`;

/** In a file of its own: earlier cases would compile the code before the counter starts. */
describe('A large body that is refused', () => {
  const steps = new StepCounter('http');
  beforeAll(() => steps.start());
  afterAll(() => steps.stop());
  afterEach(() => void jest.restoreAllMocks());

  async function refusalOf(shape: Shape, text: string): Promise<InvalidBodyError> {
    try {
      await readJson(shape, text);
    } catch (error) {
      if (error instanceof InvalidBodyError) return error;
      throw error;
    }
    throw new Error('the body was not refused');
  }

  it('takes no steps for items beyond the limit of a list', async () => {
    for (const item of ['{}', '1']) {
      let message = '';
      const count = await steps.count(async () => {
        ({ message } = await refusalOf(CommitBody, `{"puts":${many(1_000_000, item)},"deletes":[]}`));
      });
      expect(message).toBe('/puts: must be a list of at most 50');
      expect(count).toBeLessThan(20_000);
    }
  });

  it('goes on behind a list that is too long', async () => {
    const { message } = await refusalOf(CommitBody, `{"puts":${many(60, '{"id":["]",{}]}')} ,"deletes":1,"x":[]}`);
    expect(message).toMatch(/^\/x: .*\/puts: must be a list of at most 50.*\/deletes: must be a list/s);
  });

  it('has no long values parsed', async () => {
    const parse = jest.spyOn(JSON, 'parse');
    const { message } = await refusalOf(NewTasks, `{"tasks":[{"payload":1,"priority":${many(500_000, '[]')}}]}`);
    expect(message).toBe('/tasks/0/priority: must be an integer from 0 to 9');
    expect(Math.max(0, ...parse.mock.calls.map(([text]) => text.length))).toBeLessThan(256 * 1024);
  });

  it('takes few steps for unknown members, and counts them all', async () => {
    let refusal: InvalidBodyError | undefined;
    const count = await steps.count(async () => {
      refusal = await refusalOf(CommitBody, `{"puts":[${wide(49_000)}],"x":1}`);
    });
    // The list, a missing id and a missing state come after the unknown members.
    expect(refusal?.extensions['errorCount']).toBe(49_003);
    expect(refusal?.message).toMatch(/^\/puts\/0\/k0: is not known here; \/puts\/0\/k1: /);
    expect(count).toBeLessThan(2_000_000);
  });
});
