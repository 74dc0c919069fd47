import { describe, expect, it } from '@jest/globals';
import { diffDocuments, diffInTurns, type DiffLimits } from './diff.js';
import { parseDocument } from './document.js';
import { jsonEqual } from './json-equal.js';
import { applyJsonPatch } from './json-patch.js';
import { scanJson } from './scan.js';
import { chat, message } from '../../test/support/chat.js';
import { RandomJson } from '../../test/support/random-json.js';
import { scaled } from '../../test/support/scale.js';

const wide = (value: number) => `{${Array.from({ length: 49_000 }, (_, i) => `"k${i}":${value}`).join(',')}}`;

/** The diff of two texts, checked by applying it. */
function diff(before: string, after: string, limits?: DiffLimits): { operations: string; truncated: boolean } {
  const [a, b] = [parseDocument(before), parseDocument(after)];
  const result = diffDocuments(a, b, limits);
  const { node } = applyJsonPatch(a, parseDocument(result.operations), { maxOperations: 100_000 });
  if (!jsonEqual(node, b))
    throw new Error(`${result.operations} leads from ${before} to ${node.text}, not to ${after}`);
  return result;
}

const operations = (before: string, after: string) => diff(before, after).operations;

const numbers = (count: number, item: (i: number) => number) =>
  JSON.stringify(Array.from({ length: count }, (_, i) => item(i)));
const vector = (factor: number) => Array.from({ length: 200 }, (_, i) => i * factor + 1);

describe('The diff of two documents', () => {
  it.each([
    ['{"a":1}', '{"a":1}', '[]'],
    ['{"a":1,"b":[2]}', '{ "b":[20e-1], "a":1.0 }', '[]'],
    ['1', '"1"', '[{"op":"replace","path":"","value":"1"}]'],
    [
      '{"a":1,"b":2}',
      '{"b":3,"c/~":{ "x":1.0 }}',
      '[{"op":"remove","path":"/a"},{"op":"replace","path":"/b","value":3},{"op":"add","path":"/c~1~0","value":{ "x":1.0 }}]',
    ],
    ['{"n":9007199254740993}', '{"n":9007199254740992}', '[{"op":"replace","path":"/n","value":9007199254740992}]'],
    ['[1,2,3]', '[1,3]', '[{"op":"remove","path":"/1"}]'],
    ['[1,2,3]', '[0,1,2,3]', '[{"op":"add","path":"/0","value":0}]'],
    ['[1,2,3]', '[3,1,2]', '[{"op":"move","from":"/2","path":"/0"}]'],
    ['[{"x":1},{"x":2},{"x":3}]', '[{"x":1},{"x":9},{"x":3}]', '[{"op":"replace","path":"/1/x","value":9}]'],
    [
      '[{"id":1,"v":1},{"id":2,"v":2},{"id":3,"v":3}]',
      '[{"id":3,"v":4},{"id":"1"},{"id":1.0,"v":1}]',
      '[{"op":"remove","path":"/1"},{"op":"move","from":"/1","path":"/0"},{"op":"add","path":"/1","value":{"id":"1"}},{"op":"replace","path":"/0/v","value":4}]',
    ],
  ])('from %s to %s', (before, after, expected) => {
    expect(diff(before, after)).toEqual({ operations: expected, truncated: false });
  });

  it('matches items by id, wherever they moved', () => {
    const messages = Array.from({ length: 20 }, (_, i) => message(i));
    const last = messages.at(-1);
    expect(operations(chat(messages), chat([{ ...last, tokens: -1 }, ...messages.slice(0, -1)]))).toBe(
      '[{"op":"move","from":"/messages/19","path":"/messages/0"},{"op":"replace","path":"/messages/0/tokens","value":-1}]',
    );
  });

  it('replaces a part of which everything changed', () => {
    const text = (factor: number) => JSON.stringify({ name: 'x'.repeat(2000), vector: vector(factor) });
    expect(operations(text(2), text(3))).toBe(
      `[{"op":"replace","path":"/vector","value":${JSON.stringify(vector(3))}}]`,
    );
  });

  it('turns any document into any other', () => {
    const random = new RandomJson(31_337);
    const rounds = scaled({ short: 3_000, long: 10_000 });
    let truncated = 0;
    let withMoves = 0;
    for (let round = 0; round < rounds; round++) {
      const next = () => (round % 3 === 0 ? random.itemsWithIds(2) : random.document(1));
      const result = diff(next(), next());
      scanJson(result.operations);
      if (result.truncated) truncated++;
      if (result.operations.includes('"move"')) withMoves++;
    }
    // A diff that replaces everything would test nothing else.
    expect(truncated).toBeLessThan(rounds / 5);
    expect(withMoves).toBeGreaterThan(rounds / 10);
  });

  it('turns a chat into the same chat after many edits', () => {
    const random = new RandomJson(8);
    for (let round = 0; round < 150; round++) {
      const messages = Array.from({ length: 40 }, (_, i) => message(i));
      const edited: unknown[] = messages
        .filter(() => random.integer(4) > 0)
        .map((old) => (random.integer(4) === 0 ? { ...old, tokens: -random.integer(9) } : old))
        .toSorted(() => (random.integer(8) === 0 ? 1 : 0));
      for (let added = random.integer(5); added > 0; added--) {
        edited.splice(random.integer(edited.length + 1), 0, message(100 + added));
      }
      expect(diff(chat(messages), chat(edited)).truncated).toBe(false);
    }
  });

  it('replaces the whole document when there are too many changes', () => {
    const after = '{"a":2, "b":[3]}';
    const replaced = { operations: `[{"op":"replace","path":"","value":${after}}]`, truncated: true };
    expect(diff('{"a":1,"b":[2]}', after, { maxOperations: 1 })).toEqual(replaced);
    expect(diff('{"a":1,"b":[2]}', after, { maxWork: 10 })).toEqual(replaced);
  });

  it.each([
    ['members', wide(0), wide(1), 10],
    ['items', numbers(9_000, (i) => i), numbers(9_000, (i) => -i), 5],
  ])('pauses among many changed %s, with the same result', async (_, before, after, least) => {
    let pauses = 0;
    const result = await diffInTurns(parseDocument(before), parseDocument(after), async () => void pauses++);
    expect(pauses).toBeGreaterThanOrEqual(least);
    expect(result).toEqual(diffDocuments(parseDocument(before), parseDocument(after)));
  });

  it('is never much longer than the new document', () => {
    const after = numbers(20_000, (i) => -i);
    const result = diff(
      numbers(20_000, (i) => i + 1),
      after,
    );
    expect(result.truncated).toBe(true);
    expect(result.operations.length).toBeLessThan(after.length + 50);
  });
});
