import { describe, expect, it } from '@jest/globals';
import { arrayNode, fromValue, objectNode, parseDocument, type JsonNode } from './document.js';
import { RandomJson } from '../../test/support/random-json.js';

const AWKWARD =
  '{ "10":1.0, "9" :-0,\n"__proto__":{"x":9007199254740993},"\\u0061\\/":[ 1 , "\\u00e9" , [] ],"e":1E5 }';

describe('A document', () => {
  it('keeps its text', () => {
    expect(parseDocument(` ${AWKWARD}\n`).text).toBe(AWKWARD);
  });

  it('finds members by unescaped name and items by index', () => {
    const document = parseDocument(AWKWARD);
    expect([...document.members()].map(([name, node]) => [name, node.kind, node.text])).toEqual([
      ['10', 'number', '1.0'],
      ['9', 'number', '-0'],
      ['__proto__', 'object', '{"x":9007199254740993}'],
      ['a/', 'array', '[ 1 , "\\u00e9" , [] ]'],
      ['e', 'number', '1E5'],
    ]);
    expect(document.at(['a/', '1'])?.value()).toBe('é');
    expect(document.at(['__proto__', 'x'])?.text).toBe('9007199254740993');
    expect(document.at([])).toBe(document);
    expect(
      [['toString'], ['constructor'], ['a/', '01'], ['a/', 'length'], ['a/', '3'], ['e', '0']].map((tokens) =>
        document.at(tokens),
      ),
    ).toEqual(Array.from({ length: 6 }));
    expect(document.get('e')?.items()).toEqual([]);
    expect([...(document.get('e')?.members() ?? [])]).toEqual([]);
    expect(['a/', 'e', '__proto__'].map((name) => document.get(name)?.size)).toEqual([3, 0, 1]);
  });

  it('keeps the exact text of unchanged parts', () => {
    const document = parseDocument(AWKWARD);
    const list = document.get('a/') as JsonNode;
    const changed = document.withMember('a/', list.withInserted(1, fromValue('new'))).withMember('z"', fromValue(null));
    expect(changed.text).toBe(
      '{"10":1.0,"9":-0,"__proto__":{"x":9007199254740993},"\\u0061\\/":[1,"new","\\u00e9",[]],"e":1E5,"z\\"":null}',
    );
    expect(document.withMember('9', fromValue(9)).withoutMember('10').withoutMember('nothing').text).toBe(
      '{"9":9,"__proto__":{"x":9007199254740993},"\\u0061\\/":[ 1 , "\\u00e9" , [] ],"e":1E5}',
    );
    expect(document.text).toBe(AWKWARD);
  });

  it('changes items without changing the original array', () => {
    const array = parseDocument('[1, 2, 3]');
    expect(array.withItem(1, fromValue('b')).text).toBe('[1,"b",3]');
    expect(array.withoutItem(0).withoutItem(0).withoutItem(0).text).toBe('[]');
    expect(array.withInserted(3, fromValue(4)).text).toBe('[1,2,3,4]');
    expect(array.text).toBe('[1, 2, 3]');
    expect(() => array.withItem(3, fromValue(0))).toThrow(RangeError);
    expect(() => array.withInserted(4, fromValue(0))).toThrow(RangeError);
    expect(() => array.withMember('a', fromValue(0))).toThrow(TypeError);
  });

  it('is built from nodes and from values', () => {
    const node = objectNode([
      ['__proto__', fromValue({ a: [true, 'x"'] })],
      ['\n', arrayNode([fromValue(1.5), parseDocument('1.50')])],
    ]);
    expect(node.text).toBe('{"__proto__":{"a":[true,"x\\""]},"\\n":[1.5,1.50]}');
    expect([objectNode([]).text, arrayNode([]).text]).toEqual(['{}', '[]']);
    expect(() => fromValue(undefined)).toThrow(TypeError);
  });

  it('knows length and levels of a changed document without building its text', () => {
    const random = new RandomJson(99);
    let checked = 0;
    for (let round = 0; round < 2000; round++) {
      let node = parseDocument(random.document());
      for (let edit = 0; edit < 6; edit++) {
        const value = parseDocument(random.document(2));
        const name = JSON.parse(random.pick(random.names()) ?? '"n"') as string;
        if (node.kind === 'object')
          node = random.integer(3) === 0 ? node.withoutMember(name) : node.withMember(name, value);
        else if (node.kind === 'array' && node.size > 0) {
          const index = random.integer(node.size);
          node = random.pick([node.withItem(index, value), node.withInserted(index, value), node.withoutItem(index)]);
        }
      }
      const again = parseDocument(node.text);
      if (node.length !== node.text.length || node.size !== again.size) throw new Error(`Miscounted: ${node.text}`);
      if (node.names !== again.names || node.names !== namesIn(JSON.parse(node.text)))
        throw new Error(`Names miscounted: ${node.text}`);
      if (node.levels !== again.levels) throw new Error(`Wrong depth: ${node.text}`);
      checked++;
    }
    expect(checked).toBe(2000);
    expect(['1', '[]', '{"a":[{}],"b":[]}'].map((text) => parseDocument(text).levels)).toEqual([0, 1, 3]);
  });

  it('handles many single edits of a wide object and a long array', () => {
    const started = process.cpuUsage();
    let node = parseDocument(`{${Array.from({ length: 20_000 }, (_, i) => `"k${i}":${i}`).join(',')}}`);
    let list = parseDocument(`[${Array.from({ length: 50_000 }, () => '1').join(',')}]`);
    for (let i = 0; i < 2000; i++) {
      node = node.withMember(`k${i * 7}`, fromValue(null));
      list = list.withInserted(0, fromValue(i));
    }
    expect(node.size).toBe(20_000);
    expect(list.text.startsWith('[1999,1998,')).toBe(true);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(2000);
  });
});

function namesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce<number>((sum, part) => sum + namesIn(part), own);
}
