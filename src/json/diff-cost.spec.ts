import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { diffDocuments, type Diff } from './diff.js';
import { parseDocument } from './document.js';
import { jsonEqual } from './json-equal.js';
import { applyJsonPatch } from './json-patch.js';
import { chat, message } from '../../test/support/chat.js';
import { StepCounter } from '../../test/support/step-counter.js';

const numbers = (count: number, item: (i: number) => number) =>
  JSON.stringify(Array.from({ length: count }, (_, i) => item(i)));
const deep = (inner: string) => '{"a":'.repeat(99) + inner + '}'.repeat(99);
const wide = (first: number) => `{${Array.from({ length: 40_000 }, (_, i) => `"k${first + i}":${i}`).join(',')}}`;

/** In a file of its own: earlier cases would compile the code before the counter starts. */
describe('The diff of large documents takes few steps', () => {
  const steps = new StepCounter('json');
  beforeAll(() => steps.start());
  afterAll(() => steps.stop());

  const messages = Array.from({ length: 1000 }, (_, i) => message(i));
  const changed = [
    message(-1),
    ...messages
      .map((old, i) => (i > 400 && i < 600 ? { ...old, content: `${old.content}!` } : old))
      .filter((_, i) => i % 2 === 0),
  ];
  // The limits, in millions, are less than twice the usual steps; a quadratic algorithm takes many times as many.
  it.each([
    ['1,000 messages: one in front, half removed, some edited', chat(messages), chat(changed), false, 1.5],
    ['1,000 messages in reverse', chat(messages), chat(messages.toReversed()), false, 2],
    ['1,000 messages reformatted', chat(messages), JSON.stringify(JSON.parse(chat(messages)), null, 1), false, 4],
    ['20,000 unrelated numbers', numbers(20_000, (i) => i * 3), numbers(20_000, (i) => -i * 5 - 1), true, 3],
    ['500,000 unrelated numbers', numbers(500_000, () => 1), numbers(500_000, () => 2), true, 15],
    ['much inside of many levels', deep(numbers(90_000, (i) => i)), deep(numbers(90_000, (i) => i + 1)), true, 18],
    ['many small arrays', `[${'[[1]],'.repeat(90_000)}1]`, `[${'[[2]],'.repeat(90_000)}1]`, true, 16],
    ['an object of 40,000 names', wide(0), wide(20_000), true, 9],
  ])('%s', async (_, before, after, truncated, maxMillions) => {
    const a = parseDocument(before);
    const b = parseDocument(after);
    let result!: Diff;
    const started = process.cpuUsage();
    const millions = (await steps.count(() => (result = diffDocuments(a, b)))) / 1e6;
    const { user, system } = process.cpuUsage(started);
    expect(millions).toBeLessThan(maxMillions);
    // Far fewer steps mean that the counter has missed some.
    expect(millions).toBeGreaterThan(maxMillions / 4);
    // Built-in functions take no steps. The limit is ten times the usual time, for busy machines.
    expect((user + system) / 1000).toBeLessThan(5000);
    expect(result.truncated).toBe(truncated);
    const { node } = applyJsonPatch(a, parseDocument(result.operations), { maxOperations: 10_000 });
    expect(jsonEqual(node, b)).toBe(true);
  });
});
