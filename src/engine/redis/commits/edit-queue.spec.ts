import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { silentObserver } from '../../engine.js';
import { appending, engineOptions, workflowIndex } from '../../../../test/support/memory-commits.js';
import { Profiles } from '../../profile.js';
import { EditQueue } from './edit-queue.js';

const MIB = 1024 * 1024;

/** A queue whose reads of workflows end when the test says so, and find none. */
function queueWith(maxStateBytes: number) {
  const options = { ...engineOptions, maxStateBytes };
  const reads: (() => void)[] = [];
  const queue = new EditQueue({
    find: () => new Promise((resolve) => reads.push(() => resolve(undefined))),
    findOutcome: () => Promise.resolve(undefined),
    send: () => Promise.reject(new Error('nothing to send')),
    options,
    profiles: new Profiles(options, workflowIndex),
    observer: silentObserver,
    clock: Date.now,
  });
  const edit = (id: string) =>
    queue.run('t', { once: { key: id, fingerprint: '' }, patch: { id, edit: appending(1) } as never });
  return { edit, reads };
}

describe('EditQueue', () => {
  it.each([
    { maxStateBytes: MIB, atOnce: 64 },
    { maxStateBytes: 8 * MIB, atOnce: 8 },
    { maxStateBytes: 64 * MIB, atOnce: 4 },
  ])('edits $atOnce workflows at once, for states of $maxStateBytes bytes', async ({ maxStateBytes, atOnce }) => {
    const { edit, reads } = queueWith(maxStateBytes);
    const edits = Array.from({ length: 200 }, (_, i) => edit(`w-${i}`).catch((error: { code: string }) => error.code));
    for (let ended = 0; ended < 200;) {
      await nextTurn();
      expect(reads.length).toBe(Math.min(atOnce, 200 - ended));
      for (const end of reads.splice(0)) {
        end();
        ended++;
      }
    }
    expect(new Set(await Promise.all(edits))).toEqual(new Set(['WORKFLOW_NOT_FOUND']));
  });
});
