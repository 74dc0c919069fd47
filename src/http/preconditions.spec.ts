import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { expectationOf, knownTagsOf } from './preconditions.js';

const asked = (headers: Record<string, string>) => ({ headers }) as unknown as FastifyRequest;

describe('preconditions', () => {
  it.each([
    ['a tag', '"abc123-7"', { etags: ['"abc123-7"'] }],
    ['a list of tags', '"abc123-7", "abc123-8"', { etags: ['"abc123-7"', '"abc123-8"'] }],
    ['a tag whose quotes a shell has eaten', 'abc123-7', { etags: ['"abc123-7"'] }],
    ['a whole tag whose quotes a shell has eaten', 'abc123-7.Xy_9', { etags: ['"abc123-7.Xy_9"'] }],
    ['a star', '*', { exists: true }],
    ['a weak tag, which matches nothing', 'W/"abc123-7"', { etags: [] }],
    ['a list of both kinds', 'W/"abc123-7",\t"abc123-8"', { etags: ['"abc123-8"'] }],
    ['a list with empty elements', ', "abc123-7" ,, ,abc123-8 ,', { etags: ['"abc123-7"', '"abc123-8"'] }],
    ['tags with commas inside', '"a,b",",", ","', { etags: ['"a,b"', '","', '","'] }],
    ['tags of other bytes', '"\u00fc"', { etags: ['"\u00fc"'] }],
    ['an empty tag', '""', { etags: ['""'] }],
  ])('reads %s from If-Match', (_what, header, expectation) => {
    expect(expectationOf(asked({ 'if-match': header }))).toEqual(expectation);
  });

  it.each(['7', '"open', 'W/abc', 'w/"abc"', '"a" "b"', '"a""b"', '*, "a"', '"a", *', '"a b"', ', ,', ' ', ''])(
    'refuses %j as If-Match',
    (header) => {
      expect(() => expectationOf(asked({ 'if-match': header }))).toThrow(/If-Match/);
    },
  );

  it('reads the longest header there is in no time', () => {
    const started = process.cpuUsage();
    for (const header of [`${' '.repeat(16_000)}x`, `${' ,'.repeat(8000)}x`, `"${','.repeat(16_000)}`]) {
      expect(() => expectationOf(asked({ 'if-match': header }))).toThrow(/If-Match/);
    }
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(1000);
  });

  it('takes If-None-Match: * on a write as create only', () => {
    expect(expectationOf(asked({ 'if-none-match': '*' }))).toEqual({ exists: false });
  });

  it('refuses tags in If-None-Match on a write, and both headers together', () => {
    expect(() => expectationOf(asked({ 'if-none-match': '"abc123-7"' }))).toThrow(/only \*/);
    expect(() => expectationOf(asked({ 'if-none-match': '*', 'if-match': '*' }))).toThrow(/combined/);
  });

  it('compares weakly on a read, since proxies that compress make tags weak', () => {
    expect(knownTagsOf(asked({ 'if-none-match': 'W/"abc123-7", "abc123-8"' }))).toEqual(['"abc123-7"', '"abc123-8"']);
  });

  it('expects nothing without headers', () => {
    expect(expectationOf(asked({}))).toBeUndefined();
    expect(knownTagsOf(asked({}))).toBeUndefined();
  });
});
