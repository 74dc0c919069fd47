import { describe, expect, it } from '@jest/globals';
import { parseDocument } from './document.js';
import { applyJsonPatch, PatchInvalidError, PatchTestFailedError, type PatchLimits } from './json-patch.js';
import { applyMergePatch } from './merge-patch.js';
import { scanJson } from './scan.js';
import { RandomJson } from '../../test/support/random-json.js';
import { scaled } from '../../test/support/scale.js';

function patched(target: string, patch: string, limits?: PatchLimits): { text: string; changed: string[] } {
  const { node, changed } = applyJsonPatch(parseDocument(target), parseDocument(patch), limits);
  return { text: node.text, changed };
}

function failure(target: string, patch: string, limits?: PatchLimits): unknown {
  try {
    patched(target, patch, limits);
  } catch (error) {
    return error;
  }
  throw new Error(`Applied: ${patch.slice(0, 200)}`);
}

const repeated = (count: number, operation: (i: number) => string) =>
  `[${Array.from({ length: count }, (_, i) => operation(i)).join(',')}]`;

const testOf = (value: string, path = '/n') => `[{"op":"test","path":"${path}","value":${value}}]`;

describe('A JSON Patch', () => {
  // RFC 6902, Appendix A
  it.each([
    ['A.1', '{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux"}]', '{"foo":"bar","baz":"qux"}', ['/baz']],
    [
      'A.2',
      '{"foo":["bar","baz"]}',
      '[{"op":"add","path":"/foo/1","value":"qux"}]',
      '{"foo":["bar","qux","baz"]}',
      ['/foo/1'],
    ],
    ['A.3', '{"baz":"qux","foo":"bar"}', '[{"op":"remove","path":"/baz"}]', '{"foo":"bar"}', ['/baz']],
    ['A.4', '{"foo":["bar","qux","baz"]}', '[{"op":"remove","path":"/foo/1"}]', '{"foo":["bar","baz"]}', ['/foo/1']],
    [
      'A.5',
      '{"baz":"qux","foo":"bar"}',
      '[{"op":"replace","path":"/baz","value":"boo"}]',
      '{"baz":"boo","foo":"bar"}',
      ['/baz'],
    ],
    [
      'A.6',
      '{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}',
      '[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]',
      '{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}',
      ['/foo/waldo', '/qux/thud'],
    ],
    [
      'A.7',
      '{"foo":["all","grass","cows","eat"]}',
      '[{"op":"move","from":"/foo/1","path":"/foo/3"}]',
      '{"foo":["all","cows","eat","grass"]}',
      ['/foo/1', '/foo/3'],
    ],
    [
      'A.8',
      '{"baz":"qux","foo":["a",2,"c"]}',
      '[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]',
      '{"baz":"qux","foo":["a",2,"c"]}',
      [],
    ],
    [
      'A.10',
      '{"foo":"bar"}',
      '[{"op":"add","path":"/child","value":{"grandchild":{}}}]',
      '{"foo":"bar","child":{"grandchild":{}}}',
      ['/child'],
    ],
    [
      'A.11',
      '{"foo":"bar"}',
      '[{"op":"add","path":"/baz","value":"qux","xyz":123}]',
      '{"foo":"bar","baz":"qux"}',
      ['/baz'],
    ],
    ['A.14', '{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":10}]', '{"/":9,"~1":10}', []],
    [
      'A.16',
      '{"foo":["bar"]}',
      '[{"op":"add","path":"/foo/-","value":["abc","def"]}]',
      '{"foo":["bar",["abc","def"]]}',
      ['/foo/1'],
    ],
  ])('does what RFC 6902 says in %s', (_, target, patch, text, changed) => {
    expect(patched(target, patch)).toEqual({ text, changed });
  });

  it('fails where a test fails (A.9, A.15)', () => {
    expect(failure('{"baz":"qux"}', '[{"op":"test","path":"/baz","value":"bar"}]')).toEqual(
      new PatchTestFailedError(0, '/baz'),
    );
    const mixed = '[{"op":"test","path":"/~1","value":9},{"op":"test","path":"/~01","value":"10"}]';
    expect(failure('{"/":9,"~1":10}', mixed)).toMatchObject({
      name: 'PatchTestFailedError',
      index: 1,
      pointer: '/~01',
    });
  });

  it('fails where the parent of the target does not exist (A.12)', () => {
    expect(failure('{"foo":"bar"}', '[{"op":"add","path":"/baz/bat","value":"qux"}]')).toMatchObject({
      name: 'PatchInvalidError',
      index: 0,
      pointer: '/baz/bat',
    });
  });

  // A.13 has two members "op", which the JSON scan refuses.
  it('with a duplicate name is not accepted as JSON (A.13)', () => {
    expect(() => scanJson('[{"op":"add","path":"/baz","value":"qux","op":"remove"}]')).toThrow('duplicate key "op"');
  });

  it.each([
    ['[{"op":"replace","path":"","value":[1]}]', '[1]'],
    ['[{"op":"add","path":"","value":7}]', '7'],
    ['[{"op":"copy","from":"/a","path":""}]', '{"b":[1, 2]}'],
    ['[{"op":"move","from":"/a/b/1","path":""}]', '2'],
    ['[{"op":"add","path":"/x","value":1},{"op":"replace","path":"","value":null}]', 'null'],
  ])('replaces the whole document: %s', (patch, text) => {
    expect(patched('{"a":{"b":[1, 2]}}', patch)).toEqual({ text, changed: [''] });
  });

  it.each([
    ['[{"op":"move","from":"/a","path":"/a"}]', '{"a":{"b":[1, 2]}}'],
    ['[{"op":"move","from":"","path":""}]', '{"a":{"b":[1, 2]}}'],
    ['[{"op":"copy","from":"","path":"/a/b/0"}]', '{"a":{"b":[{"a":{"b":[1, 2]}},1,2]}}'],
    ['[{"op":"add","path":"/a/b/2","value":3}]', '{"a":{"b":[1,2,3]}}'],
    ['[{"op":"add","path":"/a/-","value":0}]', '{"a":{"b":[1, 2],"-":0}}'],
    ['[{"op":"add","path":"/a","value":null}]', '{"a":null}'],
    ['[{"op":"add","path":"/","value":1}]', '{"a":{"b":[1, 2]},"":1}'],
    ['[{"op":"move","from":"/a/b","path":"/c"},{"op":"move","from":"/c/0","path":"/c/1"}]', '{"a":{},"c":[2,1]}'],
    ['[{"op":"test","path":"","value":{"\\u0061":{"b":[1.0,20e-1]}}}]', '{"a":{"b":[1, 2]}}'],
    ['[]', '{"a":{"b":[1, 2]}}'],
  ])('%s gives %s', (patch, text) => {
    expect(patched('{"a":{"b":[1, 2]}}', patch).text).toBe(text);
  });

  it.each([
    '{"op":"add","path":"/a","value":1}',
    '[1]',
    '[{"path":"/a","value":1}]',
    '[{"op":"Add","path":"/a","value":1}]',
    '[{"op":1,"path":"/a","value":1}]',
    '[{"op":"add","value":1}]',
    '[{"op":"add","path":["a"],"value":1}]',
    '[{"op":"add","path":"a","value":1}]',
    '[{"op":"add","path":"/~2","value":1}]',
    '[{"op":"add","path":"/a"}]',
    '[{"op":"replace","path":"/a"}]',
    '[{"op":"test","path":"/a"}]',
    '[{"op":"move","path":"/a"}]',
    '[{"op":"copy","from":null,"path":"/a"}]',
    '[{"op":"remove","path":""}]',
    '[{"op":"remove","path":"/x"}]',
    '[{"op":"remove","path":"/l/-"}]',
    '[{"op":"remove","path":"/l/2"}]',
    '[{"op":"replace","path":"/x","value":1}]',
    '[{"op":"replace","path":"/l/-","value":1}]',
    '[{"op":"replace","path":"/l/2","value":1}]',
    '[{"op":"add","path":"/l/3","value":1}]',
    '[{"op":"add","path":"/l/01","value":1}]',
    '[{"op":"add","path":"/l/00","value":1}]',
    '[{"op":"add","path":"/l/-1","value":1}]',
    '[{"op":"add","path":"/l/1e0","value":1}]',
    '[{"op":"add","path":"/l/x","value":1}]',
    '[{"op":"add","path":"/l/-/x","value":1}]',
    '[{"op":"add","path":"/s/x","value":1}]',
    '[{"op":"test","path":"/l/01","value":2}]',
    '[{"op":"copy","from":"/x","path":"/y"}]',
    '[{"op":"copy","from":"/l/-","path":"/y"}]',
    '[{"op":"move","from":"/a","path":"/a/b"}]',
    '[{"op":"move","from":"","path":"/a"}]',
    '[{"op":"move","from":"/toString","path":"/a"}]',
  ])('%s is invalid', (patch) => {
    expect(failure('{"a":{},"l":[1,2],"s":"text"}', patch)).toBeInstanceOf(PatchInvalidError);
  });

  it('names the failed operation, or none when the whole patch is wrong', () => {
    expect(failure('{}', '[{"op":"add","path":"/a","value":1},{"op":"remove","path":"/b"}]')).toMatchObject({
      index: 1,
      pointer: '/b',
    });
    expect(failure('{}', '{}')).toMatchObject({ index: null });
  });

  it('compares numbers exactly, and a missing value equals nothing', () => {
    expect(patched('{"n":9007199254740993}', testOf('9007199254740993.0')).changed).toEqual([]);
    expect(failure('{"n":9007199254740993}', testOf('9007199254740992'))).toBeInstanceOf(PatchTestFailedError);
    expect(failure('{"n":1}', testOf('null', '/m'))).toBeInstanceOf(PatchTestFailedError);
    expect(failure('{"n":[]}', testOf('null', '/n/-'))).toBeInstanceOf(PatchTestFailedError);
  });

  it('leaves the document unchanged when it fails half-way', () => {
    const target = parseDocument('{ "a" : [1] }');
    const patch = parseDocument('[{"op":"add","path":"/a/-","value":2},{"op":"test","path":"/a","value":[1]}]');
    expect(() => applyJsonPatch(target, patch)).toThrow(PatchTestFailedError);
    expect(target.text).toBe('{ "a" : [1] }');
  });

  it('keeps the text of values that it does not name', () => {
    const target = '{"10":1.0,"9":-0, "\\u0061":{ "x" : 9007199254740993 , "y":[ 1,1e2 ]},"__proto__":[ ]}';
    expect(patched(target, '[{"op":"add","path":"/a/y/1","value":{ "v":1.0 }}]').text).toBe(
      '{"10":1.0,"9":-0,"\\u0061":{"x":9007199254740993,"y":[1,{ "v":1.0 },1e2]},"__proto__":[ ]}',
    );
  });

  it('has at most 1,000 operations, unless allowed more', () => {
    const patch = repeated(1001, (i) => `{"op":"add","path":"/-","value":${i}}`);
    expect(failure('[]', patch)).toMatchObject({ index: null, message: 'more than 1000 operations' });
    expect(parseDocument(patched('[]', patch, { maxOperations: 2000 }).text).size).toBe(1001);
  });

  it('reports at most 20 pointers', () => {
    const { changed } = patched(
      '[]',
      repeated(30, (i) => `{"op":"add","path":"/-","value":${i}}`),
    );
    expect(changed).toEqual(Array.from({ length: 20 }, (_, i) => `/${i}`));
  });

  it('cannot make a document grow or nest without limit', () => {
    const doubling = repeated(
      60,
      (i) => `{"op":"copy","from":"/${i}","path":"/${i}/-"},{"op":"copy","from":"/${i}","path":"/-"}`,
    );
    expect(failure('[["x"]]', doubling, { maxDepth: 1000 })).toMatchObject({
      message: 'the document would be longer than 16777216 characters',
    });
    expect(failure('[["x"]]', doubling)).toBeInstanceOf(PatchInvalidError);
    expect(failure('["12345"]', '[{"op":"copy","from":"/0","path":"/-"}]', { maxLength: 16 })).toMatchObject({
      index: 0,
    });
    expect(
      failure(
        '{}',
        repeated(200, () => '{"op":"copy","from":"","path":"/a"}'),
      ),
    ).toMatchObject({
      index: 100 - 1,
      message: 'the document would be more than 100 levels deep',
    });
  });

  it('allows deep values again once an earlier deep part is removed', () => {
    const deep =
      '[{"op":"add","path":"/a","value":[[[]]]},{"op":"remove","path":"/a/0"},{"op":"copy","from":"/a","path":"/b/c"}]';
    expect(patched('{"b":{}}', deep, { maxDepth: 4 }).text).toBe('{"b":{"c":[]},"a":[]}');
  });

  it('never reaches a prototype', () => {
    const random = new RandomJson(4711);
    const names = ['__proto__', 'constructor', 'prototype', 'polluted', 'toString'];
    const before = Object.getOwnPropertyNames(Object.prototype).join(',');
    const rounds = scaled({ short: 3_000, long: 10_000 });
    let applied = 0;
    for (let round = 0; round < rounds; round++) {
      const target = parseDocument(`{"__proto__":{"a":{}},"constructor":{"prototype":{}},"x":${random.document(2)}}`);
      const path = Array.from({ length: 1 + random.integer(3) }, () => `/${random.pick(names)}`).join('');
      const from = `/${random.pick(names)}`;
      const value = `{"${random.pick(names)}":${random.document(2)}}`;
      const operation = `[{"op":"${random.pick(['add', 'replace', 'copy', 'move'])}","path":"${path}","from":"${from}","value":${value}}]`;
      try {
        scanJson(applyJsonPatch(target, parseDocument(operation)).node.text);
        applied++;
      } catch (error) {
        if (!(error instanceof PatchInvalidError)) throw error;
      }
      scanJson(
        applyMergePatch(target, parseDocument(`{"__proto__":${value},"constructor":{"prototype":${value}}}`)).node.text,
      );
    }
    expect(applied).toBeGreaterThan(rounds / 5);
    expect(Object.getOwnPropertyNames(Object.prototype).join(',')).toBe(before);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
