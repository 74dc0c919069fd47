import type { CommittedWorkflow } from '../../commit.js';
import type { MovedOutcome } from '../../moving/moved-outcome.js';
import { shownFields } from '../../moving/stamp.js';
import type { TaskRecord } from '../../task.js';

/** The outcome as the scripts keep it: "<until> <fingerprint>\n<JSON>". */
export function keptText({ fingerprint, untilMs, outcome }: MovedOutcome): string {
  return `${untilMs} ${fingerprint}\n${JSON.stringify(keptOf(outcome))}`;
}

function keptOf({ workflows, tasks = [], eventIds = [], next, memo }: MovedOutcome['outcome']): object {
  const isCommit = workflows.length + tasks.length + eventIds.length > 0 || next !== undefined || memo === undefined;
  const step = isCommit ? undefined : stepOf(memo);
  if (step !== undefined) return step;
  return {
    results: workflows.map(lineOf),
    states: workflows.map(({ state = '' }) => state),
    ...(memo !== undefined && { memo }),
    tasks: tasks.map(({ task, isDuplicate }) => [isDuplicate ? '1' : '0', fieldsOf(task)]),
    events: eventIds,
    lent: next === undefined ? [] : [[next.id, next.token]],
  };
}

/** What is kept of a claim, of a step, and of what was done to dead tasks; undefined for the memo of a commit. */
function stepOf(memo: string): object | undefined {
  let value: unknown;
  try {
    value = JSON.parse(memo);
  } catch {
    return undefined;
  }
  if (Array.isArray(value)) return { lent: value as unknown };
  const { task, eventId = '', ids } = (value ?? {}) as { task?: TaskRecord; eventId?: string; ids?: unknown };
  if (typeof task === 'object') return { task: fieldsOf(task), event: eventId };
  return Array.isArray(ids) ? { ids } : undefined;
}

function lineOf(workflow: CommittedWorkflow): string {
  const { id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs, created } = workflow;
  return [id, incarnation, version, createdAtMs, updatedAtMs, deadlineMs ?? '-', created ? '1' : '0'].join(' ');
}

function fieldsOf(task: TaskRecord): string[] {
  return [task.id, ...shownFields(task)].map((field) => String(field ?? ''));
}
