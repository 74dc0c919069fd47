import { describe, expect, it } from '@jest/globals';
import { isIdPrefix, isWorkflowId } from './names.js';

describe('ids of workflows', () => {
  it('are 1 to 200 bytes of UTF-8', () => {
    for (const [text, bytes] of [
      ['a', 1],
      ['é', 2],
      ['語', 3],
      ['😀', 4],
    ] as const) {
      const most = Math.floor(200 / bytes);
      expect([text, isWorkflowId(text.repeat(most)), isWorkflowId(text.repeat(most + 1))]).toEqual([text, true, false]);
      expect(isWorkflowId(text.repeat(most) + 'x'.repeat((200 % bytes) + 1))).toBe(false);
    }
    expect(isWorkflowId('')).toBe(false);
  });

  it('may have any character but control characters, halves of a pair and noncharacters', () => {
    for (const id of [
      'a/b',
      ' ',
      'a b',
      '%2F',
      '?x=1#y',
      '"',
      '\\',
      '{tag}',
      '*',
      '[x]',
      '.a',
      '...',
      'count/',
      'ﬁ',
      '\u2028',
    ])
      expect([id, isWorkflowId(id)]).toEqual([id, true]);
    for (const id of ['\0', 'a\n', '\x7f', '\x85', '\ud83d', 'a\ude00', '\ufffe', 'a\uffff'])
      expect([JSON.stringify(id), isIdPrefix(id)]).toEqual([JSON.stringify(id), false]);
  });

  it('are not what has another meaning in a URL, though they may start with it', () => {
    for (const id of ['count', '.', '..']) expect([id, isWorkflowId(id), isIdPrefix(id)]).toEqual([id, false, true]);
  });
});
