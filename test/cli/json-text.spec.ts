import { describe, expect, it } from '@jest/globals';
import { JsonText, toJson } from '../../src/client/json-text.js';

describe('JSON with texts in it', () => {
  it('is what JSON.stringify makes of it, apart from the texts', () => {
    const value = { a: [1, 'x"', null, undefined], b: { c: undefined, d: new Date(0) }, e: true };
    expect(toJson(value)).toBe(JSON.stringify(value));
    expect(toJson({ a: [JsonText.of('1.50')], b: JsonText.of(' {} ') })).toBe('{"a":[1.50],"b": {} }');
    expect(toJson(undefined)).toBe('null');
  });

  it('takes no text that is no JSON', () => {
    expect(() => JsonText.of('{')).toThrow(SyntaxError);
  });
});
