import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { complexityOf, CURVES, readText, scoreOf, type Factors } from './complexity.js';

/** A seeded generator, so that failures are repeatable. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const NAMES = Object.keys(CURVES) as (keyof Factors)[];

describe('the score', () => {
  it('is in [0, 1), and 0 for an empty text', () => {
    expect(scoreOf({ length: 0, punctuation: 0, uniqueTokens: 0 })).toBe(0);
    const random = randomOf(1);
    for (let i = 0; i < 5000; i++) {
      const some = () => Math.floor(10 ** (random() * 15));
      const score = scoreOf({ length: some(), punctuation: some(), uniqueTokens: some() });
      expect(score >= 0 && score < 1).toBe(true);
    }
  });

  it.each(NAMES)('never falls while %s grows and the others are constant', (name) => {
    const random = randomOf(NAMES.indexOf(name) + 2);
    for (let i = 0; i < 5000; i++) {
      const some = (digits: number) => Math.floor(10 ** (random() * digits)) - 1;
      const factors = { length: some(6), punctuation: some(5), uniqueTokens: some(5) };
      const more = { ...factors, [name]: factors[name] + 1 + some(4) };
      expect(scoreOf(more)).toBeGreaterThanOrEqual(scoreOf(factors));
    }
  });

  it.each(NAMES)('rises with %s, by as much as the factor weighs', (name) => {
    const none = { length: 0, punctuation: 0, uniqueTokens: 0 };
    const { weight, half } = CURVES[name];
    expect(scoreOf({ ...none, [name]: half })).toBeCloseTo(weight / 2, 3);
    expect(scoreOf({ ...none, [name]: 1e9 })).toBeCloseTo(weight, 3);
  });

  it('never falls when words are added to a text', () => {
    const random = randomOf(7);
    const words = ['law', 'court', 'e\u0301', 'é', 'Straße', '契約', '🙂', '—', 'a,b;c', '42', 'don’t', 'นี่', '\u0000'];
    for (let i = 0; i < 300; i++) {
      let text = '';
      let before = 0;
      for (let n = 0; n < 30; n++) {
        text += `${' '.repeat(1 + Math.floor(random() * 3))}${words[Math.floor(random() * words.length)]}`;
        const { d_var } = complexityOf(readText(text));
        expect(d_var).toBeGreaterThanOrEqual(before);
        before = d_var;
      }
    }
  });
});

describe('a text', () => {
  it.each<[string, string, Factors]>([
    ['nothing', '', { length: 0, punctuation: 0, uniqueTokens: 0 }],
    ['white space', ' \n\t\u00a0\u2003 ', { length: 0, punctuation: 0, uniqueTokens: 0 }],
    ['words', 'The cat, the CAT.', { length: 17, punctuation: 2, uniqueTokens: 2 }],
    ['runs of white space', '  a \n\n\t b  ', { length: 3, punctuation: 0, uniqueTokens: 2 }],
    ['letters composed in two ways', 'caf\u00e9 cafe\u0301', { length: 9, punctuation: 0, uniqueTokens: 1 }],
    ['a script without spaces', '契約を契約する。', { length: 8, punctuation: 1, uniqueTokens: 5 }],
    ['emoji', '🙂🙂 👍🏽!', { length: 6, punctuation: 1, uniqueTokens: 2 }],
    ['Arabic and its punctuation', 'مرحبا، كيف؟', { length: 11, punctuation: 2, uniqueTokens: 2 }],
    ['half a character', 'a \ud83d b', { length: 5, punctuation: 0, uniqueTokens: 2 }],
    ['numbers and names', 'v1.2 my_var = 3', { length: 15, punctuation: 2, uniqueTokens: 4 }],
  ])('is counted: %s', (_what, text, factors) => {
    expect(readText(text).factors).toEqual(factors);
  });

  it('always gives the same counts', () => {
    const text = 'Draft a motion; cite Smith v. Jones (2019).';
    expect(readText(text)).toEqual(readText(text));
  });

  it('of the examples in docs/routing.md has the score that is written there', () => {
    const page = readFileSync(new URL('../../docs/routing.md', import.meta.url), 'utf8');
    const [, table = ''] = /<!-- scores -->([^]*?)<!-- \/scores -->/.exec(page) ?? [];
    const rows = table.split('\n').flatMap((line) => {
      const cells = line.split('|').map((cell) => cell.trim());
      return cells.length === 7 && cells[1]?.startsWith('`') ? [cells] : [];
    });
    expect(rows.length).toBeGreaterThanOrEqual(8);
    for (const [, text = '', length, punctuation, uniqueTokens, d_var] of rows) {
      const [, body = '', times = '1'] = /^`(.*)`(?: × (\d+))?$/.exec(text) ?? [];
      const whole = Array.from({ length: Number(times) }, () => body).join(' ');
      expect({ text, ...complexityOf(readText(whole)) }).toEqual({
        text,
        d_var: Number(d_var),
        factors: { length: Number(length), punctuation: Number(punctuation), uniqueTokens: Number(uniqueTokens) },
      });
    }
  });
});

describe('a text with a long run of combining marks', () => {
  it('is read without the marks after the thirtieth, since normalising them takes quadratic time', () => {
    const mark = '\u0316';
    const short = readText(`x${mark.repeat(30)}y`);
    expect(short.factors.length).toBe(32);
    expect(readText(`x${mark.repeat(15_000)}y`)).toEqual(short);
    expect(readText(`x${mark.repeat(31)} y`).factors.length).toBe(33);
  });
});
