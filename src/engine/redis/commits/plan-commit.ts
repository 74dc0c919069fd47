import type { JsonNode } from '../../../json/document.js';
import type { BoardChange } from '../../board.js';
import type { Commit, ConflictName, Delete, Drained, Expect } from '../../commit.js';
import type { IndexValues, Once, Part, Patch, Put, Touch, Ttl } from '../../commit.js';
import { aboutPatch, resultOf } from '../../edit-result.js';
import type { EngineOptions } from '../../engine.js';
import { checkOf, digestOf } from '../../records/check.js';
import { etagOf, type WorkflowRecord } from '../../records/workflow-meta.js';
import { bytesOf, GIVEN, type NewTask } from '../../task.js';
import type { WorkflowIndex } from '../../workflow-index.js';
import { plannedClaim } from '../buckets.js';
import { planArguments, type ScriptRequest } from '../scripts/script-sender.js';
import { parcel, scriptFields, wellFormed } from '../tasks/task-replies.js';
import { keptJson } from './outcomes.js';

/** Consecutive versions of one workflow, for the script. Only the last one is indexed. */
export interface PlannedPut {
  readonly part: Extract<Part, 'puts' | 'patches'>;
  readonly at: number;
  readonly id: string;
  readonly expect: Expect | undefined;
  readonly mustExist: boolean;
  readonly inc: string;
  readonly index: readonly string[];
  /** One entry per version in each list, oldest first. */
  readonly ttls: readonly (number | 'never' | 'keep')[];
  readonly abouts: readonly string[];
  readonly checks: readonly string[];
  readonly states: readonly string[];
  /** Of the last state. */
  readonly digest: string;
}

/** A once key of a plan. It keeps the results from number `first` to number `last`, counted from 1; by default all. */
export interface PlannedOnce extends Once {
  readonly first?: number;
  readonly last?: number;
}

/** Parts of a commit that need the scripts of tasks: tasks, messages and boards. */
export type TaskParts = { readonly [P in 'ack' | 'claim' | 'board']: Commit[P] } & {
  readonly [P in 'enqueue' | 'publish' | 'cancelTasksOf']-?: NonNullable<Commit[P]>;
};

export function taskPartsOf(commit: Commit): TaskParts | undefined {
  const { ack, enqueue = [], publish = [], cancelTasksOf = [], claim, board } = commit;
  const count = enqueue.length + publish.length + cancelTasksOf.length;
  if (ack === undefined && claim === undefined && board === undefined && count === 0) return undefined;
  return { ack, enqueue, publish, cancelTasksOf, claim, board };
}

export interface Plan {
  readonly once: readonly PlannedOnce[];
  readonly puts: readonly PlannedPut[];
  readonly deletes: readonly Delete[];
  readonly touches: readonly Touch[];
  /** Undefined if there are none: a shorter script runs. */
  readonly tasks?: TaskParts | undefined;
  readonly resolves?: readonly ConflictName[] | undefined;
  readonly drained?: Drained | undefined;
  /** A conflict answers with the current state. */
  readonly wantState?: boolean;
  /** Nothing is written; the verdict is 'fine' or a refusal. */
  readonly checkOnly?: boolean;
}

function plannedTtl(ttl: Ttl): number | 'never' | 'keep' {
  return ttl ?? 'never';
}

export function entriesOf(index: IndexValues): string[] {
  return Object.entries(index).map(([field, value]) => `${field}=${value}`);
}

export function plannedPut(
  { id, expect, incarnation, state, index, ttl, about }: Put,
  at: number,
  { key }: Once,
): PlannedPut {
  const digest = digestOf(state);
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
    checks: [checkOf(key, digest)],
    states: [state],
    digest,
  };
}

/** A version that a patch makes. */
export interface PatchedVersion {
  readonly state: string;
  readonly about: string;
  readonly check: string;
  readonly digest: string;
  readonly index: readonly string[];
  readonly ttl: PlannedPut['ttls'][number];
}

