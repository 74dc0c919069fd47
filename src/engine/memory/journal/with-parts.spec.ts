import { describe, expect, it } from '@jest/globals';
import { RandomJson } from '../../../../test/support/random-json.js';
import { keyBytes } from '../journal-file/seal.js';
import { withParts } from './with-parts.js';

type Whole = [string, string];
type Part = [string, string, number];

const NAMES = ['a', 'ab', 'a b', 'b', 'ä', 'z', '~', '概', '\u{1f600}', '\uffee', '0', '10', '9'];
const inOrder = <K extends Whole | Part>(keys: readonly K[]) =>
  keys.toSorted((a, b) => Buffer.compare(keyBytes(a), keyBytes(b))).map((key) => ({ key, value: key.join() }));

describe('rows with their parts', () => {
  it('come in the order of their keys, a whole first, whatever is missing', () => {
    const random = new RandomJson(11);
    for (let round = 0; round < 300; round++) {
      const all = NAMES.flatMap((tenant) => NAMES.map((id): Whole => [tenant, id]));
      const wholes = inOrder(all.filter(() => random.integer(3) === 0));
      const parts = inOrder(
        all.flatMap((whole) => [1, 2, 300].map((n): Part => [...whole, n])).filter(() => random.integer(4) === 0),
      );
      const joined = [...withParts(wholes, parts)].map(({ key }) => key);
      expect(joined).toEqual(inOrder<Whole | Part>([...wholes, ...parts].map(({ key }) => key)).map(({ key }) => key));
    }
  });

  it('are read no further than they are asked for', () => {
    const read: string[] = [];
    function* noted<R extends { readonly value: string }>(rows: readonly R[]) {
      for (const row of rows) {
        read.push(row.value);
        yield row;
      }
    }
    const wholes = inOrder<Whole>([
      ['t', 'a'],
      ['t', 'b'],
    ]);
    const parts = inOrder<Part>([
      ['t', 'a', 1],
      ['t', 'b', 1],
      ['t', 'b', 2],
    ]);
    const joined = withParts(noted(wholes), noted(parts));
    // A part is valid until the next part is read, so that one must not be read before the first is used.
    for (const next of ['t,a', 't,a,1', 't,b', 't,b,1', 't,b,2']) {
      const { value } = joined.next() as { value: { is: string; value: string } };
      expect(value.value).toBe(next);
      if (value.is === 'part') expect(read.filter((one) => one.split(',').length === 3).at(-1)).toBe(next);
    }
  });
});
