import { describe, expect, it } from '@jest/globals';
import { arrayIndex, formatPointer, InvalidPointerError, parsePointer } from './pointer.js';

describe('A JSON Pointer', () => {
  // RFC 6901 §5
  it.each([
    ['', []],
    ['/foo', ['foo']],
    ['/foo/0', ['foo', '0']],
    ['/', ['']],
    ['/a~1b', ['a/b']],
    ['/c%d', ['c%d']],
    ['/m~0n', ['m~n']],
    ['/~01', ['~1']],
    ['//', ['', '']],
  ])('%j is read and written', (text, tokens) => {
    expect(parsePointer(text)).toEqual(tokens);
    expect(formatPointer(tokens)).toBe(text);
  });

  it.each(['foo', '#/foo', ' /a', '/~', '/a~2', '/~1~'])('%j is refused', (text) => {
    expect(() => parsePointer(text)).toThrow(InvalidPointerError);
  });

  it('names an item by its index without leading zeros', () => {
    expect(['0', '7', '10', '123456789012345'].map(arrayIndex)).toEqual([0, 7, 10, 123_456_789_012_345]);
    expect(['', '-', '01', '-1', '1.0', '1e1', ' 1', '٣', '1234567890123456'].map(arrayIndex)).toEqual(
      Array.from({ length: 9 }),
    );
  });
});
