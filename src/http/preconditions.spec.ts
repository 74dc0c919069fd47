import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { expectationOf, knownTagsOf } from './preconditions.js';

const asked = (headers: Record<string, string>) => ({ headers }) as unknown as FastifyRequest;

describe('preconditions', () => {
  it.each([
    ['a tag', '"abc123-7"', { etags: ['"abc123-7"'] }],
    ['a list of tags', '"abc123-7", "abc123-8"', { etags: ['"abc123-7"', '"abc123-8"'] }],
    ['a tag whose quotes a shell has eaten', 'abc123-7', { etags: ['"abc123-7"'] }],
    ['a star', '*', { exists: true }],
    ['a weak tag, which matches nothing', 'W/"abc123-7"', { etags: [] }],
  ])('reads %s from If-Match', (_what, header, expectation) => {
    expect(expectationOf(asked({ 'if-match': header }))).toEqual(expectation);
  });

  it.each(['7', '"open', 'W/abc', '"a" "b"', ''])('refuses %j as If-Match', (header) => {
    expect(() => expectationOf(asked({ 'if-match': header }))).toThrow(/If-Match/);
  });

  it('takes If-None-Match: * on a write as create only', () => {
    expect(expectationOf(asked({ 'if-none-match': '*' }))).toEqual({ exists: false });
  });

  it('refuses tags in If-None-Match on a write, and both headers together', () => {
    expect(() => expectationOf(asked({ 'if-none-match': '"abc123-7"' }))).toThrow(/only \*/);
    expect(() => expectationOf(asked({ 'if-none-match': '*', 'if-match': '*' }))).toThrow(/combined/);
  });

  it('expects nothing without headers', () => {
    expect(expectationOf(asked({}))).toBeUndefined();
    expect(knownTagsOf(asked({}))).toBeUndefined();
  });
});
