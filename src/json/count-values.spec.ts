import { describe, expect, it } from '@jest/globals';
import { hasManyValues } from './count-values.js';

describe('hasManyValues', () => {
  it('counts values outside of texts', () => {
    expect(hasManyValues('{"a":[1,2,{"b":3}]}', 5)).toBe(false);
    expect(hasManyValues('{"a":[1,2,{"b":3}]}', 4)).toBe(true);
    expect(hasManyValues(JSON.stringify({ a: '[[[,,,"{{{' }), 1)).toBe(false);
    expect(hasManyValues('{"a":"not closed', 1)).toBe(false);
  });
});
