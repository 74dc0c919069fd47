import { describe, expect, it } from '@jest/globals';
import { table } from './table.js';

describe('a table', () => {
  it('aligns text left and numbers right', () => {
    expect(
      table([
        ['NAME', 'N'],
        ['a', 5],
        ['longer', 50],
      ]),
    ).toBe('NAME     N\na        5\nlonger  50');
  });

  it('shows no name that steers the terminal', () => {
    const names = ['\u001b[2Jx', '\u001b]0;x\u0007', 'a\nb', 'a\rb', '\u009b1m', '\u202eabc', 'a\u2028b', '\u2066x'];
    for (const name of names) {
      const text = table([['NAME'], [name]]);
      expect([name, text.split('\n').length, /[\p{Cc}\u202e\u2028\u2066]/u.test(text.replace('\n', ''))]).toEqual([
        name,
        2,
        false,
      ]);
    }
    expect(table([['NAME'], ['Zoë 山 👍']])).toContain('Zoë 山 👍');
  });
});
