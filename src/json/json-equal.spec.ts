import { describe, expect, it } from '@jest/globals';
import { parseDocument } from './document.js';
import { jsonEqual } from './json-equal.js';

const equal = (a: string, b: string) => [
  jsonEqual(parseDocument(a), parseDocument(b)),
  jsonEqual(parseDocument(b), parseDocument(a)),
];

describe('jsonEqual', () => {
  it.each([
    ['1', '1.0'],
    ['1', '10e-1'],
    ['100', '1E+2'],
    ['-0', '0'],
    ['0.00', '-0e7'],
    ['-1.50', '-15e-1'],
    ['1e-400', '0.1e-399'],
    ['1e-99999999999999999999', '10e-100000000000000000000'],
    ['"a"', '"\\u0061"'],
    ['"/"', '"\\/"'],
    ['"😀"', '"\\ud83d\\ude00"'],
    ['{"a":1,"b":[2]}', '{ "b" : [2.0], "\\u0061" : 1 }'],
    ['[]', '[ ]'],
    ['{}', '{ }'],
  ])('holds for %s and %s', (a, b) => {
    expect(equal(a, b)).toEqual([true, true]);
  });

  it.each([
    ['9007199254740993', '9007199254740992'],
    ['0.1', '0.1000000000000000055511151231257827'],
    ['1', '-1'],
    ['1', '10'],
    ['1e-400', '0'],
    ['1', '"1"'],
    ['0', 'false'],
    ['null', 'false'],
    ['true', 'false'],
    ['""', 'null'],
    ['[]', '{}'],
    ['[1,2]', '[2,1]'],
    ['[1]', '[1,1]'],
    ['{"a":1}', '{"a":1,"b":1}'],
    ['{"a":1}', '{"b":1}'],
    ['{"__proto__":1}', '{"toString":1}'],
    ['"a"', '"A"'],
    ['"a"', `"${'a'.repeat(50)}"`],
  ])('does not hold for %s and %s', (a, b) => {
    expect(equal(a, b)).toEqual([false, false]);
  });

  it('compares very long numbers fast', () => {
    const started = process.cpuUsage();
    expect(equal(`1${'0'.repeat(500_000)}1`, `1${'0'.repeat(500_000)}2`)).toEqual([false, false]);
    expect(equal(`1e-${'9'.repeat(500_000)}`, `10e-${'9'.repeat(500_001)}`)).toEqual([false, false]);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(500);
  });
});
