import type { CommittedWorkflow, ConflictName, Outcome } from '../../commit.js';
import { KeptAsConflictError } from '../../errors.js';
import type { Kept, MovedOutcome } from '../../kept.js';
import { versionNameOf } from '../../records/workflow-meta.js';
import { keptListOf, numberOf, textOf } from '../scripts/reply.js';
import { enqueuedOf, textsOf } from '../tasks/task-replies.js';
import { committedOf } from '../workflows/workflow-replies.js';

/** Value of a once key: "<until> <fingerprint>\n<outcome>". Undefined for any other text. */
export function keptOf(
  text: string,
): { readonly untilMs: number; readonly fingerprint: string; readonly outcome: string } | undefined {
  const [, until, fingerprint = '', outcome = ''] = /^(\d+) ([^\n]*)\n(.*)$/s.exec(text) ?? [];
  if (until === undefined) return undefined;
  return { untilMs: numberOf(until), fingerprint, outcome };
}

/** The reverse of `keptOf`. */
export function keptText({ fingerprint, untilMs, outcome }: MovedOutcome): string {
  return `${untilMs} ${fingerprint}\n${keptJson(outcome)}`;
}

/** Outcome in a value of a once key. */
export function keptJson(outcome: Kept): string {
  return JSON.stringify(storedOf(outcome));
}

/** Outcome in the form of commit.lua, claim.lua, step.lua and dead.lua. */
function storedOf(outcome: Kept): object {
  switch (outcome.is) {
    case 'claim':
      return { lent: outcome.lent };
    case 'step':
      return { task: textsOf(outcome.task), event: outcome.eventId ?? '' };
    case 'dead':
      return { ids: outcome.ids };
    case 'commit': {
      const { workflows, tasks = [], eventIds = [], next, memo } = outcome;
      return {
        results: workflows.map(lineOf),
        ...(memo !== undefined && { memo }),
        tasks: tasks.map(({ task, isDuplicate }) => [isDuplicate ? '1' : '0', textsOf(task)]),
        events: eventIds,
        lent: next === undefined ? [] : [[next.id, next.token]],
      };
    }
  }
}

function lineOf(workflow: CommittedWorkflow): string {
  const { id, incarnation, createdAtMs, updatedAtMs, deadlineMs, created } = workflow;
  const version = versionNameOf(workflow);
  return [id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs ?? '-', created ? '1' : '0'].join(' ');
}

/**
 * Outcome of a commit, without a claimed task, from the JSON that commit.lua stored.
 * @throws KeptAsConflictError if conflict.lua stored it
 */
export function replayOf(json: string): Outcome {
  const { results, memo, tasks, events, conflicts } = JSON.parse(json) as Record<string, unknown> & {
    memo?: string;
  };
  if (conflicts !== undefined) throw new KeptAsConflictError(conflicts as ConflictName[]);
  const workflows = keptListOf(results).map(committedOf);
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
