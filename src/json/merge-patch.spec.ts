import { describe, expect, it } from '@jest/globals';
import { parseDocument } from './document.js';
import { applyMergePatch } from './merge-patch.js';

function merged(target: string, patch: string): { text: string; changed: string[] } {
  const { node, changed } = applyMergePatch(parseDocument(target), parseDocument(patch));
  return { text: node.text, changed };
}

describe('A merge patch', () => {
  // RFC 7396, Appendix A
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}', ['/a']],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}', ['/b']],
    ['{"a":"b"}', '{"a":null}', '{}', ['/a']],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}', ['/a']],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}', ['/a']],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}', ['/a']],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}', ['/a/b']],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}', ['/a']],
    ['["a","b"]', '["c","d"]', '["c","d"]', ['']],
    ['{"a":"b"}', '["c"]', '["c"]', ['']],
    ['{"a":"foo"}', 'null', 'null', ['']],
    ['{"a":"foo"}', '"bar"', '"bar"', ['']],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}', ['/a']],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}', ['']],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}', ['/a']],
  ])('of %s with %s gives %s', (target, patch, text, changed) => {
    expect(merged(target, patch)).toEqual({ text, changed });
  });

  it('keeps the text of values that it does not name', () => {
    const { text } = merged(
      '{"10":1.0,"9":-0, "\\u0061":{ "x" : 9007199254740993 , "y":1},"__proto__":[ ]}',
      '{"a":{"y":2}}',
    );
    expect(text).toBe('{"10":1.0,"9":-0,"\\u0061":{"x":9007199254740993,"y":2},"__proto__":[ ]}');
  });

  it('changes nothing when it is empty', () => {
    expect(merged('{ "a" : 1 }', '{}')).toEqual({ text: '{ "a" : 1 }', changed: [] });
    expect(merged('{"a":{"b":1}}', '{"a":{},"x":null}')).toEqual({ text: '{"a":{"b":1}}', changed: [] });
    expect(merged('{"a":1}', '{"a":1}').changed).toEqual([]);
  });

  it('keeps nulls inside arrays', () => {
    expect(merged('{}', '{"a":[null,{"b":null}]}').text).toBe('{"a":[null,{"b":null}]}');
  });

  it('reports at most 20 pointers, escaped', () => {
    const patch = `{"a/b~":1,${Array.from({ length: 30 }, (_, i) => `"k${i}":1`).join(',')}}`;
    const { changed } = merged('{}', patch);
    expect(changed).toHaveLength(20);
    expect(changed.slice(0, 2)).toEqual(['/a~1b~0', '/k0']);
  });
});
