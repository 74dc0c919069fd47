import { describe, expect, it } from '@jest/globals';
import { typedKept } from './outcomes.js';

describe('outcomes of early journals', () => {
  const ofMemo = (memo: unknown) => typedKept({ workflows: [], memo: JSON.stringify(memo) });

  it('are recognised by the shape of their memo', () => {
    expect(ofMemo([['task', 'token']])).toEqual({ is: 'claim', lent: [['task', 'token']] });
    expect(ofMemo({ task: { id: 't' }, eventId: 'e', replayed: false })).toEqual({
      is: 'step',
      task: { id: 't' },
      eventId: 'e',
    });
    expect(ofMemo({ ids: ['t'], replayed: false })).toEqual({ is: 'dead', ids: ['t'] });
  });

  it('stay commits with any other memo, with parts, or without a memo', () => {
    for (const memo of ['text', '{"id":"w","version":1}', 'null', '']) {
      expect(typedKept({ workflows: [], memo })).toEqual({ is: 'commit', workflows: [], memo });
    }
    const parts = { workflows: [], eventIds: ['1'], memo: '[]' };
    expect(typedKept(parts)).toEqual({ is: 'commit', ...parts });
    expect(typedKept({ workflows: [] })).toEqual({ is: 'commit', workflows: [] });
  });

  it('are taken as they are when they say what they are', () => {
    const kept = { is: 'dead', ids: [] } as const;
    expect(typedKept(kept)).toBe(kept);
  });
});
