import { describe, expect, it } from '@jest/globals';
import { keptOutcome, Outcomes, typedKept } from './outcomes.js';

const META = {
  id: 'a',
  incarnation: 'incarnation',
  version: 2,
  check: 'check',
  createdAtMs: 1,
  updatedAtMs: 2,
  deadlineMs: 3,
};

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

  it('lose the states that they have', () => {
    const workflow = { ...META, created: false };
    const workflows = [{ ...workflow, state: 'x'.repeat(16_000) }];
    const bare = { is: 'commit', workflows: [workflow] };
    expect(typedKept({ is: 'commit', workflows })).toEqual(bare);
    expect(typedKept({ workflows })).toEqual(bare);
  });
});

describe('kept outcomes', () => {
  it('of a commit of 50 patches take little memory, whatever the states', () => {
    const workflows = Array.from({ length: 50 }, (_, i) => ({
      ...META,
      id: `workflow-${i}`,
      created: false,
      state: 'x'.repeat(16_000),
    }));
    const kept = keptOutcome({ key: 'key', fingerprint: 'f', keepMs: 86_400_000 }, { is: 'commit', workflows }, 1000);
    expect(kept).toMatchObject({ isLasting: true, untilMs: 86_401_000 });
    expect(JSON.stringify(kept).length).toBeLessThan(12_000);
    const outcomes = new Outcomes();
    outcomes.set('key', kept);
    expect(outcomes.get('key')).toEqual(kept);
    expect(outcomes.find('key', 'f', 1000)).toEqual(kept.outcome);
    expect(() => outcomes.find('key', 'another', 1000)).toThrow(/another request/);
    outcomes.set('key', undefined);
    expect(outcomes.get('key')).toBeUndefined();
  });
});
