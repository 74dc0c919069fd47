import { describe, expect, it, jest } from '@jest/globals';
import { JsonNode, parseDocument } from './document.js';
import { applyMergePatch, mergeLarge, mergeNodes, type PatchResult } from './merge-patch.js';
import { Nesting } from './nesting.js';
import { scanJson } from './scan.js';
import { RandomJson } from '../../test/support/random-json.js';
import { scaled } from '../../test/support/scale.js';

/** Each name in two spellings. */
const NAMES = [
  ...Array.from({ length: 12 }, (_, i) => [`"k${i}"`, `"\\u006b${i}"`]),
  ['"__proto__"', '"\\u005f_proto__"'],
  ['""', '""'],
  ['"\\""', '"\\u0022"'],
  ['"e/f~"', '"e\\/f~"'],
  ['"😀"', '"\\ud83d\\ude00"'],
] as const;

/** Objects below objects, with many names in common, in any order, spelling and layout. */
function randomObject(random: RandomJson, level: number): string {
  const share = random.integer(4);
  const space = () => random.pick(['', '', '', '', ' ', '\n\t']);
  const isShuffled = random.integer(3) === 0;
  const names = NAMES.filter(() => random.integer(4) <= share).toSorted(() => (isShuffled ? random.integer(3) - 1 : 0));
  const members = names.map((spellings) => {
    const value = level < 4 && random.integer(4 + level) === 0 ? randomObject(random, level + 1) : random.document(4);
    return `${space()}${random.integer(5) === 0 ? spellings[1] : spellings[0]}${space()}:${space()}${value}${space()}`;
  });
  return `{${space()}${members.join(',')}}`;
}

const seen = ({ node, changed }: PatchResult) => ({
  kind: node.kind,
  length: node.length,
  levels: node.levels,
  names: node.names,
  size: node.size,
  text: node.text,
  changed,
});

describe('A merge of texts', () => {
  it('has the result of a merge of nodes', () => {
    const random = new RandomJson(7396);
    for (let round = 0; round < scaled({ short: 250, long: 1000 }); round++) {
      const texts = [random.integer(20) === 0 ? random.document() : randomObject(random, 0), randomObject(random, 0)];
      const [target, patch] = texts.map((text) => parseDocument(text)) as [JsonNode, JsonNode];
      const byTexts = seen(mergeLarge(target, patch));
      expect(byTexts).toEqual(seen(mergeNodes(target, patch)));
      const { levels, names, text } = parseDocument(byTexts.text);
      expect(byTexts).toMatchObject({ levels, names, text });
      scanJson(byTexts.text);
    }
  });

  it('has the result of a merge of nodes for a part of a document and for a changed one', () => {
    const random = new RandomJson(6902);
    for (let round = 0; round < scaled({ short: 100, long: 300 }); round++) {
      const texts = `{"a":[${randomObject(random, 1)},{ "b" : ${randomObject(random, 1)}}]}`;
      const target = parseDocument(texts).at(['a', '0']) as JsonNode;
      const patch = parseDocument(texts).at(['a', '1', 'b']) as JsonNode;
      const changed = target.withMember('k1', patch).withoutMember('k2').withMember('new', patch);
      for (const one of [target, changed]) {
        expect(seen(mergeLarge(one, patch))).toEqual(seen(mergeNodes(one, patch)));
      }
    }
  });

  it('can be changed like any other document', () => {
    const { node } = mergeLarge(parseDocument('{"a":{"b":1}}'), parseDocument('{"a":{"c":[{"d":2}]},"e":null}'));
    expect(node.withMember('e', parseDocument('3')).text).toBe('{"a":{"b":1,"c":[{"d":2}]},"e":3}');
    expect(node.at(['a', 'c', '0', 'd'])?.text).toBe('2');
  });

  describe('of a patch with many names', () => {
    const wide = (value: string) => `{${Array.from({ length: 2000 }, (_, i) => `"k${i}":${value}`).join(', ')}}`;

    it.each([
      ['on an object', wide('{"a":1}'), 6000],
      [
        'on an object in another order',
        `{"k1999":0, ${wide('{"a":1}').slice(1).replace(', "k1999":{"a":1}', '')}`,
        5999,
      ],
      ['on no object', '[]', 4000],
    ])('makes no node of a member and reads no text twice, %s', (_, before, names) => {
      const after = seen(mergeNodes(parseDocument(before), parseDocument(wide('{"b":2}'))));
      const slices = jest.spyOn(JsonNode, 'ofSlice');
      const lists = jest.spyOn(JsonNode, 'ofMembers');
      const readings = jest.spyOn(Nesting, 'of');
      const result = applyMergePatch(parseDocument(before), parseDocument(wide('{"b":2}')));
      expect(result.node.names).toBe(names);
      expect(result.node.levels).toBe(2);
      const counts = [slices, lists, readings].map(({ mock }) => mock.calls.length);
      jest.restoreAllMocks();
      // The nodes are those of the target and the patch, and each of the two texts is read once.
      expect(counts).toEqual([2, 0, before === '[]' ? 1 : 2]);
      expect(seen(result)).toEqual(after);
    });
  });
});