/** @throws StateTooLargeError, InvalidJsonError, and what the edit throws */
export function applyPatch(
  patch: Patch,
  before: JsonNode,
  at: Date,
  { key }: Once,
  { index, options }: { readonly index: WorkflowIndex; readonly options: EngineOptions },
): { readonly document: JsonNode; readonly version: PatchedVersion } {
  const { document, changed } = patch.edit.apply(before, at);
  const result = resultOf(document, index, options.maxStateBytes);
  const about = JSON.stringify(aboutPatch(patch, changed));
  const { state } = result;
  const digest = digestOf(state);
  const check = checkOf(key, digest);
  const version = { state, about, check, digest, index: entriesOf(result.index), ttl: plannedTtl(patch.ttl) };
  return { document, version };
}

/** Put of the versions that patches make, on exactly the workflow they were applied to. */
export function patchedPut(
  base: WorkflowRecord,
  versions: readonly PatchedVersion[],
  { at, mustExist }: Pick<PlannedPut, 'at' | 'mustExist'>,
): PlannedPut {
  return {
    part: 'patches',
    at,
    id: base.id,
    expect: { etags: [etagOf(base)] },
    mustExist,
    inc: base.incarnation,
    index: versions.at(-1)?.index ?? [],
    ttls: versions.map(({ ttl }) => ttl),
    abouts: versions.map(({ about }) => about),
    checks: versions.map(({ check }) => check),
    states: versions.map(({ state }) => state),
    digest: versions.at(-1)?.digest ?? '',
  };
}

/** `puts` include the results of patches. */
export function planOf(commit: Commit, puts: readonly PlannedPut[]): Plan {
  const { once, deletes = [], touches = [] } = commit;
  return {
    once: [once],
    puts,
    deletes,
    touches,
    tasks: taskPartsOf(commit),
    resolves: commit.resolves,
    drained: commit.drained,
  };
}

/** Request for a plan: end.lua if it only ends a task, else commit.lua. */
export function requestOf(plan: Plan): ScriptRequest {
  return plainPutOf(plan) ?? endOf(plan) ?? commitOf(plan);
}

/** Request for plain-puts.lua and put-arguments.lua. Undefined if the plan is more than one put of one version under one once key. */
function plainPutOf(plan: Plan): ScriptRequest | undefined {
  const { once, puts, deletes, touches, tasks, resolves, drained, checkOnly, wantState } = plan;
  const [only, put] = [once[0], puts[0]];
  if (only === undefined || put === undefined || put.states.length > 1) return undefined;
  if (once.length + puts.length + deletes.length + touches.length > 2) return undefined;
  if (tasks !== undefined || resolves !== undefined || drained !== undefined || checkOnly) return undefined;
  if (only.memo !== undefined || only.alias !== undefined || only.isLease) return undefined;
  const { part, id, expect, mustExist, inc, index, digest } = put;
  const flags = `${part === 'patches' ? 'p' : ''}${mustExist ? 'm' : ''}${wantState ? 's' : ''}`;
  const [[ttl = ''], [about = ''], [check = ''], [state = '']] = [put.ttls, put.abouts, put.checks, put.states];
  const args = [
    'put',
    flags,
    only.key,
    only.fingerprint,
    String(only.keepMs ?? ''),
    id,
    expect === undefined ? '' : JSON.stringify(expect),
    inc,
    String(ttl),
    about,
    check,
    digest,
    JSON.stringify(index),
    String(index.length),
    ...index,
    state,
  ];
  return { scripts: 'workflows', args, ids: [id] };
}

/** JSON omits undefined members, so they are not removed here. */
function commitOf(plan: Plan): ScriptRequest {
  const { once, puts, deletes, touches, wantState, checkOnly, tasks: parts } = plan;
  const ids: string[] = [];
  const texts: string[] = [];
  for (const part of puts) {
    ids.push(part.id);
    texts.push(...part.states);
  }
  for (const { id } of deletes) ids.push(id);
  for (const { id } of touches) ids.push(id);
  if (parts !== undefined) texts.push(...textsOf(parts));
  const request = {
    kind: 'commit',
    once,
    puts: mapped(puts, withoutStates),
    deletes: mapped(deletes, ({ id, expect }, at) => ({ at, id, expect })),
    touches: mapped(touches, ({ id, expect, ttl }, at) => ({ at, id, expect, ttl: plannedTtl(ttl) })),
    ack: parts?.ack && { id: parts.ack.taskId, token: parts.ack.token },
    enqueue: parts && mapped(parts.enqueue, plannedTask),
    publish: parts && mapped(parts.publish, ({ channel, type }) => ({ channel, type })),
    cancelTasksOf: parts && mapped(parts.cancelTasksOf, (id) => id),
    claim: parts?.claim && plannedClaim(parts.claim),
    board: parts?.board && plannedBoard(parts.board),
    resolves: plan.resolves,
    drained: plan.drained && plannedDrained(plan.drained),
    wantState,
    checkOnly,
  };
  return {
    scripts: parts === undefined ? 'workflows' : 'tasks',
    args: planArguments(request, texts),
    ids,
    claims: parts?.claim?.tokens.length ?? 0,
  };
}

