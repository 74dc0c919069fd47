import { describe, expect, it } from '@jest/globals';
import { parseDocument, type JsonNode } from './document.js';
import { RandomJson } from '../../test/support/random-json.js';

/** Names with and without escapes, of which some are in the document. */
const NAMES = ['a', 'b', '10', '9', 'é', '"', '\\', '__proto__', ...Array.from({ length: 12 }, (_, i) => `n${i}`)];
const SOURCE = '{"a":1, "\\u0062" : 2,"10":3,"9":4 ,"__proto__":[],"n0":{},"n1":"x"}';

describe('The members of an object', () => {
  it.each([
    ['each change by an owner of its own', () => ({})],
    ['all changes by one owner', () => OWNER],
  ])('are those of a Map after any changes: %s', (_name, ownerOf) => {
    const random = new RandomJson(5);
    for (let round = 0; round < 300; round++) {
      const expected = new Map(Object.entries(JSON.parse(SOURCE) as object).map(([name, value]) => [name, value]));
      // Object.entries puts numbers first; the order in the text counts.
      const inOrder = new Map(['a', 'b', '10', '9', '__proto__', 'n0', 'n1'].map((name) => [name, expected.get(name)]));
      const first = parseDocument(SOURCE);
      let node: JsonNode = first;
      for (let edit = 0; edit < 30; edit++) {
        const name = random.pick(NAMES);
        if (random.integer(3) === 0) {
          inOrder.delete(name);
          node = node.withoutMember(name, ownerOf());
        } else {
          inOrder.set(name, edit);
          node = node.withMember(name, parseDocument(String(edit)), ownerOf());
        }
        const probe = random.pick(NAMES);
        if ((node.get(probe) === undefined) === inOrder.has(probe)) throw new Error(`Edit ${edit} has lost ${probe}`);
      }
      const members = [...node.members()].map(([name, part]) => [name, part.value()]);
      expect(members).toEqual([...inOrder]);
      expect(node.size).toBe(inOrder.size);
      expect(node.text).toHaveLength(node.length);
      const again = [...parseDocument(node.text).members()].map(([name, part]) => [name, part.value()]);
      expect(again).toEqual([...inOrder]);
      expect(first.text).toBe(SOURCE);
      expect(first.size).toBe(7);
    }
  });
});

const OWNER = {};
