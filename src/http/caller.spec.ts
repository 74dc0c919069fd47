import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { checkedId, noteOf } from './caller.js';

describe('workflow ids', () => {
  it.each(['a', 'A.b_c:d-e@f~g+h', 'a/b', '.hidden', 'émile', '🙂', 'x'.repeat(200)])('may be %s', (id) => {
    expect(checkedId(id)).toBe(id);
  });

  it.each(['', 'x'.repeat(201), 'a\n'])('are not %j', (id) => {
    expect(() => checkedId(id)).toThrow('An id must be 1 to 200 bytes of UTF-8 without control characters');
  });

  it.each(['.', '..', 'count'])('are not %j, which means something else in a URL', (id) => {
    expect(() => checkedId(id)).toThrow(`"${id}" has another meaning in a URL, so it cannot be an id`);
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
