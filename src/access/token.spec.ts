import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { digestOf, KEY_ID, newKeyId, newToken, parseToken, startOf } from './token.js';

const NAMES = [
  { kind: 'operator', id: 'abcdefgh234567ab' },
  ...['acme', 'a', 'with_under_score', 'x'.repeat(63), '0-_9', 'wmo', 'wmk_b'].map(
    (tenant) => ({ kind: 'key', tenant, id: newKeyId() }) as const,
  ),
] as const;

describe('a token', () => {
  it.each(NAMES)('is read as it was made: %p', (name) => {
    const token = newToken(name);
    expect(parseToken(token)).toEqual(name);
    expect(token).toMatch(/^wm[ko]_[a-z0-9_-]+_[0-9A-Za-z]{49}$/);
    expect(startOf(name, token)).toHaveLength(startOf(name).length + 4);
    expect(token.startsWith(startOf(name, token))).toBe(true);
  });

  it('is never the same twice, nor is an id', () => {
    const [name] = NAMES;
    expect(new Set(Array.from({ length: 1000 }, () => newToken(name))).size).toBe(1000);
    expect(new Set(Array.from({ length: 1000 }, newKeyId)).size).toBe(1000);
    expect(newKeyId()).toMatch(KEY_ID);
  });

  it('is refused when one character is another, missing or more', () => {
    const token = newToken({ kind: 'key', tenant: 'acme', id: newKeyId() });
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'a' ? 'b' : 'a';
      expect(parseToken(token.slice(0, at) + other + token.slice(at + 1))).toBeUndefined();
      expect(parseToken(token.slice(0, at) + token.slice(at + 1))).toBeUndefined();
      expect(parseToken(`${token.slice(0, at)}a${token.slice(at)}`)).toBeUndefined();
    }
  });

  it.each([
    '',
    'x',
    'wmk_',
    'Bearer',
    'a'.repeat(8192),
    '.'.repeat(120),
    `wmk_.of:a_${'a'.repeat(16)}_${'a'.repeat(49)}`,
  ])('is not %p', (text) => {
    expect(parseToken(text)).toBeUndefined();
  });

  it('is kept as its SHA-256', () => {
    expect(digestOf('wmk')).toEqual(createHash('sha256').update('wmk').digest());
  });
});
