import type {
  Commit,
  ConflictName,
  Delete,
  Drained,
  Expect,
  IndexValues,
  Once,
  Part,
  Put,
  Touch,
  Ttl,
} from '../commit.js';
import type { EngineOptions } from '../engine.js';
import type { Ack, Claim, Message, NewTask } from '../task.js';
import { stateKey } from './keys.js';
import type { Fence, ScriptArguments } from './sender.js';
import { parcel, wellFormed } from './task-replies.js';

/** A put as the script takes it: several versions of one workflow in a row, of which only the last one is indexed. */
export interface PlannedPut {
  readonly part: Extract<Part, 'puts' | 'patches'>;
  readonly at: number;
  readonly id: string;
  readonly expect: Expect | undefined;
  readonly mustExist: boolean;
  readonly inc: string;
  readonly index: readonly string[];
  /** One of each for each version, oldest first. */
  readonly ttls: readonly (number | 'never' | 'keep')[];
  readonly abouts: readonly string[];
  readonly states: readonly string[];
}

/** Which results a once key stands for, counted from 1. */
export interface PlannedOnce extends Once {
  readonly first: number;
  readonly last: number;
}

/** The parts of a commit that are about tasks and the feed. */
export interface TaskParts {
  readonly ack: Ack | undefined;
  readonly enqueue: readonly NewTask[];
  readonly publish: readonly Message[];
  readonly cancelTasksOf: readonly string[];
  readonly claim: Claim | undefined;
}

export function taskPartsOf(commit: Commit): TaskParts | undefined {
  const { ack, enqueue = [], publish = [], cancelTasksOf = [], claim } = commit;
  const count = enqueue.length + publish.length + cancelTasksOf.length;
  if (ack === undefined && claim === undefined && count === 0) return undefined;
  return { ack, enqueue, publish, cancelTasksOf, claim };
}

export interface Plan {
  readonly once: readonly PlannedOnce[];
  readonly puts: readonly PlannedPut[];
  readonly deletes: readonly Delete[];
  readonly touches: readonly Touch[];
  /** Undefined when there are none: then a shorter script does. */
  readonly tasks?: TaskParts | undefined;
  readonly settles?: readonly ConflictName[] | undefined;
  readonly drained?: Drained | undefined;
  /** A conflict brings the current state. */
  readonly wantState?: boolean;
  /** Nothing is written; the verdict is 'fine' or the refusal. */
  readonly checkOnly?: boolean;
}

export function plannedTtl(ttl: Ttl): number | 'never' | 'keep' {
  return ttl ?? 'never';
}

export function entriesOf(index: IndexValues): string[] {
  return Object.entries(index).map(([field, value]) => `${field}=${value}`);
}

export function plannedPut({ id, expect, incarnation, state, index, ttl, about }: Put, at: number): PlannedPut {
  return {
    part: 'puts',
    at,
    id,
    expect,
    mustExist: false,
    inc: incarnation,
    index: entriesOf(index),
    ttls: [plannedTtl(ttl)],
    abouts: [JSON.stringify(about)],
    states: [state],
  };
}

/** The plan of a commit whose patches have been worked out as puts. */
export function planOf(commit: Commit, puts: readonly PlannedPut[]): Plan {
  const { once, deletes = [], touches = [] } = commit;
  return {
    once: [{ ...once, first: 1, last: puts.length + touches.length }],
    puts,
    deletes,
    touches,
    tasks: taskPartsOf(commit),
    settles: commit.settles,
    drained: commit.drained,
    wantState: false,
  };
}

/** The state keys, and the arguments behind prefix, time and default time to live. */
export function argumentsOf(
  prefix: string,
  plan: Plan,
  { historyLimit, historyMaxBytes, tasks }: EngineOptions,
  { replica, epoch }: Fence,
): ScriptArguments {
  const { once, puts, deletes, touches, wantState, checkOnly } = plan;
  const keys: string[] = [];
  const states: string[] = [];
  for (const part of puts) {
    keys.push(stateKey(prefix, part.id));
    states.push(...part.states);
  }
  for (const { id } of deletes) keys.push(stateKey(prefix, id));
  for (const { id } of touches) keys.push(stateKey(prefix, id));
  // Queues have no key that every commit touches; any key of the tenant routes the script.
  if (keys.length === 0) keys.push(stateKey(prefix, ''));
  // Members that are undefined are left out; so nothing is copied for the sake of leaving it out.
  const parts = plan.tasks;
  const message = JSON.stringify({
    replica,
    epoch,
    historyLimit,
    historyMaxBytes,
    once,
    puts: puts.map(withoutStates),
    deletes: deletes.length === 0 ? undefined : deletes.map(({ id, expect }, at) => ({ at, id, expect })),
    touches:
      touches.length === 0
        ? undefined
        : touches.map(({ id, expect, ttl }, at) => ({ at, id, expect, ttl: plannedTtl(ttl) })),
    limits: parts && tasks,
    ack: parts?.ack && { id: parts.ack.taskId, token: parts.ack.token },
    enqueue: parts?.enqueue.map(plannedTask),
    publish: parts?.publish.map(({ channel, type }) => ({ channel, type })),
    cancelTasksOf: parts?.cancelTasksOf,
    claim: parts?.claim,
    settles: plan.settles,
    drained: plan.drained,
    wantState,
    checkOnly,
  });
  return { keys, args: parts === undefined ? [message, ...states] : [message, ...states, ...textsOf(parts)] };
}

/** What travels beside the plan, in the order in which commit.lua takes it. */
function textsOf({ ack, enqueue, publish }: TaskParts): string[] {
  return [
    ...(ack === undefined ? [] : [ack.result]),
    ...enqueue.map(({ headers, payload }) => parcel(headers, payload)),
    ...publish.map(({ payload }) => payload),
  ];
}

/** States travel beside the plan, as the texts they are. Spelled out, since a rest pattern here costs every write a microsecond. */
function withoutStates({ part, at, id, expect, mustExist, inc, index, ttls, abouts }: PlannedPut) {
  return { part, at, id, expect, mustExist, inc, index, ttls, abouts };
}

/** A task as create_task in tasks.lua takes it; what is null is left out, for Lua has a null of its own kind. */
function plannedTask(task: NewTask) {
  const { id, queue, priority, start, expires, maxAttempts, backoffMs, leaseMs, limitMs, dedupe, workflowId } = task;
  return {
    id,
    queue,
    priority,
    ...start,
    ...('atMs' in expires ? { expiresAtMs: expires.atMs } : { expiresAfterMs: expires.afterDueMs }),
    maxAttempts,
    backoff: backoffMs.join(','),
    leaseMs,
    limitMs: limitMs ?? undefined,
    dedupe: dedupe && { ...dedupe, key: wellFormed(dedupe.key) },
    workflow: workflowId,
  };
}
