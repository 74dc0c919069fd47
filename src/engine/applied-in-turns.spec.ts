import { describe, expect, it } from '@jest/globals';
import { parseDocument } from '../json/document.js';
import { appliedInTurns } from './applied-in-turns.js';
import type { Patch } from './commit.js';

const MIB = 1024 * 1024;
const at = new Date(0);

describe('appliedInTurns', () => {
  let applied: string[];
  const patch = (id: string, result: () => string): Patch => ({
    id,
    ttl: 'keep',
    by: 'test',
    edit: {
      cause: 'patch',
      apply: () => {
        applied.push(id);
        return { document: parseDocument(result()), changed: null };
      },
    },
  });
  const ids = Array.from({ length: 50 }, (_, i) => `w${i}`);
  const megabyte = () => JSON.stringify('x'.repeat(MIB - 2));

  async function attempt(patches: readonly Patch[], maxStateBytes = MIB) {
    applied = [];
    return appliedInTurns(patches, () => '{}', { at, maxStateBytes });
  }

  it('keeps each result for the state that it was made from', async () => {
    const [first] = await attempt([patch('a', () => '1')]);
    expect(first?.edit.apply(parseDocument('{}'), at).document.text).toBe('1');
    expect(applied).toEqual(['a']);
    first?.edit.apply(parseDocument('{"other":1}'), at);
    expect(applied).toEqual(['a', 'a']);
  });

  it('stops at the first patch that does not fit into a commit', async () => {
    expect(await attempt(ids.map((id) => patch(id, megabyte)))).toHaveLength(50);
    expect(applied).toEqual(ids.slice(0, 5));
  });

  it('stops at the first result that is larger than a state may be', async () => {
    await attempt([patch('a', () => '1'), patch('b', megabyte), patch('c', () => '1')], MIB - 1);
    expect(applied).toEqual(['a', 'b']);
  });

  it('stops at the first patch that fails, and leaves the error to the commit', async () => {
    const fails = patch('b', () => {
      throw new Error('fails');
    });
    const [, second] = await attempt([patch('a', () => '1'), fails, patch('c', () => '1')]);
    expect(applied).toEqual(['a', 'b']);
    expect(() => second?.edit.apply(parseDocument('{}'), at)).toThrow('fails');
  });

  it('leaves a patch of a workflow that does not exist, and goes on', async () => {
    applied = [];
    const patches = [patch('a', () => '1'), patch('b', () => '1')];
    const found = await appliedInTurns(patches, (id) => (id === 'a' ? undefined : '{}'), { at, maxStateBytes: MIB });
    expect(found[0]).toBe(patches[0]);
    expect(applied).toEqual(['b']);
  });
});
