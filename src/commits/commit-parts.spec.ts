import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { WorkflowIndex } from '../engine/workflow-index.js';
import { CommitBody } from './commit.dto.js';
import { partsOf, type CommitContext } from './commit-parts.js';

const context = {
  caller: { by: 'test' },
  note: undefined,
  index: new WorkflowIndex(['/status']),
  limits: { maxBytes: 1, waitLimitMs: 1, newId: () => 'x' },
  pace: undefined,
  ttlMs: null,
} as unknown as CommitContext;

async function turnsOf(states: readonly string[]): Promise<number> {
  const puts = states.map((state, i) => ({ id: `w${i}`, state }));
  const reading = partsOf(
    Object.assign(new CommitBody(), { puts, patches: [], deletes: [], enqueue: [], publish: [] }),
    context,
  );
  const read = reading.then(() => 'read');
  let turns = 0;
  while ((await Promise.race([read, nextTurn('turn')])) === 'turn') turns++;
  expect((await reading).puts).toHaveLength(states.length);
  return turns;
}

describe('partsOf', () => {
  it('reads small states in one turn of the event loop, and large ones in several', async () => {
    expect(await turnsOf(Array.from({ length: 50 }, () => '{"status":"x"}'))).toBe(0);
    const large = JSON.stringify('x'.repeat(300_000));
    expect(await turnsOf([large, large, large, large])).toBeGreaterThanOrEqual(3);
  });
});