/** Undefined for an empty list. */
function mapped<T, U>(list: readonly T[], map: (item: T, at: number) => U): U[] | undefined {
  return list.length === 0 ? undefined : list.map(map);
}

/** Request for end.lua. Undefined if the plan does more than end a task under its lease and claim the next one. */
function endOf({ once, puts, deletes, touches, tasks, resolves, checkOnly }: Plan): ScriptRequest | undefined {
  const [only] = once;
  if (tasks?.ack === undefined || checkOnly || resolves !== undefined) return undefined;
  if (only?.isLease === undefined || only.mustStore) return undefined;
  const { ack, enqueue, publish, cancelTasksOf, board, claim } = tasks;
  const others = puts.length + deletes.length + touches.length + enqueue.length + publish.length + cancelTasksOf.length;
  if (others > 0 || board !== undefined) return undefined;
  // Most results are null, which is not stored.
  const texts = ack.result === 'null' ? [] : [ack.result];
  const plan = {
    kind: 'end',
    key: only.key,
    fingerprint: only.fingerprint === '' ? undefined : only.fingerprint,
    id: ack.taskId,
    token: ack.token,
    claim: claim && plannedClaim(claim),
  };
  return { scripts: 'tasks', args: planArguments(plan, texts), claims: claim?.tokens.length ?? 0 };
}

/** Texts beside the plan, in the order in which commit.lua reads them. */
function textsOf({ ack, enqueue, publish, board }: TaskParts): string[] {
  return [
    ...(ack === undefined ? [] : [ack.result]),
    ...enqueue.map(({ headers, payload }) => parcel(headers, payload)),
    ...publish.map(({ payload }) => payload),
    ...(board?.notices ?? []).map(({ text }) => text),
    ...(board?.entries ?? []),
  ];
}

/** States are sent beside the plan as plain text. A rest pattern would cost every write a microsecond. */
function withoutStates({ part, at, id, expect, mustExist, inc, index, ttls, abouts, checks, digest }: PlannedPut) {
  return {
    // Few members: the script decodes each put.
    part: part === 'puts' ? undefined : part,
    at,
    id,
    expect,
    mustExist: mustExist || undefined,
    inc,
    index,
    ttls,
    abouts,
    checks,
    digest,
  };
}

function plannedDrained({ recovered, outcomes }: Drained) {
  return {
    recovered,
    outcomes: outcomes?.map(({ once: { key, fingerprint, keepMs, memo }, workflow }) => {
      const kept = keptJson({ is: 'commit', workflows: [workflow], ...(memo !== undefined && { memo }) });
      return { key, fingerprint, keepMs, kept };
    }),
  };
}

/** Change for board.lua. */
function plannedBoard({ board, add = {}, notices = [], entries = [] }: BoardChange) {
  return { board, add, notices: notices.map(({ name, keepMs }) => ({ name, keepMs })), entries: entries.length };
}

/** Task for create-task.lua. */
function plannedTask(task: NewTask) {
  const { id, start, expires, dedupe } = task;
  return {
    id,
    bytes: bytesOf(task),
    dedupe: dedupe && { ...dedupe, key: wellFormed(dedupe.key) },
    task: scriptFields(GIVEN, task),
    // Spreads last: V8 is many times slower with a member after a spread.
    ...start,
    ...('atMs' in expires ? { expiresAtMs: expires.atMs } : { expiresAfterMs: expires.afterDueMs }),
  };
}
