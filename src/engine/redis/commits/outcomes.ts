import type { ConflictName, Outcome } from '../../commit.js';
import { KeptAsConflictError } from '../../errors.js';
import { keptListOf, numberOf, textOf } from '../scripts/reply.js';
import { enqueuedOf } from '../tasks/task-replies.js';
import { committedOf } from '../workflows/workflow-replies.js';

/** Value of a once key: "<until> <fingerprint>\n<outcome>". */
export function keptOf(text: string): {
  readonly untilMs: number;
  readonly fingerprint: string;
  readonly outcome: string;
} {
  const [, until, fingerprint = '', outcome = ''] = /^(\d+) ([^\n]*)\n(.*)$/s.exec(text) ?? [];
  return { untilMs: numberOf(until), fingerprint, outcome };
}

/**
 * The outcome of a commit, from the JSON that commit.lua wrote beside its effect. A claimed task is not in it.
 * @throws KeptAsConflictError when conflict.lua wrote it
 */
export function replayOf(json: string): Outcome {
  const { results, states, memo, tasks, events, conflicts } = JSON.parse(json) as Record<string, unknown> & {
    memo?: string;
  };
  if (conflicts !== undefined) throw new KeptAsConflictError(conflicts as ConflictName[]);
  const kept = keptListOf(states);
  const workflows = keptListOf(results).map((result, i) => {
    const state = kept[i];
    return typeof state === 'string' && state !== '' ? { ...committedOf(result), state } : committedOf(result);
  });
  const enqueued = keptListOf(tasks).map(enqueuedOf);
  const eventIds = keptListOf(events).map(textOf);
  return {
    replayed: true,
    workflows,
    ...(enqueued.length > 0 && { tasks: enqueued }),
    ...(eventIds.length > 0 && { eventIds }),
    ...(memo !== undefined && { memo }),
  };
}
