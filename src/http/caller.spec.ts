import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { checkedId, noteOf } from './caller.js';

describe('workflow ids', () => {
  it.each(['a', 'thread-1', 'A.b_c:d-e@f~g+h', '0', 'x'.repeat(200)])('may be %s', (id) => {
    expect(checkedId(id)).toBe(id);
  });

  it('have only the characters of the alphabet, at every position', () => {
    const allowed = /^[A-Za-z0-9._:\-@~+]$/;
    for (let code = 0; code < 256; code++) {
      const character = String.fromCharCode(code);
      const accepts = (id: string) => {
        try {
          return checkedId(id) === id;
        } catch {
          return false;
        }
      };
      expect([code, accepts(`${character}bc`)]).toEqual([code, allowed.test(character) && character !== '.']);
      expect([code, accepts(`a${character}c`)]).toEqual([code, allowed.test(character)]);
      expect([code, accepts(`ab${character}`)]).toEqual([code, allowed.test(character)]);
    }
  });

  it.each(['', '.', '..', '.hidden', 'x'.repeat(201), 'a/b', 'émile', '🙂', 'a\n', 'count'])('are not %j', (id) => {
    expect(() => checkedId(id)).toThrow();
  });
});

describe('the note of a write', () => {
  const noted = (note: string) =>
    noteOf({
      headers: { 'x-waymark-note': Buffer.from(note, 'utf8').toString('latin1') },
    } as unknown as FastifyRequest);

  it('is UTF-8', () => {
    expect(noted('geprüft – 完了')).toBe('geprüft – 完了');
  });

  it('has at most 200 characters', () => {
    expect(noted('n'.repeat(200))).toHaveLength(200);
    expect(() => noted('n'.repeat(201))).toThrow(/200/);
  });
});
