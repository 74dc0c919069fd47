import { describe, expect, it } from '@jest/globals';
import { taskOf, taskRow } from '../memory/journal/journal-rows.js';
import { taskFieldsModule } from '../redis/scripts/task-fields-lua.js';
import { begunTask } from '../task.js';
import { namesWith, TASK_FIELDS } from './task-fields.js';

/** Stored data depends on these orders. A list may only grow at its end. */
describe('the fields of a task', () => {
  it('stand in a row of the journal as they always have', () => {
    expect(namesWith('row').join(' ')).toBe(
      'queue status priority attempt maxAttempts releases replays workflowId createdAtMs readyAtMs dueAtMs expiresAtMs leaseEndsAtMs ' +
        'worker cancelRequested reason endedAtMs headers failures backoffMs leaseMs limitMs place token startedAtMs progress ' +
        'keptUntilMs dedupedUntilMs heldLeaseMs isTimed dedupeKey redeliveries',
    );
  });

  it('are packed by the scripts as they always have been', () => {
    const lua = taskFieldsModule(new Set(['pack', 'unpack']));
    const own =
      'terms, workflow, created, status, attempt, ready, expires, lease_ends, worker, token, place, started, held_lease, ended, ' +
      'kept_until, lent, lent_token, rare, bytes';
    const terms = 'queue, priority, max_attempts, backoff, lease, limit, is_timed, deduped_until, dedupe';
    expect(lua).toContain(`local ${own} = cmsgpack.unpack(packed)`);
    expect(lua).toContain(`local ${terms} = cmsgpack.unpack(terms)`);
    const packed = own.replaceAll(/\w+/g, (name) => (name === 'terms' || name === 'rare' ? name : `task.${name}`));
    expect(lua).toContain(`cmsgpack.pack(${packed})`);
    expect(lua).toContain(`cmsgpack.pack(${terms.replaceAll(/\w+/g, (name) => `task.${name}`)})`);
  });

  it('go out, and into stamps, as they always have', () => {
    const shown =
      'queue status priority attempt maxAttempts releases replays workflowId createdAtMs readyAtMs dueAtMs expiresAtMs leaseEndsAtMs ' +
      'worker cancelRequested reason endedAtMs';
    expect(namesWith('shown').join(' ')).toBe(`id ${shown}`);
    expect(namesWith('stamp').join(' ')).toBe(
      `${shown} token place startedAtMs progress keptUntilMs dedupedUntilMs heldLeaseMs redeliveries`,
    );
  });

  it('have places without gaps, each once', () => {
    for (const place of ['row', 'stamp', 'terms'] as const) {
      const places = Object.values(TASK_FIELDS).flatMap((field) => (place in field ? (field as never)[place] : []));
      expect(places.toSorted((a: number, b: number) => a - b)).toEqual(places.map((_, i) => i + 1));
    }
  });

  it('come back from a row, and from one that was written before the last fields were added', () => {
    const given = { queue: 'q', priority: 5, maxAttempts: 4, backoffMs: [1, 2], leaseMs: 1000, limitMs: null };
    const more = { id: 'a', payload: '1', headers: '{}', start: { delayMs: 0 }, expires: { afterDueMs: 1 } };
    const task = begunTask({ ...given, ...more }, 1000);
    expect(taskOf('a', taskRow(task))).toEqual(task);
    expect(taskOf('a', taskRow(task).slice(0, -3))).toEqual({ ...task, isTimed: false, dedupeKey: null });
  });
});
