import { describe, expect, it } from '@jest/globals';
import type { KnownOutcome } from '../commit.js';
import { OUTCOME_BYTES, sizeOf } from './detached-entry.js';

const meta = { id: 'w', incarnation: 'i', check: 'c', createdAtMs: 0, updatedAtMs: 0, deadlineMs: null };

describe('The size of a detached entry', () => {
  it('counts the outcomes that come with its base', () => {
    const sizeWith = (outcomes: readonly KnownOutcome[]) =>
      sizeOf({
        parts: [
          {
            is: 'touch',
            base: { on: 'version', incarnation: 'i', version: 1, check: 'c', outcomes },
            isConditional: false,
            touch: { id: 'w', ttl: null },
            after: { ...meta, version: 2, state: '{}' },
          },
        ],
        enqueue: [],
        publish: [],
      });
    const known: KnownOutcome = {
      once: { key: 'k', fingerprint: '', keepMs: 1 },
      untilMs: 1,
      workflow: { ...meta, version: 1, created: true },
    };
    expect(sizeWith([known, known]) - sizeWith([])).toBe(2 * OUTCOME_BYTES);
  });
});
